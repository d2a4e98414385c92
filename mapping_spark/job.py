"""A job: which tables it reads, what it does, which tables it writes. `jobs/*.py` declare one each.

A run pins the versions of its inputs, and is skipped where the ledger shows that the same job has already succeeded
for the same date on the same inputs, settings and code: the same rows, since a compaction or a vacuum of an input raises
its version and changes none. Every write is idempotent, so a killed run is run again.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from mapping_spark import logs
from mapping_spark.errors import ConfigError, ContractError, MappingSparkError
from mapping_spark.memory import PeakMemory
from mapping_spark.secrets import hide, resolved
from mapping_spark.session import build_session
from mapping_spark.settings import Settings, load_settings
from mapping_spark.tables import runs, sizing
from mapping_spark.tables.contract import Table
from mapping_spark.tables.locks import locked
from mapping_spark.tables.store import Store


@dataclass(frozen=True)
class Run:
    """What a job may use while it runs: pinned inputs, its settings, the date, the store."""

    job: Job
    store: Store
    settings: Settings
    as_of: dt.date
    versions: Mapping[str, int | None]
    """Delta version at which each input is read."""
    data_versions: Mapping[str, int | None]
    """Delta version of each input that changed its rows last: what results depend on. A compaction or a vacuum leaves it as it is."""
    started_at: dt.datetime

    @property
    def spark(self) -> SparkSession:
        """The session."""
        return self.store.spark

    def read(self, table: Table) -> DataFrame:
        """A declared input at the version this run has pinned; a rule table nobody has filled is empty."""
        if table not in (*self.job.reads, *self.job.rules):
            raise ContractError(f"job {self.job.name}", f"a read of {table.name}", "a table among its reads", "Add it to the job's reads.")
        version = self.versions[table.name]
        return self.store.read_or_empty(table, version) if table in self.job.rules else self.store.read(table, version)

    def last_inputs(self) -> dict[str, int | None] | None:
        """Versions of the inputs of the latest success of this job with these settings and this code; None where there is none, or
        where its first table has been written since."""
        last = runs.latest_inputs(self.store, self.job.name, self.settings.hash(self.job.config))
        return None if last is None or last[1] != self.store.versions(self.job.writes[0])[1] else last[0]

    def count(self, table: Table) -> int:
        """Rows of a declared input at its pinned version, from Delta's file statistics."""
        return self.store.count(table, self.versions[table.name])


Transform = Callable[[Run], DataFrame]


@dataclass(frozen=True)
class Replaces:
    """Write by replacing one slice of a table (all of it without `slice_by`) with what `transform` returns."""

    table: Table
    transform: Transform
    slice_by: str = ""

    def __call__(self, run: Run) -> int | None:
        """Do it."""
        self.lay(run, self.transform(run))
        return None

    def lay(self, run: Run, frame: DataFrame) -> None:
        """Replace the run's slice with `frame`."""
        run.store.replace_slice(self.table, frame, {self.slice_by: run.as_of} if self.slice_by else {})

    def __str__(self) -> str:
        return f"replace {'the slice ' + self.slice_by if self.slice_by else 'all rows'} of {self.table.name}"


@dataclass(frozen=True)
class Inserts:
    """Write by inserting the rows whose key the table lacks."""

    table: Table
    transform: Transform

    def __call__(self, run: Run) -> int | None:
        """Do it."""
        run.store.insert_new(self.table, self.transform(run))
        return None

    def __str__(self) -> str:
        return f"insert new keys into {self.table.name}"


