"""ops.snapshots: the training snapshots that the configured deep models read."""

from dataclasses import replace

from mapping_spark.features.interactions import as_of_slice
from mapping_spark.features.snapshot import Content, interaction_rows, sequence_rows
from mapping_spark.job import Does, Job, Run
from mapping_spark.models.deep_runs import build_snapshots, deep_models
from mapping_spark.tables.ops import SNAPSHOTS
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, ITEM_IDS, USER_IDS


def build(run: Run) -> int | None:
    """One snapshot per shape that a deep model reads; an equal one is used again."""
    of, ids, n_users, n_items = run.settings, (run.read(USER_IDS), run.read(ITEM_IDS)), run.count(USER_IDS), run.count(ITEM_IDS)
    made_from = Content("interactions", run.as_of, run.data_versions, n_users, n_items, of.interactions, of.snapshot)
    histories = replace(made_from, shape="sequences")
    pairs = interaction_rows(as_of_slice(run.read(INTERACTIONS), run.as_of))
    rows = [(made_from, pairs), (histories, sequence_rows(run.read(EVENTS), *ids, histories))]
    shapes = {model.shape for model in deep_models(of.models, of.seed).values()}
    build_snapshots(run.store, [(content, frame) for content, frame in rows if content.shape in shapes], of.snapshot)
    return None if shapes else 0  # without a deep model nothing is read


WORK = Does(build, "write the snapshots that deep models read, unless they are there; add their rows to ops.snapshots")
READS, CONFIG = (EVENTS, INTERACTIONS, USER_IDS, ITEM_IDS), ("models", "snapshot", "interactions", "seed")
JOB = Job(name="build_snapshot", reads=READS, writes=(SNAPSHOTS,), work=WORK, config=CONFIG, always=True)

if __name__ == "__main__":
    JOB.main()
