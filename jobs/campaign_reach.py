"""gold.campaign_reach: different users by day, and sketches that merge; only days that changed are counted again."""

from mapping_spark.campaign.inputs import INPUTS, counted_events_of
from mapping_spark.campaign.reach import build_reach
from mapping_spark.campaign.touched import touched_days
from mapping_spark.job import Does, Job, Run
from mapping_spark.tables.campaigns import CAMPAIGN_REACH


def reach(run: Run) -> None:
    """Count the users of touched days (of all, the first time) and replace these days."""
    days = touched_days(run.store, run.last_inputs(), run.versions, INPUTS)
    counted = counted_events_of(run.read, run.settings.campaigns.currency, days)
    run.store.replace_days(CAMPAIGN_REACH, build_reach(counted), days)


WORK = Does(reach, "replace the days of gold.campaign_reach whose inputs changed")
JOB = Job(name="campaign_reach", reads=INPUTS, writes=(CAMPAIGN_REACH,), work=WORK, config=("campaigns",))

if __name__ == "__main__":
    JOB.main()
