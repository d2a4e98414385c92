"""silver.users: every known user with the declared attributes."""

from pyspark.sql import DataFrame

from mapping_spark.ingest.entities import build_users, read_entities
from mapping_spark.ingest.fingerprint import fingerprint
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.silver import USER_IDS, USERS


def users(run: Run) -> DataFrame:
    """Join the declared attributes to every user of the id map."""
    declared = read_entities(run.spark, run.settings.sources.entities, USERS)
    return build_users(run.read(USER_IDS), declared, run.settings.users)


JOB = Job(
    name="build_users",
    reads=(USER_IDS,),
    writes=(USERS,),
    work=Replaces(USERS, users),
    config=("sources", "users"),
    fingerprint=lambda run: fingerprint(run.spark, run.settings.sources.entities, USERS),
)

if __name__ == "__main__":
    JOB.main()
