"""gold.model_runs: fit and save every configured model on the date's interactions; deep ones are read out of their weights."""

from mapping_spark.features.interactions import as_of_slice
from mapping_spark.features.item_text import item_text
from mapping_spark.job import Does, Job, Run
from mapping_spark.models.base import TrainingData
from mapping_spark.models.deep_runs import deep_models, trainings
from mapping_spark.models.fitting import Inputs, fit_all
from mapping_spark.tables.gold import MODEL_RUNS, TRAINING_EPOCHS
from mapping_spark.tables.ops import SNAPSHOTS
from mapping_spark.tables.silver import INTERACTIONS, ITEM_IDS, ITEMS


def fit(run: Run) -> None:
    """Fit what has not been fitted on these inputs with these settings."""
    settings, texts = run.settings, item_text(run.read(ITEMS), run.read(ITEM_IDS))
    data = TrainingData(as_of_slice(run.read(INTERACTIONS), run.as_of), texts, run.as_of)
    deep = deep_models(settings.models, settings.seed)
    trained = trainings(run.store.root, run.read(SNAPSHOTS), deep, settings.training, run.as_of)
    versions = {table.name: run.versions[table.name] for table in (INTERACTIONS, ITEM_IDS, ITEMS)}
    fit_all(run.store, settings.models, Inputs(data, versions, trained), settings.seed)


WORK = Does(fit, "fit the configured models, save them under models/, add their rows to gold.model_runs")
READS = (INTERACTIONS, ITEM_IDS, ITEMS, SNAPSHOTS, TRAINING_EPOCHS)
JOB = Job(name="fit_models", reads=READS, writes=(MODEL_RUNS,), work=WORK, config=("models", "training", "seed"))

if __name__ == "__main__":
    JOB.main()
