"""gold.campaign_hourly_kpis: additive sums by hour, segment, channel and model; only days that changed are counted again."""

from mapping_spark.campaign.hourly import build_hourly_kpis
from mapping_spark.campaign.inputs import INPUTS, counted_events_of
from mapping_spark.campaign.touched import touched_days
from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.campaigns import CAMPAIGN_HOURLY_KPIS
from mapping_spark.tables.gold import RECOMMENDATIONS
from mapping_spark.tables.silver import CURRENCY_RATES


def hourly_kpis(run: Run) -> None:
    """Count the events of touched days (of all, the first time) and replace these days."""
    config = run.settings.campaigns
    days = touched_days(run.store, run.last_inputs(), run.versions, INPUTS)
    counted, rates = counted_events_of(run.read, config.currency, days), str(run.versions[CURRENCY_RATES.name])
    frame = build_hourly_kpis(counted, run.read(RECOMMENDATIONS), config, rates_version=rates)
    run.store.replace_days(CAMPAIGN_HOURLY_KPIS, frame, days)


WORK = Does(hourly_kpis, "replace the days of gold.campaign_hourly_kpis whose inputs changed")
JOB = Job(name="campaign_hourly_kpis", reads=(*INPUTS, RECOMMENDATIONS), writes=(CAMPAIGN_HOURLY_KPIS,), work=WORK, config=("campaigns",))

if __name__ == "__main__":
    JOB.main()