@dataclass(frozen=True)
class Does:
    """A step that writes by itself, idempotently; it may return the number of rows it read."""

    step: Callable[[Run], int | None]
    plan: str
    foresee: Callable[[Run], Sequence[str]] | None = None
    """More lines for a dry run."""

    def __call__(self, run: Run) -> int | None:
        """Do it."""
        return self.step(run)

    def __str__(self) -> str:
        return self.plan


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job. `config` names the sections of the settings it reads; `rules` are inputs that may be absent."""

    name: str
    writes: tuple[Table, ...]
    work: Replaces | Inserts | Does
    reads: tuple[Table, ...] = ()
    rules: tuple[Table, ...] = ()
    config: tuple[str, ...] = ()
    fingerprint: Callable[[Run], Mapping[str, Any]] | None = None
    """State of inputs that are no tables (files), as part of the run key."""
    always: bool = False
    """Run even where the key has succeeded: for a stream, which knows itself what is new."""
    by_itself: bool = False
    """Not one of `run all`: it has a schedule of its own."""

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """The command line of `spark-submit jobs/<name>.py`; ends the process with a documented exit code."""
        sys.exit(guarded(lambda: self._main(arguments)))

    def _main(self, arguments: Sequence[str] | None) -> None:
        parser = argparse.ArgumentParser(prog=f"{self.name}.py", description=str(self.work))
        parser.add_argument("--env", default="demo", help="settings overlay: conf/<env>.yml")
        parser.add_argument("--as-of", help="YYYY-MM-DD; only events of earlier business days are used")
        parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen and write nothing")
        options = parser.parse_args(arguments)
        logs.configure()
        settings = load_settings(options.env, options.set)
        as_of = settings.date(options.as_of)
        store = open_store(self.name, settings)
        if options.dry_run:
            for line in plan(self, settings, as_of, store):
                print(line)
        else:
            print(execute(self, settings, as_of, store))


@dataclass(frozen=True)
class Outcome:
    """How a run went."""

    job: str
    status: str
    seconds: float = 0.0
    rows_in: int = 0
    rows_out: int = 0
    peak_memory_mb: int = 0
    ended_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    def __str__(self) -> str:
        if self.status == "unchanged":
            return f"{self.job}: unchanged, same inputs, settings and code as the last run"
        rate = self.rows_in / self.seconds if self.seconds else 0.0
        return (
            f"{self.job}: {self.rows_in:,} rows in, {self.rows_out:,} out, {self.seconds:.1f} s, "
            f"{rate:,.0f} rows/s, peak {self.peak_memory_mb:,} MB"
        )


def guarded(action: Callable[[], None]) -> int:
    """Run `action`; tell a declared fault in one line, without a traceback, and return its exit code."""
    try:
        action()
    except MappingSparkError as fault:
        print(hide(f"{type(fault).__name__}: {fault}"), file=sys.stderr)
        return fault.exit_code
    return 0


def open_store(app_name: str, settings: Settings) -> Store:
    """The store of these settings, with a session (the active one, where there is one)."""
    session = build_session(app_name, resolved(settings.spark))
    return Store(session, settings.store.root, settings.store.catalog)


def prepare(job: Job, settings: Settings, as_of: dt.date, store: Store) -> tuple[Run, str]:
    """Pin the inputs and compute the run key. Raises `MissingInput` where an input is not there."""
    found = {table.name: store.versions(table) for table in (*job.reads, *job.rules)}
    versions, data_versions = ({name: pair[place] for name, pair in found.items()} for place in (0, 1))
    for table in job.reads:
        if versions[table.name] is None:
            store.read(table)  # raises, and says which job to run first
    run = Run(job, store, settings, as_of, versions, data_versions, dt.datetime.now(dt.UTC))
    inputs = dict(data_versions) | dict(job.fingerprint(run) if job.fingerprint else {})
    return run, runs.run_key(job.name, as_of, inputs, settings.hash(job.config))


def execute(job: Job, settings: Settings, as_of: dt.date, store: Store, done: Mapping[str, str] | None = None) -> Outcome:
    """Run the job for a date, unless its key has already succeeded, and write the ledger.

    `done`: the latest successful key of each job, where the caller has read the ledger for several jobs at once.
    """
    run, key = prepare(job, settings, as_of, store)
    last = (runs.latest_keys(store, as_of) if done is None else done).get(job.name)
    if last == key and not job.always:
        return Outcome(job.name, "unchanged")
    with locked(store.root, job.writes, as_of, f"{job.name} started {run.started_at:%Y-%m-%d %H:%M:%S} UTC"):
        return _work(run, key, last)


def _work(run: Run, key: str, last: str | None) -> Outcome:
    """Do the job's work and write its row of the ledger. Raises what the work raises, once that is written too."""
    job, store, as_of = run.job, run.store, run.as_of
    before = {table.name: store.version(table) for table in job.writes}
    for table in job.writes:
        store.create(table)
    logs.LOGGER.info("started", extra={"job": job.name, "as_of": as_of, "run_key": key})
    began = time.monotonic()
    with PeakMemory() as memory:
        try:
            rows_in = job.work(run)
        except Exception as fault:
            failed = Outcome(job.name, "failed", time.monotonic() - began, 0, 0, memory.peak_mb)
            _record(run, key, failed, output_version=None, error=_safe_message(fault))
            raise
    written = [store.written(table, before[table.name]) for table in job.writes]
    rows_out = sum(rows for _, rows in written)
    if rows_in is None:
        rows_in = sum(store.count(table, run.versions[table.name]) for table in job.reads) or rows_out
    outcome = Outcome(job.name, "succeeded", time.monotonic() - began, rows_in, rows_out, memory.peak_mb)
    if job.always and rows_out == 0 and last is not None:
        return Outcome(job.name, "unchanged")
    _record(run, key, outcome, output_version=written[0][0], error=None)
    logs.LOGGER.info("finished", extra={"job": job.name, "rows_in": rows_in, "rows_out": rows_out, "seconds": round(outcome.seconds, 3)})
    return outcome


