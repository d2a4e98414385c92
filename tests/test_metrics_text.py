"""The ledger for other systems where it is empty, tied or odd."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pyspark.sql import Row, SparkSession

from mapping_spark.job import Does, Job
from mapping_spark.monitoring import latest_by_status, openlineage, prometheus
from mapping_spark.tables.frames import rows
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.silver import EVENTS, QUARANTINE

NOON = dt.datetime(2024, 3, 10, 12)
CLEAN = Job(name="clean", writes=(EVENTS, QUARANTINE), work=Does(lambda run: None, "nothing"))


def ran(job: str, seconds: float, **facts: object) -> dict[str, Any]:
    times = dict(started_at=NOON, ended_at=NOON + dt.timedelta(seconds=seconds))
    return dict(run_id=job, job=job, status="succeeded", input_versions="{}") | times | facts


def samples(text: str) -> dict[tuple[str, str, str], float]:
    families = text_string_to_metric_families(text)
    return {(one.name, one.labels["job"], one.labels["status"]): one.value for family in families for one in family.samples}


def test_of_runs_that_ended_together_one_is_told_whole_and_parts_of_seconds_count(spark: SparkSession) -> None:
    ledger = [
        ran("fit", 2.25, run_id="a", rows_in=1, rows_out=10),
        ran("fit", 2.25, run_id="b", rows_in=2, rows_out=20),
        ran("fit", 1.0, run_id="c", rows_in=3, rows_out=30),
        ran("rank", 0.0, status="failed"),
    ]
    frame = rows(spark, JOB_RUNS, *ledger)
    for ordered in (frame.orderBy("run_id"), frame.orderBy("rows_in", ascending=False)):
        found = samples(prometheus(latest_by_status(ordered).collect()))
        assert found["mapping_spark_job_runs", "fit", "succeeded"] == 3
        assert found["mapping_spark_job_rows_in", "fit", "succeeded"] == 2  # the greater id
        assert found["mapping_spark_job_rows_out", "fit", "succeeded"] == 20
        assert found["mapping_spark_job_duration_seconds", "fit", "succeeded"] == 2.25
        assert found["mapping_spark_job_duration_seconds", "rank", "failed"] == 0


def test_a_label_may_hold_any_text() -> None:
    odd = 'a "quoted"\\ name\nof two lines'
    row = Row(job=odd, status="failed", n_runs=1, unix_seconds=0, seconds=0.5, rows_in=0, rows_out=0, peak_memory_bytes=0)
    assert samples(prometheus([row]))["mapping_spark_job_duration_seconds", odd, "failed"] == 0.5


def test_an_empty_ledger_makes_texts_without_a_number() -> None:
    assert samples(prometheus([])) == {}
    assert prometheus([]).count("# TYPE mapping_spark_") == 6
    assert openlineage([], [CLEAN], "here") == ""


def event(**facts: object) -> dict[str, Any]:
    given = ran("clean", 30, run_id=uuid.UUID(int=1).hex, output_table="silver.events", output_version=7, error=None)
    return dict(json.loads(openlineage([Row(**given | facts)], [CLEAN], "here")))


def test_version_0_is_a_version_and_a_failed_run_has_written_none() -> None:
    first = event(input_versions='{"bronze.raw_events": 0}', output_version=0)
    assert first["inputs"][0]["facets"]["version"]["datasetVersion"] == "0"
    assert first["outputs"][0]["facets"]["version"]["datasetVersion"] == "0"
    failed = event(status="failed", output_version=None, error="two\nlines")
    assert [(output["name"], output["facets"]) for output in failed["outputs"]] == [("silver.events", {}), ("silver.quarantine", {})]
    assert failed["run"]["facets"]["errorMessage"]["message"] == "two\nlines"


def test_an_event_s_time_is_utc_whatever_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:  # a collected row's times are of the machine's zone: half past five there is noon
        assert event(ended_at=dt.datetime(2024, 3, 10, 17, 30))["eventTime"] == "2024-03-10T12:00:00+00:00"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_events_are_one_line_each_in_the_order_of_the_runs() -> None:
    given = [
        Row(**ran("clean", 1, run_id=uuid.UUID(int=n).hex, output_table="silver.events", output_version=n, error=None)) for n in (3, 1, 2)
    ]
    lines = openlineage(given, [CLEAN], "here").splitlines()
    assert [json.loads(line)["run"]["runId"][-1] for line in lines] == ["3", "1", "2"]
    assert len({uuid.UUID(json.loads(line)["run"]["runId"]) for line in lines}) == 3
