"""silver.interactions: one weight per user and item, from events before the date."""

from pyspark.sql import DataFrame

from mapping_spark.features.interactions import build_interactions
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, ITEM_IDS, USER_IDS


def interactions(run: Run) -> DataFrame:
    """Fold the events of earlier business days."""
    return build_interactions(run.read(EVENTS), run.read(USER_IDS), run.read(ITEM_IDS), as_of=run.as_of, config=run.settings.interactions)


JOB = Job(
    name="build_interactions",
    reads=(EVENTS, USER_IDS, ITEM_IDS),
    writes=(INTERACTIONS,),
    work=Replaces(INTERACTIONS, interactions, slice_by="as_of_date"),
    config=("interactions",),
)

if __name__ == "__main__":
    JOB.main()
