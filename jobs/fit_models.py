"""gold.model_runs: fit and save every configured model on the date's interactions."""

from mapping_spark.features.interactions import as_of_slice
from mapping_spark.features.item_text import item_text
from mapping_spark.job import Does, Job, Run
from mapping_spark.models.base import TrainingData
from mapping_spark.models.fitting import fit_all
from mapping_spark.tables.gold import MODEL_RUNS
from mapping_spark.tables.silver import INTERACTIONS, ITEM_IDS, ITEMS


def fit(run: Run) -> None:
    """Fit what has not been fitted on these inputs with these settings."""
    texts = item_text(run.read(ITEMS), run.read(ITEM_IDS))
    data = TrainingData(as_of_slice(run.read(INTERACTIONS), run.as_of), texts, run.as_of)
    fit_all(run.store, run.settings.models, data, run.versions, run.settings.seed)


JOB = Job(
    name="fit_models",
    reads=(INTERACTIONS, ITEM_IDS, ITEMS),
    writes=(MODEL_RUNS,),
    work=Does(fit, "fit the configured models, save them under models/, add their rows to gold.model_runs"),
    config=("models", "seed"),
)

if __name__ == "__main__":
    JOB.main()
