"""gold.model_metrics: every fitted model against what happened after the date, with intervals."""

from pyspark.sql import DataFrame

from mapping_spark.evaluation.compare import compare, lists_of_all
from mapping_spark.features.interactions import as_of_slice, future_interactions
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.models.fitting import load_all
from mapping_spark.tables.gold import MODEL_METRICS, MODEL_RUNS
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, ITEM_IDS, USER_IDS


def metrics(run: Run) -> DataFrame:
    """Rank with every model, judge by the interactions of the days after the date."""
    config, as_of, ids = run.settings.evaluation, run.as_of, (run.read(USER_IDS), run.read(ITEM_IDS))
    future = future_interactions(run.read(EVENTS), *ids, as_of=as_of, until=config.until(as_of), config=run.settings.interactions)
    interactions = as_of_slice(run.read(INTERACTIONS), as_of)
    grid = run.settings.recommend.blocks.grid(run.count(USER_IDS), run.count(ITEM_IDS))
    models = load_all(run.store, run.read(MODEL_RUNS), run.settings.models, as_of)
    lists = lists_of_all(models, interactions, max(config.ks), grid)
    return compare(lists, future, interactions, as_of=as_of, config=config, seed=run.settings.seed)


JOB = Job(name="evaluate_models", reads=(MODEL_RUNS, INTERACTIONS, EVENTS, USER_IDS, ITEM_IDS), writes=(MODEL_METRICS,),
          work=Replaces(MODEL_METRICS, metrics, slice_by="as_of_date"), config=("models", "interactions", "evaluation", "recommend", "seed"))

if __name__ == "__main__":
    JOB.main()
