"""silver.item_ids: a contiguous integer for every item of silver.events, never renumbered."""

from pyspark.sql import DataFrame

from mapping_spark.features.id_maps import extend_ids
from mapping_spark.job import Inserts, Job, Run
from mapping_spark.tables.silver import EVENTS, ITEM_IDS


def new_ids(run: Run) -> DataFrame:
    """Number the items that have no integer yet."""
    return extend_ids(run.store.read(ITEM_IDS), run.read(EVENTS), ITEM_IDS)


JOB = Job(name="build_item_ids", reads=(EVENTS,), writes=(ITEM_IDS,), work=Inserts(ITEM_IDS, new_ids))

if __name__ == "__main__":
    JOB.main()
