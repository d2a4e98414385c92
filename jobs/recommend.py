"""gold.recommendations: k items for every known user, each with its stage and its reason."""

from pyspark.sql import DataFrame

from mapping_spark.features.interactions import as_of_slice
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.models.fitting import load_all
from mapping_spark.recommend.serve import Tables, needed, recommend
from mapping_spark.tables.gold import MODEL_RUNS, RECOMMENDATIONS, SIMILAR_ITEMS
from mapping_spark.tables.silver import BLOCKED_ITEMS, EVENTS, INTERACTIONS, ITEM_IDS, ITEMS, USER_IDS, USERS


def recommendations(run: Run) -> DataFrame:
    """Search, fill what the model leaves open, give reasons."""
    config = run.settings.recommend
    whole = (run.read(table) for table in (EVENTS, USER_IDS, ITEM_IDS, USERS, ITEMS, BLOCKED_ITEMS))
    tables = Tables(*whole, as_of_slice(run.read(INTERACTIONS), run.as_of), run.read(SIMILAR_ITEMS))
    models = load_all(run.store, run.read(MODEL_RUNS), needed(config.model, run.settings.models), run.as_of)
    return recommend(tables, models, config, config.blocks.grid(run.count(USER_IDS), run.count(ITEM_IDS)), run.as_of)


JOB = Job(name="recommend", reads=(MODEL_RUNS, SIMILAR_ITEMS, INTERACTIONS, EVENTS, USER_IDS, ITEM_IDS, USERS, ITEMS), rules=(BLOCKED_ITEMS,),
          writes=(RECOMMENDATIONS,), work=Replaces(RECOMMENDATIONS, recommendations, slice_by="as_of_date"), config=("models", "recommend"))

if __name__ == "__main__":
    JOB.main()
