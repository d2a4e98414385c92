"""gold.training_epochs: train the configured deep models on Horovod ranks; weights lie under models/<training id>."""

from mapping_spark.job import Does, Job, Run
from mapping_spark.models.deep_runs import deep_models, train_all, trainings
from mapping_spark.tables.gold import TRAINING_EPOCHS
from mapping_spark.tables.ops import SNAPSHOTS


def train(run: Run) -> None:
    """Train what has no weights yet for this snapshot, these settings and this seed."""
    settings = run.settings
    chosen = deep_models(settings.models, settings.seed, only=settings.model)
    train_all(run.store, trainings(run.store.root, run.read(SNAPSHOTS), chosen, settings.training, run.as_of), run.as_of)


JOB = Job(
    name="train_deep",
    reads=(SNAPSHOTS,),
    writes=(TRAINING_EPOCHS,),
    work=Does(train, "train the deep models that have no weights yet; add their epochs to gold.training_epochs"),
    config=("models", "model", "training", "seed"),
)

if __name__ == "__main__":
    JOB.main()
