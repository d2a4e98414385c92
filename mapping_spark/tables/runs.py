"""The run ledger: what ran, on which versions of its inputs, and whether it must run again."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

import mapping_spark
from mapping_spark.tables.frames import rows
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.store import Store

_PACKAGE = Path(mapping_spark.__file__).parent


@cache
def code_version() -> str:
    """The package's version and a hash of its source: equal versions compute equal tables."""
    return f"{mapping_spark.__version__}+{source_hash(_PACKAGE.rglob('*.py'))}"


def source_hash(files: Iterable[Path]) -> str:
    """A short hash of some of the package's files and their places in it: equal code makes equal results."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path.relative_to(_PACKAGE)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def content_hash(value: Any) -> str:
    """A short hash of anything JSON can hold (dates and models as text), independent of key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def run_key(job: str, as_of: dt.date, inputs: Mapping[str, Any], config_hash: str) -> str:
    """Equal keys mean equal output, so that a run whose key has succeeded need not run again."""
    return content_hash([job, as_of, dict(inputs), config_hash, code_version()])


def latest_keys(store: Store, as_of: dt.date) -> dict[str, str]:
    """Job to the run key of its latest success for the date; jobs that never succeeded are not in it."""
    if not store.exists(JOB_RUNS):
        return {}
    is_success = (F.col("as_of_date") == F.lit(as_of)) & (F.col("status") == "succeeded")
    latest = F.max_by("run_key", F.struct("ended_at", "run_id")).alias("run_key")
    found = store.read(JOB_RUNS).where(is_success).groupBy("job").agg(latest).collect()  # one row per job
    return {row["job"]: row["run_key"] for row in found}


def latest_inputs(store: Store, job: str, config_hash: str) -> tuple[dict[str, int | None], int | None] | None:
    """Versions of the tables that the latest success of the job read, with these settings and this code, and the version it wrote.

    None where there is none: nothing that the job wrote then can be built upon.
    """
    if not store.exists(JOB_RUNS):
        return None
    is_success = (F.col("job") == job) & (F.col("status") == "succeeded")
    row = store.read(JOB_RUNS).where(is_success).orderBy(F.desc("ended_at"), "run_id").head()
    if row is None or (row["config_hash"], row["code_version"]) != (config_hash, code_version()):
        return None
    return json.loads(row["input_versions"]), row["output_version"]


def pinned_inputs(store: Store) -> list[dict[str, int | None]]:
    """What the latest success of each job read (table name to version): what the next run of it compares with."""
    if not store.exists(JOB_RUNS):
        return []
    latest = F.max_by("input_versions", F.struct("ended_at", "run_id")).alias("inputs")
    found = store.read(JOB_RUNS).where("status = 'succeeded'").groupBy("job").agg(latest).collect()  # one row per job
    return [json.loads(row["inputs"]) for row in found]


def record(store: Store, **values: Any) -> None:
    """Append one run to the ledger."""
    store.create(JOB_RUNS)
    started: dt.datetime = values["started_at"]
    writer = f"job_runs:{values['run_id']}"
    store.append_once(JOB_RUNS, rows(store.spark, JOB_RUNS, values), writer=writer, sequence=int(started.timestamp()))


def as_json(value: Mapping[str, Any]) -> str:
    """A mapping as JSON text with sorted keys, for the columns that hold one."""
    return json.dumps(dict(value), sort_keys=True, default=str)
