"""gold.kpi_forecasts: daily KPIs of the shop and of running campaigns ahead, every model with its errors at past origins."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.forecast import build_forecasts
from mapping_spark.campaign.inputs import priced
from mapping_spark.campaign.series import campaign_series, of_running, shop_series
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.forecasts import KPI_FORECASTS
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS
from mapping_spark.tables.silver import CAMPAIGNS, CURRENCY_RATES, EVENTS


def forecasts(run: Run) -> DataFrame:
    """Forecast every series that is long enough."""
    events = priced(run.read(EVENTS), run.read(CURRENCY_RATES), run.settings.campaigns.currency)
    running = of_running(run.read(CAMPAIGN_DAILY_KPIS), run.read(CAMPAIGNS), run.as_of)
    return build_forecasts(shop_series(events).unionByName(campaign_series(running)), run.as_of, run.settings.forecasts)


JOB = Job(
    name="forecast_kpis",
    reads=(EVENTS, CURRENCY_RATES, CAMPAIGNS, CAMPAIGN_DAILY_KPIS),
    writes=(KPI_FORECASTS,),
    work=Replaces(KPI_FORECASTS, forecasts, slice_by="as_of_date"),
    config=("forecasts", "campaigns"),
)

if __name__ == "__main__":
    JOB.main()
