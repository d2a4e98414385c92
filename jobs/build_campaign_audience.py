"""silver.campaign_audience: who each campaign was sent to."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.audience import build_audience
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, EVENTS


def audience(run: Run) -> DataFrame:
    """One row per campaign and user, from the sends."""
    return build_audience(run.read(EVENTS), default_variant=run.settings.campaigns.default_variant)


JOB = Job(
    name="build_campaign_audience",
    reads=(EVENTS,),
    writes=(CAMPAIGN_AUDIENCE,),
    work=Replaces(CAMPAIGN_AUDIENCE, audience),
    config=("campaigns",),
)

if __name__ == "__main__":
    JOB.main()
