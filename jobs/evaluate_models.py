"""gold.model_metrics: every fitted model against what happened after the date, with intervals."""

from mapping_spark.evaluation import leaks
from mapping_spark.evaluation.compare import Protocol, compare, truth_of
from mapping_spark.features.interactions import as_of_slice, future_interactions
from mapping_spark.features.item_text import item_categories
from mapping_spark.job import Does, Job, Run
from mapping_spark.models.fitting import load_all
from mapping_spark.tables import gold, ops, silver


def measure(run: Run) -> None:
    """Rank with every model, judge by the interactions of the days after the date; refused where those were learnt from."""
    of, as_of, past = run.settings, run.as_of, as_of_slice(run.read(silver.INTERACTIONS), run.as_of)
    models = load_all(run.store, run.read(gold.MODEL_RUNS), of.models, as_of)
    leaks.refuse_models(models, past, map(run.read, FITTED), leaks.start_of_day(as_of, of.cleaning.business_zone))
    future = future_interactions(*map(run.read, CHOSEN), as_of=as_of, until=of.evaluation.until(as_of), config=of.interactions)
    truth = truth_of(future, past, item_categories(run.read(silver.ITEMS), run.read(silver.ITEM_IDS)), of.evaluation)
    grid = of.recommend.blocks.grid(run.count(silver.USER_IDS), run.count(silver.ITEM_IDS))
    compare(models, truth, Protocol(as_of, of.evaluation, grid, of.seed)).write(run.store)


FITTED, CHOSEN = (gold.MODEL_RUNS, gold.TRAINING_EPOCHS, ops.SNAPSHOTS), (silver.EVENTS, silver.USER_IDS, silver.ITEM_IDS)
WRITES = (gold.MODEL_METRICS, gold.METRIC_REPLICATES, gold.MODEL_DISTRIBUTIONS)
CONFIG, WORK = ("models", "interactions", "cleaning", "evaluation", "recommend", "seed"), Does(measure, "replace the slice as_of_date")
JOB = Job(name="evaluate_models", reads=(*FITTED, silver.INTERACTIONS, silver.ITEMS, *CHOSEN), writes=WRITES, work=WORK, config=CONFIG)

if __name__ == "__main__":
    JOB.main()
