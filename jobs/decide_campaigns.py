"""gold.campaign_decisions: what the declared rules ask for, campaign by campaign; nothing is sent."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.decisions import build_decisions
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.forecasts import CAMPAIGN_DECISIONS
from mapping_spark.tables.gold import CAMPAIGN_KPIS
from mapping_spark.tables.silver import CAMPAIGNS


def decisions(run: Run) -> DataFrame:
    """Judge the running campaigns by every rule."""
    return build_decisions(run.read(CAMPAIGN_KPIS), run.read(CAMPAIGNS), run.as_of, run.settings.decisions)


JOB = Job(
    name="decide_campaigns",
    reads=(CAMPAIGN_KPIS, CAMPAIGNS),
    writes=(CAMPAIGN_DECISIONS,),
    work=Replaces(CAMPAIGN_DECISIONS, decisions, slice_by="as_of_date"),
    config=("decisions",),
)

if __name__ == "__main__":
    JOB.main()
