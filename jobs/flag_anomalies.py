"""gold.kpi_anomalies: days on which a daily KPI is far from what its weekday had lately."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.anomalies import build_anomalies
from mapping_spark.campaign.inputs import priced
from mapping_spark.campaign.series import campaign_series, shop_series
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.forecasts import KPI_ANOMALIES
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS
from mapping_spark.tables.silver import CURRENCY_RATES, EVENTS


def anomalies(run: Run) -> DataFrame:
    """Flag days of the shop's and of each campaign's series."""
    events = priced(run.read(EVENTS), run.read(CURRENCY_RATES), run.settings.campaigns.currency)
    series = shop_series(events).unionByName(campaign_series(run.read(CAMPAIGN_DAILY_KPIS)))
    return build_anomalies(series, run.settings.anomalies)


JOB = Job(
    name="flag_anomalies",
    reads=(EVENTS, CURRENCY_RATES, CAMPAIGN_DAILY_KPIS),
    writes=(KPI_ANOMALIES,),
    work=Replaces(KPI_ANOMALIES, anomalies),
    config=("anomalies", "campaigns"),
)

if __name__ == "__main__":
    JOB.main()
