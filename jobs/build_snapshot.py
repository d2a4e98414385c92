"""ops.snapshots: the training snapshots that the configured deep models read."""

from dataclasses import replace

from mapping_spark.features.interactions import as_of_slice
from mapping_spark.features.snapshot import Content, interaction_rows, sequence_rows
from mapping_spark.job import Does, Job, Run
from mapping_spark.models.deep_runs import build_snapshots, deep_models
from mapping_spark.tables.ops import SNAPSHOTS
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, ITEM_IDS, USER_IDS


def build(run: Run) -> None:
    """One snapshot per shape that a deep model reads; an equal one is used again."""
    settings, shapes = run.settings, {model.shape for model in deep_models(run.settings.models, run.settings.seed).values()}
    pairs = Content(
        shape="interactions",
        as_of=run.as_of,
        versions=run.versions,
        n_users=run.count(USER_IDS),
        n_items=run.count(ITEM_IDS),
        interactions=settings.interactions,
        config=settings.snapshot,
    )
    histories = replace(pairs, shape="sequences")
    rows = [
        (pairs, interaction_rows(as_of_slice(run.read(INTERACTIONS), run.as_of))),
        (histories, sequence_rows(run.read(EVENTS), run.read(USER_IDS), run.read(ITEM_IDS), histories)),
    ]
    build_snapshots(run.store, [(content, frame) for content, frame in rows if content.shape in shapes])


WORK = Does(build, "write the snapshots that deep models read, unless they are there; add their rows to ops.snapshots")
READS, CONFIG = (EVENTS, INTERACTIONS, USER_IDS, ITEM_IDS), ("models", "snapshot", "interactions")
JOB = Job(name="build_snapshot", reads=READS, writes=(SNAPSHOTS,), work=WORK, config=CONFIG, always=True)

if __name__ == "__main__":
    JOB.main()
