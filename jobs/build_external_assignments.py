"""silver.external_assignments: who takes part in campaigns that another system assigned, from the declared reference tables."""

from pyspark.sql import DataFrame

from mapping_spark.ingest.entities import read_entities
from mapping_spark.ingest.fingerprint import fingerprint
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.silver import EXTERNAL_ASSIGNMENTS


def rows(run: Run) -> DataFrame:
    """Read, check and merge the sources that fill the table."""
    return read_entities(run.spark, run.settings.sources.entities, EXTERNAL_ASSIGNMENTS)


JOB = Job(
    name="build_external_assignments",
    writes=(EXTERNAL_ASSIGNMENTS,),
    work=Replaces(EXTERNAL_ASSIGNMENTS, rows),
    config=("sources",),
    fingerprint=lambda run: fingerprint(run.spark, run.settings.sources.entities, EXTERNAL_ASSIGNMENTS),
)

if __name__ == "__main__":
    JOB.main()
