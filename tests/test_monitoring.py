"""The ledger as metrics and as events: every number can be found in the rows it came from."""

from __future__ import annotations

import datetime as dt
import json
import uuid

from prometheus_client.parser import text_string_to_metric_families
from pyspark.sql import Row, SparkSession

from mapping_spark.job import Does, Job
from mapping_spark.monitoring import latest_by_status, openlineage, prometheus
from mapping_spark.tables.frames import rows
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.silver import EVENTS, QUARANTINE

NOON = dt.datetime(2024, 3, 10, 12)
CLEAN = Job(name="clean", writes=(EVENTS, QUARANTINE), work=Does(lambda run: None, "nothing"))


def run(number: int, minute: int, status: str = "succeeded", error: str | None = None) -> dict[str, object]:
    start = NOON + dt.timedelta(minutes=minute)
    return dict(
        run_id=uuid.UUID(int=number).hex, run_key="k", job="clean", as_of_date=NOON.date(), status=status, started_at=start,
        ended_at=start + dt.timedelta(seconds=30), rows_in=10 * number, rows_out=number, peak_memory_mb=2,
        input_versions=json.dumps({"bronze.events": 4, "silver.blocked_items": None}), output_table="silver.events",
        output_version=None if error else 7, config_hash="c", code_version="1", error=error,
    )  # fmt: skip


def test_metrics_hold_the_latest_run_of_each_status_and_how_many_there_were(spark: SparkSession) -> None:
    ledger = rows(spark, JOB_RUNS, run(1, 0), run(2, 5), run(3, 3, "failed", "no disk"))
    text = prometheus(latest_by_status(ledger).collect())
    found = {
        (sample.name, sample.labels["status"]): sample.value for family in text_string_to_metric_families(text) for sample in family.samples
    }
    assert found[("mapping_spark_job_runs", "succeeded")] == 2
    assert found[("mapping_spark_job_rows_in", "succeeded")] == 20
    assert found[("mapping_spark_job_rows_out", "failed")] == 3
    assert found[("mapping_spark_job_duration_seconds", "succeeded")] == 30
    assert found[("mapping_spark_job_peak_memory_bytes", "succeeded")] == 2_000_000
    assert found[("mapping_spark_job_ended_timestamp_seconds", "succeeded")] == (NOON.replace(tzinfo=dt.UTC).timestamp() + 330)


def test_an_event_names_run_job_inputs_and_outputs_with_their_versions() -> None:
    (line,) = openlineage([Row(**run(1, 0))], [CLEAN], "mapping_spark.demo").splitlines()
    event = json.loads(line)
    assert (event["eventType"], event["eventTime"]) == ("COMPLETE", "2024-03-10T12:00:30+00:00")
    assert event["job"] == {"namespace": "mapping_spark.demo", "name": "clean"}
    assert event["run"] == {"runId": "00000000-0000-0000-0000-000000000001", "facets": {}}
    versions = {each["name"]: each["facets"].get("version", {}).get("datasetVersion") for each in event["inputs"] + event["outputs"]}
    assert versions == {"bronze.events": "4", "silver.blocked_items": None, "silver.events": "7", "silver.quarantine": None}


def test_a_failed_run_is_told_with_its_message() -> None:
    event = json.loads(openlineage([Row(**run(1, 0, "failed", "no disk"))], [], "here"))
    assert (event["eventType"], event["run"]["facets"]["errorMessage"]["message"]) == ("FAIL", "no disk")
    assert [each["name"] for each in event["outputs"]] == ["silver.events"]
