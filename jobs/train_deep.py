"""gold.training_epochs: train the configured deep models on Horovod ranks; weights lie under models/<training id>."""

from mapping_spark.job import Does, Job, Run
from mapping_spark.models.deep_runs import Trainings, deep_models, plans, train_all, trainings
from mapping_spark.tables.gold import TRAINING_EPOCHS
from mapping_spark.tables.ops import SNAPSHOTS


def chosen(run: Run) -> Trainings:
    """The configured deep models, or the one that `model` names, each with its snapshot."""
    of = run.settings
    return trainings(run.store.root, run.read(SNAPSHOTS), deep_models(of.models, of.seed, only=of.model), of.training, run.as_of)


def train(run: Run) -> None:
    """Train what has no weights yet for this snapshot, these settings and this seed."""
    train_all(run.store, chosen(run), run.as_of)


WORK = Does(
    train, "train the deep models that have no weights yet; add their epochs to gold.training_epochs", lambda run: plans(chosen(run))
)
CONFIG = ("models", "model", "training", "seed")
JOB = Job(name="train_deep", reads=(SNAPSHOTS,), writes=(TRAINING_EPOCHS,), work=WORK, config=CONFIG)

if __name__ == "__main__":
    JOB.main()
