"""gold.published_campaign_kpis: campaign KPIs without groups that are too small."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.published import build_published
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.campaigns import PUBLISHED_CAMPAIGN_KPIS
from mapping_spark.tables.gold import CAMPAIGN_KPIS


def published(run: Run) -> DataFrame:
    """Withhold what is too small, or would give it away."""
    return build_published(run.read(CAMPAIGN_KPIS), min_users=run.settings.campaigns.min_published_users)


WORK = Replaces(PUBLISHED_CAMPAIGN_KPIS, published)
JOB = Job(name="publish_campaign_kpis", reads=(CAMPAIGN_KPIS,), writes=(PUBLISHED_CAMPAIGN_KPIS,), work=WORK, config=("campaigns",))

if __name__ == "__main__":
    JOB.main()
