"""The ledger for other systems: metrics in Prometheus' text format, and OpenLineage events.

Both are texts printed by `mapping-spark runs --format ...`: Prometheus' node exporter reads the first from a file (textfile
collector), any OpenLineage backend takes the second, an event a line. Nothing is sent from here.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from mapping_spark.job import Job

_PRODUCER = "https://pypi.org/project/mapping-spark"
_SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_VERSION_FACET = "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"
_ERROR_FACET = "https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet"
_EVENT_TYPES = {"succeeded": "COMPLETE", "failed": "FAIL"}

_LATEST = {
    "job_ended_timestamp_seconds": ("Unix time at which the latest run of this status ended.", "unix_seconds"),
    "job_duration_seconds": ("Wall time of that run.", "seconds"),
    "job_rows_in": ("Rows it read.", "rows_in"),
    "job_rows_out": ("Rows it wrote.", "rows_out"),
    "job_peak_memory_bytes": ("Peak resident memory of its processes.", "peak_memory_bytes"),
}


def latest_by_status(ledger: DataFrame) -> DataFrame:
    """One row per job and status of ops.job_runs: how many runs, and the facts of the one that ended last."""
    facts = F.struct(
        F.col("ended_at"),
        F.col("run_id"),
        F.unix_timestamp("ended_at").alias("unix_seconds"),
        (F.col("ended_at").cast("double") - F.col("started_at").cast("double")).alias("seconds"),
        "rows_in",
        "rows_out",
        (F.col("peak_memory_mb") * 1_000_000).alias("peak_memory_bytes"),
    )
    grouped = ledger.groupBy("job", "status").agg(F.count("*").alias("n_runs"), F.max(facts).alias("latest"))
    return grouped.select("job", "status", "n_runs", "latest.*").orderBy("job", "status")


def prometheus(latest: Iterable[Row]) -> str:
    """Rows of `latest_by_status` in Prometheus' text exposition format."""
    registry, labels = CollectorRegistry(), ("job", "status")
    n_runs = Gauge("mapping_spark_job_runs", "Runs in the ledger.", labels, registry=registry)
    gauges = {field: Gauge(f"mapping_spark_{name}", doc, labels, registry=registry) for name, (doc, field) in _LATEST.items()}
    for row in latest:
        n_runs.labels(row.job, row.status).set(row.n_runs)
        for field, gauge in gauges.items():
            gauge.labels(row.job, row.status).set(row[field])
    return generate_latest(registry).decode()


def openlineage(runs: Iterable[Row], jobs: Sequence[Job], namespace: str) -> str:
    """Rows of ops.job_runs as OpenLineage run events (spec 2-0-2), one JSON object per line; `namespace` names the store."""
    written = {job.name: [table.name for table in job.writes] for job in jobs}
    return "".join(json.dumps(_event(run, written.get(run.job, [run.output_table]), namespace)) + "\n" for run in runs)


def _event(run: Row, written: Sequence[str], namespace: str) -> dict[str, Any]:
    error = _facet(_ERROR_FACET, message=run.error, programmingLanguage="python") if run.error else None
    inputs: Mapping[str, int | None] = json.loads(run.input_versions)
    outputs = {name: run.output_version if name == run.output_table else None for name in written}
    return {
        "eventType": _EVENT_TYPES[run.status],
        "eventTime": dt.datetime.fromtimestamp(run.ended_at.timestamp(), dt.UTC).isoformat(),
        "producer": _PRODUCER,
        "schemaURL": _SPEC,
        "job": {"namespace": namespace, "name": run.job},
        "run": {"runId": str(uuid.UUID(run.run_id)), "facets": {"errorMessage": error} if error else {}},
        "inputs": [_dataset(name, version, namespace) for name, version in inputs.items()],
        "outputs": [_dataset(name, version, namespace) for name, version in outputs.items()],
    }


def _dataset(name: str, version: int | None, namespace: str) -> dict[str, Any]:
    facets = {} if version is None else {"version": _facet(_VERSION_FACET, datasetVersion=str(version))}
    return {"namespace": namespace, "name": name, "facets": facets}


def _facet(schema: str, **values: Any) -> dict[str, Any]:
    return {"_producer": _PRODUCER, "_schemaURL": schema, **values}
