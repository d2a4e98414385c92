"""silver.campaign_items: what each campaign promotes, from the declared reference tables."""

from pyspark.sql import DataFrame

from mapping_spark.ingest.entities import read_entities
from mapping_spark.ingest.fingerprint import fingerprint
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.silver import CAMPAIGN_ITEMS


def rows(run: Run) -> DataFrame:
    """Read, check and merge the sources that fill the table."""
    return read_entities(run.spark, run.settings.sources.entities, CAMPAIGN_ITEMS)


JOB = Job(
    name="build_campaign_items",
    writes=(CAMPAIGN_ITEMS,),
    work=Replaces(CAMPAIGN_ITEMS, rows),
    config=("sources",),
    fingerprint=lambda run: fingerprint(run.spark, run.settings.sources.entities, CAMPAIGN_ITEMS),
)

if __name__ == "__main__":
    JOB.main()
