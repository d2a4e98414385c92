"""gold.campaign_kpis: additive sums per campaign, variant and segment."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.kpis import build_kpis
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.gold import CAMPAIGN_KPIS, CAMPAIGN_OUTCOMES


def kpis(run: Run) -> DataFrame:
    """Sum the outcomes of users."""
    return build_kpis(run.read(CAMPAIGN_OUTCOMES), run.settings.campaigns)


JOB = Job(
    name="campaign_kpis",
    reads=(CAMPAIGN_OUTCOMES,),
    writes=(CAMPAIGN_KPIS,),
    work=Replaces(CAMPAIGN_KPIS, kpis),
    config=("campaigns",),
)

if __name__ == "__main__":
    JOB.main()
