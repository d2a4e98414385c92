"""Profiles against earlier ones: what is measured, what warns, what stops and when, and what may be a baseline."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import pytest
from pydantic import ValidationError
from pyspark.sql import Row, SparkSession

from mapping_spark.errors import ConfigError, QualityError
from mapping_spark.tables import TABLES
from mapping_spark.tables.contract import Column, Table
from mapping_spark.tables.drift import Reading, Snapshot, distances, readings
from mapping_spark.tables.frames import rows
from mapping_spark.tables.limits import Limit
from mapping_spark.tables.ops import TABLE_DRIFT, TABLE_HISTOGRAMS, TABLE_PROFILE
from mapping_spark.tables.store import Store
from mapping_spark.tables.watch import Outputs, WatchConfig, Watched, watch

DAY = dt.date(2024, 3, 10)
OUTPUTS = Outputs(TABLE_PROFILE, TABLE_HISTOGRAMS, TABLE_DRIFT)
USERS = Table(
    name="silver.users",
    grain="one row per user",
    columns=(
        Column("user_id", "string", "User key."),
        Column("segment", "string", "Segment; null where unknown.", nullable=True, is_category=True),
    ),
    primary_key=("user_id",),
    limits=(
        Limit(measure="null_share", column="segment", at_most=0.5),
        Limit(measure="js", column="segment", at_most=0.8, breach="stop"),
    ),
)


def snapshot(n_rows: int, **bins: dict[tuple[str, str], int]) -> Snapshot:
    return Snapshot(as_of=DAY, n_rows=n_rows, n_nulls={"segment": 1}, freshness_days={}, bins=bins)


def run(store: Store, day: dt.date, *segments: str | None, since: dt.date | None = None) -> None:
    for table in (TABLE_PROFILE, TABLE_HISTOGRAMS, TABLE_DRIFT):
        store.create(table)
    frame = rows(store.spark, USERS, *(dict(user_id=f"u{n}", segment=segment) for n, segment in enumerate(segments)))
    config = WatchConfig(references={USERS.name: since} if since else {})
    watch(store, [Watched(USERS, frame, 0)], OUTPUTS, day, config)


def found(store: Store, day: dt.date, measure: str) -> list[Row]:
    return store.read(TABLE_DRIFT).where(f"as_of_date = DATE'{day}' AND measure = '{measure}'").orderBy("column_name", "baseline").collect()


def test_without_a_baseline_only_the_table_itself_is_measured() -> None:
    alone = {(one.column, one.measure): one.value for one in readings(snapshot(4, segment={("value", "a"): 4}), None, None)}
    assert alone == {("", "n_rows"): 4, ("segment", "null_share"): 1 / 4}
    assert [one.measure for one in readings(snapshot(0), None, None)] == ["n_rows"]


def test_change_and_distances_are_against_what_came_before() -> None:
    first, second = snapshot(4, segment={("value", "a"): 4}), snapshot(6, segment={("value", "b"): 6}, new={("null", ""): 6})
    values = {(one.measure, one.baseline): one.value for one in readings(second, first, first)}
    assert values["row_change", "previous"] == 6 / 4 - 1
    assert values["js", "previous"] == values["js", "reference"] == 1  # no bin in common
    assert ("row_change", "reference") not in values
    assert {one.column for one in readings(second, first, first) if one.measure == "psi"} == {"segment"}


def test_bins_that_only_one_has_count() -> None:
    assert distances({("value", "a"): 5}, {("value", "a"): 5, ("null", ""): 5}) == distances(
        {("value", "a"): 5, ("null", ""): 0}, {("null", ""): 5, ("value", "a"): 5}
    )


def test_the_worst_limit_speaks() -> None:
    limits = (Limit(measure="n_rows", at_least=10), Limit(measure="n_rows", at_least=1, breach="stop"))
    verdicts = [Reading("", "n_rows", n).verdict(limits) for n in (10, 5, 0)]
    assert verdicts == [("kept", "at least 10; at least 1"), ("warn", "at least 10"), ("stop", "at least 10; at least 1")]
    assert Reading("", "row_change", 1.0).verdict(limits) == ("free", None)


def test_a_breach_stops_after_everything_is_written_and_is_no_baseline(
    spark: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(spark, str(tmp_path))
    days = [DAY + dt.timedelta(days=n) for n in range(3)]
    run(store, days[0], "a", "a", "b", "b")
    assert not found(store, days[0], "js")
    with pytest.raises(QualityError, match=r"silver.users.segment: js is 1 against 2024-03-10, declared at most 0.8"):
        run(store, days[1], "x", "x")
    assert [(row.baseline, row.value, row.verdict) for row in found(store, days[1], "js")] == [
        ("previous", 1, "stop"),
        ("reference", 1, "stop"),
    ]
    assert store.read(TABLE_PROFILE).where(f"as_of_date = DATE'{days[1]}'").count() == 2
    with caplog.at_level(logging.WARNING, "mapping_spark"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.getLogger("mapping_spark"), "propagate", True)
        run(store, days[2], "a", "b", None, None, None)  # compared with the first day: the second stopped
    assert "silver.users.segment: null_share is 0.6, declared at most 0.5" in caplog.text
    assert {row.baseline_date for row in found(store, days[2], "psi")} == {days[0]}
    assert [(row.value, row.verdict) for row in found(store, days[2], "row_change")] == [(5 / 4 - 1, "free")]


def test_a_change_that_is_meant_is_accepted_by_naming_its_date(spark: SparkSession, tmp_path: Path) -> None:
    store = Store(spark, str(tmp_path))
    days = [DAY + dt.timedelta(days=n) for n in range(3)]
    run(store, days[0], "a")
    with pytest.raises(QualityError, match=r"name its date under watch.references"):
        run(store, days[1], "x")
    run(store, days[2], "x", since=days[1])
    assert {(row.baseline_date, row.value) for row in found(store, days[2], "js")} == {(days[1], 0)}
    run(store, days[1], "x", since=days[1])
    assert not found(store, days[1], "js")


def test_another_run_for_the_date_replaces_its_rows(spark: SparkSession, tmp_path: Path) -> None:
    store = Store(spark, str(tmp_path))
    run(store, DAY, "a")
    run(store, DAY, "a", "b")
    assert [row.value for row in found(store, DAY, "n_rows")] == [2]
    assert store.read(TABLE_HISTOGRAMS).count() == 2


def test_limits_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'null_share'"):
        Limit(measure="nul_share", column="segment", at_most=1)
    with pytest.raises(ConfigError, match="Did you mean 'stop'"):
        Limit(measure="n_rows", at_least=1, breach="stopp")
    with pytest.raises(ConfigError, match="no bound"):
        Limit(measure="n_rows")
    with pytest.raises(ConfigError, match="expected no column"):
        Limit(measure="n_rows", column="segment", at_least=1)


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (Limit(measure="null_share", column="segmnt", at_most=1), "Did you mean 'segment'"),
        (Limit(measure="psi", column="user_id", at_most=1), r"one with a histogram: \['segment'\]"),
        (Limit(measure="freshness_days", column="segment", at_most=1), "one with dates or times"),
    ],
)
def test_limits_that_do_not_fit_their_table_are_refused(limit: Limit, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Table(name="silver.users", grain=USERS.grain, columns=USERS.columns, primary_key=("user_id",), limits=(limit,))


def test_a_reference_is_of_a_table_with_limits() -> None:
    with pytest.raises(ValidationError, match="have no limits"):
        WatchConfig(references={"silver.user": DAY})
    limited = {name for name, table in TABLES.items() if table.limits}
    assert limited == {"silver.events", "silver.interactions", "silver.items", "silver.users", "gold.recommendations"}
