"""silver.campaign_audience: who each campaign was for."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.audience import build_audience, with_assignments
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.experiments import CAMPAIGN_ASSIGNMENTS
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, EVENTS, EXTERNAL_ASSIGNMENTS


def audience(run: Run) -> DataFrame:
    """One row per campaign and user: as assigned here, else as assigned elsewhere, else from the sends."""
    sent = build_audience(run.read(EVENTS), default_variant=run.settings.campaigns.default_variant)
    return with_assignments(with_assignments(sent, run.read(EXTERNAL_ASSIGNMENTS)), run.read(CAMPAIGN_ASSIGNMENTS))


JOB = Job(
    name="build_campaign_audience",
    reads=(EVENTS, EXTERNAL_ASSIGNMENTS, CAMPAIGN_ASSIGNMENTS),
    writes=(CAMPAIGN_AUDIENCE,),
    work=Replaces(CAMPAIGN_AUDIENCE, audience),
    config=("campaigns",),
)

if __name__ == "__main__":
    JOB.main()
