"""gold.model_runs: fit and save every configured model on what was chosen before the date; deep ones are read out of their weights."""

from mapping_spark.features.interactions import as_of_slice, build_choices
from mapping_spark.features.item_text import item_text
from mapping_spark.job import Does, Job, Run
from mapping_spark.models.base import TrainingData
from mapping_spark.models.deep_runs import deep_models, trainings
from mapping_spark.models.fitting import Inputs, describe_factors, fit_all
from mapping_spark.tables.gold import MODEL_RUNS, TRAINING_EPOCHS
from mapping_spark.tables.ops import SNAPSHOTS
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, ITEM_IDS, ITEMS, USER_IDS


def fit(run: Run) -> None:
    """Fit what has not been fitted on these inputs with these settings."""
    settings, texts = run.settings, item_text(run.read(ITEMS), run.read(ITEM_IDS))
    choices = build_choices(*map(run.read, (EVENTS, USER_IDS, ITEM_IDS)), as_of=run.as_of, config=settings.interactions)
    data = TrainingData(as_of_slice(run.read(INTERACTIONS), run.as_of), texts, run.as_of, choices)
    trained = trainings(run.store.root, run.read(SNAPSHOTS), deep_models(settings.models, settings.seed), settings.training, run.as_of)
    fit_all(run.store, settings.models, Inputs(data, {t.name: run.data_versions[t.name] for t in SILVER}, trained), settings.seed)


WORK = Does(
    fit, "fit and save models; rows in gold.model_runs", lambda run: describe_factors(run.settings.models, run.settings.limits, run.count)
)
SILVER, CONFIG = (EVENTS, INTERACTIONS, USER_IDS, ITEM_IDS, ITEMS), ("models", "training", "interactions", "seed")
JOB = Job(name="fit_models", reads=(*SILVER, SNAPSHOTS, TRAINING_EPOCHS), writes=(MODEL_RUNS,), work=WORK, config=CONFIG)

if __name__ == "__main__":
    JOB.main()