def _record(run: Run, key: str, outcome: Outcome, *, output_version: int | None, error: str | None) -> None:
    runs.record(
        run.store,
        run_id=uuid.uuid4().hex,
        run_key=key,
        job=run.job.name,
        as_of_date=run.as_of,
        status=outcome.status,
        started_at=run.started_at,
        ended_at=outcome.ended_at,
        rows_in=outcome.rows_in,
        rows_out=outcome.rows_out,
        peak_memory_mb=outcome.peak_memory_mb,
        input_versions=runs.as_json(run.versions),
        output_table=run.job.writes[0].name,
        output_version=output_version,
        config_hash=run.settings.hash(run.job.config),
        code_version=runs.code_version(),
        error=error,
    )


def _safe_message(fault: Exception) -> str:
    """Our own messages in full; of others the class only, since they may quote rows of people."""
    if isinstance(fault, MappingSparkError):
        return hide(str(fault))
    condition = fault.getCondition() if isinstance(fault, PySparkException) else None
    return type(fault).__name__ + (f" {condition}" if condition else "")


def plan(job: Job, settings: Settings, as_of: dt.date, store: Store) -> Iterator[str]:
    """What a run would read, ask of the cluster and write, line by line, without writing anything.

    Raises `ConfigError` with the setting to change where that lies over a limit (`limits`).
    """
    run, key = prepare(job, settings, as_of, store)
    last = runs.latest_keys(store, as_of).get(job.name)
    yield f"{job.name} as of {as_of}"
    inputs: list[sizing.Input] = []
    for table in (*job.reads, *job.rules):
        version = run.versions[table.name]
        if version is not None:
            inputs.append(sizing.measure(store, table, version))
        yield f"  reads  {table.name}: {'not there, taken as empty' if version is None else inputs[-1]}"
    yield f"  size   at most {sizing.shuffle_bytes(inputs) / 1e6:,.1f} MB to shuffle (each input once, as rows in memory)"
    sizing.refuse_too_large(job.name, inputs, settings.limits)
    yield f"  plan   {job.work}"
    if isinstance(job.work, Does) and job.work.foresee is not None:
        yield from (f"         {line}" for line in job.work.foresee(run))
    unchanged = last == key and not job.always
    yield "  would be skipped: the same run has already succeeded" if unchanged else f"  run key {key}"


def in_order(jobs: Mapping[str, Job]) -> list[Job]:
    """Jobs so that each comes after the writers of what it reads; ties by name. Refuses cycles and second writers."""
    writer: dict[str, str] = {}
    for job in jobs.values():
        for table in job.writes:
            if table.name in writer:
                raise ConfigError(f"jobs {writer[table.name]} and {job.name}", f"both write {table.name}", "one writer", "Split the table.")
            writer[table.name] = job.name
    ordered: list[Job] = []
    waiting = dict(sorted(jobs.items()))
    while waiting:
        ready = [job for job in waiting.values() if not {writer.get(t.name) for t in job.reads} & (set(waiting) - {job.name})]
        if not ready:
            raise ConfigError(f"jobs {sorted(waiting)}", "reads that form a cycle", "an order", "Break the cycle in their declarations.")
        ordered += ready
        waiting = {name: job for name, job in waiting.items() if job not in ready}
    return ordered
