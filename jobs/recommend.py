"""gold.recommendations: k items for every known user, each with its stage and its reason."""

from pyspark.sql import DataFrame

from mapping_spark.evaluation.promote import TABLES, Evidence, serving
from mapping_spark.features.interactions import as_of_slice
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.models.fitting import load_all
from mapping_spark.recommend.serve import Tables, needed, recommend
from mapping_spark.tables.gold import PROMOTIONS, RECOMMENDATIONS, SIMILAR_ITEMS
from mapping_spark.tables.silver import BLOCKED_ITEMS, EVENTS, INTERACTIONS, ITEM_IDS, ITEMS, USER_IDS, USERS

WHOLE, JUDGED = (EVENTS, USER_IDS, ITEM_IDS, USERS, ITEMS, SIMILAR_ITEMS), (*TABLES, PROMOTIONS)


def recommendations(run: Run) -> DataFrame:
    """Search with the champion or the model named, fill what it leaves open, give reasons."""
    configs, evidence = run.settings.models, Evidence(*map(run.read, JUDGED))
    config = serving(run.settings.recommend, evidence, configs, run.as_of)
    tables = Tables(as_of_slice(run.read(INTERACTIONS), run.as_of), *map(run.read, (*WHOLE, BLOCKED_ITEMS)))
    models = load_all(run.store, evidence.runs, needed(config.model, configs), run.as_of)
    return recommend(tables, models, config, config.blocks.grid(run.count(USER_IDS), run.count(ITEM_IDS)), run.as_of)


READS, WORK = (*WHOLE, *JUDGED, INTERACTIONS), Replaces(RECOMMENDATIONS, recommendations, slice_by="as_of_date")
JOB = Job(name="recommend", reads=READS, rules=(BLOCKED_ITEMS,), writes=(RECOMMENDATIONS,), work=WORK, config=("models", "recommend"))

if __name__ == "__main__":
    JOB.main()
