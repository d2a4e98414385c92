"""The ledger: which keys are equal, which run was the latest, and what may be built upon."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from mapping_spark.tables import runs
from mapping_spark.tables.frames import rows
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.runs import as_json, code_version, content_hash, latest_inputs, latest_keys, pinned_inputs, record, run_key
from mapping_spark.tables.store import Store

DAY, NOON = dt.date(2024, 3, 10), dt.datetime(2024, 3, 10, 12, tzinfo=dt.UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=25)
@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_a_hash_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))
    assert content_hash(turned) == content_hash(value)
    assert as_json(turned) == as_json(value)
    assert content_hash({"more": 1, "value": value}) != content_hash({"value": value})


def test_a_hash_tells_order_in_lists_and_takes_dates_as_text() -> None:
    assert content_hash([1, 2]) != content_hash([2, 1])
    assert content_hash(DAY) == content_hash("2024-03-10")
    assert len(content_hash(None)) == 16


def test_a_key_changes_with_each_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {
        run_key("fold", DAY, {"silver.events": 3}, "c1"),
        run_key("fold2", DAY, {"silver.events": 3}, "c1"),
        run_key("fold", DAY + dt.timedelta(days=1), {"silver.events": 3}, "c1"),
        run_key("fold", DAY, {"silver.events": 4}, "c1"),
        run_key("fold", DAY, {"silver.events": None}, "c1"),
        run_key("fold", DAY, {}, "c1"),
        run_key("fold", DAY, {"silver.events": 3}, "c2"),
    }
    assert len(keys) == 7
    assert run_key("fold", DAY, {"a": 1, "b": 2}, "c") == run_key("fold", DAY, {"b": 2, "a": 1}, "c")
    before = run_key("fold", DAY, {}, "c1")
    monkeypatch.setattr(runs, "code_version", lambda: "another")
    assert run_key("fold", DAY, {}, "c1") != before


def test_the_source_hash_sees_content_and_place_but_no_order() -> None:
    one, other = (Path(runs.__file__).with_name(name) for name in ("runs.py", "store.py"))
    assert runs.source_hash([one, other]) == runs.source_hash([other, one])
    assert len({runs.source_hash(files) for files in ([one, other], [one], [other], [])}) == 4


def ran(run_id: str, job: str, minute: int, status: str = "succeeded", **values: Any) -> dict[str, Any]:
    at = NOON + dt.timedelta(minutes=minute)
    defaults = dict(run_key=f"key of {run_id}", as_of_date=DAY, config_hash="c", code_version=code_version(), input_versions='{"t": 1}')
    return dict(run_id=run_id, job=job, status=status, started_at=at, ended_at=at) | defaults | values


@pytest.fixture(scope="module")
def ledger(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(spark, str(tmp_path_factory.mktemp("ledger")))
    assert (latest_keys(store, DAY), latest_inputs(store, "fold", "c"), pinned_inputs(store)) == ({}, None, [])  # no ledger yet
    for _ in range(2):  # recorded again after a crash
        record(store, **ran("r1", "fold", 1, output_version=4))
    others = (
        ran("r2", "fold", 2, input_versions=json.dumps({"silver.events": 7, "silver.users": None}), output_version=5),
        ran("r0", "fold", 0, output_version=3),
        ran("r3", "fold", 3, status="failed"),
        ran("r4", "fold", -60 * 24, as_of_date=DAY - dt.timedelta(days=1)),
        ran("r5", "fit", 0, status="failed"),
        ran("r6", "recommend", 1, code_version="of last year", output_version=1),
    )
    store.append_once(JOB_RUNS, rows(spark, JOB_RUNS, *others), writer="test", sequence=0)
    return store


def test_a_run_is_recorded_once(ledger: Store) -> None:
    assert sorted(row.run_id for row in ledger.read(JOB_RUNS).collect()) == [f"r{n}" for n in range(7)]


def test_the_latest_success_of_the_date_counts_whatever_was_recorded_or_failed_later(ledger: Store) -> None:
    assert latest_keys(ledger, DAY) == {"fold": "key of r2", "recommend": "key of r6"}
    assert latest_keys(ledger, DAY - dt.timedelta(days=1)) == {"fold": "key of r4"}
    assert latest_keys(ledger, DAY + dt.timedelta(days=1)) == {}


def test_only_a_success_with_these_settings_and_this_code_is_built_upon(ledger: Store) -> None:
    assert latest_inputs(ledger, "fold", "c") == ({"silver.events": 7, "silver.users": None}, 5)
    assert latest_inputs(ledger, "fold", "other settings") is None
    assert latest_inputs(ledger, "recommend", "c") is None  # the code has changed since
    assert latest_inputs(ledger, "fit", "c") is None  # it never succeeded


def test_what_the_latest_success_of_each_job_read_is_pinned(ledger: Store) -> None:
    assert sorted(pinned_inputs(ledger), key=len) == [{"t": 1}, {"silver.events": 7, "silver.users": None}]
