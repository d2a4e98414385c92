"""gold.recommendations: k items for every known user, each with its stage and its reason."""

from pyspark.sql import DataFrame

from mapping_spark.features.interactions import as_of_slice
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.models.fitting import load_all
from mapping_spark.recommend.serve import Tables, needed, recommend
from mapping_spark.tables.gold import MODEL_RUNS, RECOMMENDATIONS, SIMILAR_ITEMS
from mapping_spark.tables.silver import BLOCKED_ITEMS, EVENTS, INTERACTIONS, ITEM_IDS, ITEMS, USER_IDS, USERS

WHOLE = (EVENTS, USER_IDS, ITEM_IDS, USERS, ITEMS, SIMILAR_ITEMS)


def recommendations(run: Run) -> DataFrame:
    """Search, fill what the model leaves open, give reasons."""
    config, runs = run.settings.recommend, run.read(MODEL_RUNS)
    tables = Tables(as_of_slice(run.read(INTERACTIONS), run.as_of), *map(run.read, (*WHOLE, BLOCKED_ITEMS)))
    models = load_all(run.store, runs, needed(config.model, run.settings.models), run.as_of)
    return recommend(tables, models, config, config.blocks.grid(run.count(USER_IDS), run.count(ITEM_IDS)), run.as_of)


WORK = Replaces(RECOMMENDATIONS, recommendations, slice_by="as_of_date")
READS = (*WHOLE, MODEL_RUNS, INTERACTIONS)
JOB = Job(name="recommend", reads=READS, rules=(BLOCKED_ITEMS,), writes=(RECOMMENDATIONS,), work=WORK, config=("models", "recommend"))

if __name__ == "__main__":
    JOB.main()
