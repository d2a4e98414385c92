"""gold.model_metrics: every fitted model against what happened after the date, with intervals."""

from pyspark.sql import DataFrame

from mapping_spark.evaluation.compare import Protocol, compare
from mapping_spark.features.interactions import as_of_slice, future_interactions
from mapping_spark.job import Job, Replaces, Run
from mapping_spark.models.fitting import load_all
from mapping_spark.tables.gold import MODEL_METRICS, MODEL_RUNS
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, ITEM_IDS, USER_IDS


def metrics(run: Run) -> DataFrame:
    """Rank with every model, judge by the interactions of the days after the date."""
    settings, as_of, ids = run.settings, run.as_of, (run.read(USER_IDS), run.read(ITEM_IDS))
    until = settings.evaluation.until(as_of)
    future = future_interactions(run.read(EVENTS), *ids, as_of=as_of, until=until, config=settings.interactions)
    models = load_all(run.store, run.read(MODEL_RUNS), settings.models, as_of)
    grid = settings.recommend.blocks.grid(run.count(USER_IDS), run.count(ITEM_IDS))
    return compare(models, as_of_slice(run.read(INTERACTIONS), as_of), future, Protocol(as_of, settings.evaluation, grid, settings.seed))


READS = (MODEL_RUNS, INTERACTIONS, EVENTS, USER_IDS, ITEM_IDS)
CONFIG = ("models", "interactions", "evaluation", "recommend", "seed")
WORK = Replaces(MODEL_METRICS, metrics, slice_by="as_of_date")
JOB = Job(name="evaluate_models", reads=READS, writes=(MODEL_METRICS,), work=WORK, config=CONFIG)

if __name__ == "__main__":
    JOB.main()
