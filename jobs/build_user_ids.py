"""silver.user_ids: a contiguous integer for every user of silver.events, never renumbered."""

from pyspark.sql import DataFrame

from mapping_spark.features.id_maps import extend_ids
from mapping_spark.job import Inserts, Job, Run
from mapping_spark.tables.silver import EVENTS, USER_IDS


def new_ids(run: Run) -> DataFrame:
    """Number the users that have no integer yet."""
    return extend_ids(run.store.read(USER_IDS), run.read(EVENTS), USER_IDS)


JOB = Job(name="build_user_ids", reads=(EVENTS,), writes=(USER_IDS,), work=Inserts(USER_IDS, new_ids))

if __name__ == "__main__":
    JOB.main()
