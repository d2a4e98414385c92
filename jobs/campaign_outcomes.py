"""gold.campaign_outcomes: what each user of a campaign's audience did while it ran."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.outcomes import build_outcomes, counted_events
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS, CAMPAIGNS, EVENTS, USERS


def outcomes(run: Run) -> DataFrame:
    """Sum what counts for each campaign by user."""
    audience = run.read(CAMPAIGN_AUDIENCE)
    counted = counted_events(run.read(EVENTS), run.read(CAMPAIGNS), audience, run.read(CAMPAIGN_ITEMS))
    return build_outcomes(counted, audience, run.read(USERS))


JOB = Job(
    name="campaign_outcomes",
    reads=(EVENTS, CAMPAIGNS, CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS, USERS),
    writes=(CAMPAIGN_OUTCOMES,),
    work=Replaces(CAMPAIGN_OUTCOMES, outcomes),
)

if __name__ == "__main__":
    JOB.main()
