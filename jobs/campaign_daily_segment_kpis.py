"""gold.campaign_daily_segment_kpis: additive sums by business day, segment, channel and model."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.hourly import build_daily_segment_kpis
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.campaigns import CAMPAIGN_DAILY_SEGMENT_KPIS, CAMPAIGN_HOURLY_KPIS


def daily_segment_kpis(run: Run) -> DataFrame:
    """Sum the hours of each day."""
    return build_daily_segment_kpis(run.read(CAMPAIGN_HOURLY_KPIS))


JOB = Job(
    name="campaign_daily_segment_kpis",
    reads=(CAMPAIGN_HOURLY_KPIS,),
    writes=(CAMPAIGN_DAILY_SEGMENT_KPIS,),
    work=Replaces(CAMPAIGN_DAILY_SEGMENT_KPIS, daily_segment_kpis),
)

if __name__ == "__main__":
    JOB.main()
