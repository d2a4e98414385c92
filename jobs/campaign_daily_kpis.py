"""gold.campaign_daily_kpis: additive sums per campaign, variant and business day."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.kpis import build_daily_kpis
from mapping_spark.campaign.outcomes import counted_events
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS, CAMPAIGNS, EVENTS


def daily_kpis(run: Run) -> DataFrame:
    """Sum what counts for each campaign by day."""
    counted = counted_events(run.read(EVENTS), run.read(CAMPAIGNS), run.read(CAMPAIGN_AUDIENCE), run.read(CAMPAIGN_ITEMS))
    return build_daily_kpis(counted, run.settings.campaigns)


JOB = Job(
    name="campaign_daily_kpis",
    reads=(EVENTS, CAMPAIGNS, CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS),
    writes=(CAMPAIGN_DAILY_KPIS,),
    work=Replaces(CAMPAIGN_DAILY_KPIS, daily_kpis),
    config=("campaigns",),
)

if __name__ == "__main__":
    JOB.main()
