"""silver.campaigns: one row per campaign, from the declared reference tables."""

from pyspark.sql import DataFrame

from mapping_spark.ingest.entities import read_entities
from mapping_spark.ingest.fingerprint import fingerprint
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.silver import CAMPAIGNS


def rows(run: Run) -> DataFrame:
    """Read, check and merge the sources that fill the table."""
    return read_entities(run.spark, run.settings.sources.entities, CAMPAIGNS)


JOB = Job(
    name="build_campaigns",
    writes=(CAMPAIGNS,),
    work=Replaces(CAMPAIGNS, rows),
    config=("sources",),
    fingerprint=lambda run: fingerprint(run.spark, run.settings.sources.entities, CAMPAIGNS),
)

if __name__ == "__main__":
    JOB.main()
