"""ops.table_maintenance: compacts every table and removes the files that no pinned version uses."""

from mapping_spark.evaluation import promote
from mapping_spark.features import snapshot
from mapping_spark.job import Does, Job, Run
from mapping_spark.tables import maintenance, runs
from mapping_spark.tables.ops import TABLE_MAINTENANCE


def pinned(run: Run) -> dict[str, set[int]]:
    """Versions that the ledger's latest runs, the champions and the snapshots were made from."""
    store = run.store
    return maintenance.versions_by_table([*runs.pinned_inputs(store), *promote.pinned_inputs(store), *snapshot.pinned_inputs(store.root)])


def maintain(run: Run) -> int:
    """Every table that is there, one after the other."""
    return maintenance.maintain_all(run.store, pinned(run), run.settings.maintenance, run.started_at)


def foresee(run: Run) -> list[str]:
    """A line per table."""
    return maintenance.describe_all(run.store, pinned(run), run.settings.maintenance, run.started_at)


WORK = Does(maintain, "merge small files, remove those that no pinned version uses; one row per table", foresee)
JOB = Job(name="maintain_tables", writes=(TABLE_MAINTENANCE,), work=WORK, config=("maintenance",), always=True, by_itself=True)

if __name__ == "__main__":
    JOB.main()
