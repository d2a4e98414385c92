"""silver.currency_rates: what each currency is worth from day to day, from the declared reference tables."""

from pyspark.sql import DataFrame

from mapping_spark.campaign.inputs import without_overlap
from mapping_spark.ingest.entities import read_entities
from mapping_spark.ingest.fingerprint import fingerprint
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.silver import CURRENCY_RATES


def rates(run: Run) -> DataFrame:
    """Read, check and merge the sources; a rate ends where the next one begins."""
    return without_overlap(read_entities(run.spark, run.settings.sources.entities, CURRENCY_RATES))


JOB = Job(
    name="build_currency_rates",
    writes=(CURRENCY_RATES,),
    work=Replaces(CURRENCY_RATES, rates),
    config=("sources",),
    fingerprint=lambda run: fingerprint(run.spark, run.settings.sources.entities, CURRENCY_RATES),
)

if __name__ == "__main__":
    JOB.main()
