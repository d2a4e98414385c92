"""gold.campaign_forecasts: what each campaign was or is to be expected to bring, from past ones like it."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.campaign_forecasts import build_campaign_forecasts
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.forecasts import CAMPAIGN_FORECASTS
from mapping_spark.tables.gold import CAMPAIGN_KPIS
from mapping_spark.tables.silver import CAMPAIGNS


def forecasts(run: Run) -> DataFrame:
    """Forecast every campaign from those that had ended when it starts."""
    return build_campaign_forecasts(run.read(CAMPAIGN_KPIS), run.read(CAMPAIGNS), run.as_of)


JOB = Job(
    name="forecast_campaigns",
    reads=(CAMPAIGN_KPIS, CAMPAIGNS),
    writes=(CAMPAIGN_FORECASTS,),
    work=Replaces(CAMPAIGN_FORECASTS, forecasts, slice_by="as_of_date"),
)

if __name__ == "__main__":
    JOB.main()
