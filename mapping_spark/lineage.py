"""Where a table, or one recommendation, came from: the runs behind it and the versions they read, from the ledger alone."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from mapping_spark.console import say
from mapping_spark.console import show as show_table
from mapping_spark.errors import ConfigError, MissingInput
from mapping_spark.job import Job
from mapping_spark.tables import TABLES
from mapping_spark.tables.gold import MODEL_RUNS, RECOMMENDATIONS
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.store import Store

_SHORT = 8


@dataclass(frozen=True)
class Origin:
    """One step back: a table at the version that was read, the run that had written it, and what that run read. `depth` counts steps."""

    depth: int
    table: str
    version: int | None
    run: Row | None

    @property
    def inputs(self) -> dict[str, int | None]:
        """Table name to version read; nothing where the ledger knows no run."""
        return {} if self.run is None else dict(json.loads(self.run.input_versions))


def runs_of(store: Store, as_of: dt.date) -> list[Row]:
    """The date's successful runs, latest first: a few per job."""
    of_date = (F.col("as_of_date") == F.lit(as_of)) & (F.col("status") == "succeeded")
    return store.read(JOB_RUNS).where(of_date).orderBy(F.desc("ended_at"), "run_id").collect()


def trace(jobs: Sequence[Job], ledger: Sequence[Any], table: str) -> list[Origin]:
    """The table and everything behind it, each table once, nearest first.

    A table read by a run was written by its job's latest run that had ended when the reading one began. `ledger`: latest first.
    """
    writer = {written.name: job.name for job in jobs for written in job.writes}
    origins: list[Origin] = []
    waiting: list[tuple[int, str, int | None, dt.datetime | None]] = [(0, table, None, None)]
    while waiting:
        depth, name, version, until = waiting.pop(0)
        if any(origin.table == name for origin in origins):
            continue
        of_writer = [run for run in ledger if run.job == writer.get(name)]
        run = next((run for run in of_writer if until is None or run.ended_at <= until), None)
        shown = run.output_version if version is None and run is not None and run.output_table == name else version
        origin = Origin(depth, name, shown, run)
        origins.append(origin)
        waiting += [(depth + 1, read, pinned, run.started_at) for read, pinned in origin.inputs.items() if run is not None and read != name]
    return origins


def show(store: Store, jobs: Sequence[Job], table: str, as_of: dt.date, recommendation_id: str | None = None) -> None:
    """Print the lineage of a table as of a date; of one recommendation also its row and the model's run."""
    if table not in TABLES:
        raise ConfigError("lineage", f"no table {table!r}", f"one of {list(TABLES)}", "See mapping-spark tables.")
    if recommendation_id is not None:
        as_of = _show_recommendation(store, recommendation_id)
        table = RECOMMENDATIONS.name
    ledger = runs_of(store, as_of)
    origins = trace(jobs, ledger, table)
    if origins[0].run is None:
        raise MissingInput(f"{table} as of {as_of}", "no successful run in ops.job_runs", "one", "Run the job that writes it first.")
    rows = [
        ("  " * o.depth + o.table, o.version, o.run.job if o.run else "nobody", o.run.run_id[:_SHORT] if o.run else None,
         _utc(o.run.ended_at) if o.run else None, o.run.code_version if o.run else None)
        for o in origins
    ]  # fmt: skip
    header = ("table", "version", "written by", "run", "ended, UTC", "code")
    show_table(f"Lineage of {table} as of {as_of}", header, rows, "Indented: read by a run above it, at the version shown.")


def _show_recommendation(store: Store, recommendation_id: str) -> dt.date:
    """Print the row and the run of its model; returns its date."""
    row = store.read(RECOMMENDATIONS).where(F.col("recommendation_id") == F.lit(recommendation_id)).head()
    if row is None:
        fix = "Take one from gold.recommendations; lists of a date are replaced when it runs again."
        raise MissingInput("gold.recommendations", f"no recommendation {recommendation_id!r}", "a recommendation_id", fix)
    say(f"{row.user_id} as of {row.as_of_date}, rank {row.rank}: item {row.item_id}, stage {row.stage}, model {row.model} ({row.reason})")
    model = store.read(MODEL_RUNS).where(F.col("run_id") == F.lit(row.run_id)).head()
    if model is not None:
        say(f"model run {model.run_id}: {model.model}, seed {model.seed}, {model.config}, inputs {model.input_versions}")
        say(f"weights {model.artifact_uri}, code {model.code_version}")
    date: dt.date = row.as_of_date
    return date


def ledger(store: Store, job: str | None) -> DataFrame:
    """Rows of ops.job_runs, of one job or of all."""
    return store.read(JOB_RUNS).where(F.lit(True) if job is None else F.col("job") == F.lit(job))


def latest_runs(runs: DataFrame, latest: int) -> list[Row]:
    """So many rows of the ledger, latest first."""
    return runs.orderBy(F.desc("ended_at"), "run_id").limit(latest).collect()


def show_runs(runs: Sequence[Row]) -> None:
    """Rows of the ledger as a table."""
    rows = [
        (row.run_id[:_SHORT], row.job, row.as_of_date, row.status, _utc(row.started_at),
         round((row.ended_at - row.started_at).total_seconds(), 1), row.rows_in, row.rows_out, row.output_version, row.error)
        for row in runs
    ]  # fmt: skip
    header = ("run", "job", "as of", "status", "started, UTC", "seconds", "rows in", "rows out", "version", "error")
    show_table("Runs (ops.job_runs), latest first", header, rows)


def _utc(collected: dt.datetime) -> str:
    """A time of a collected row, which is naive and of the machine's zone."""
    return f"{collected.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"
