"""Profiles of tables of a few rows: counts, quantiles and bins redone by hand, and no id, key or text in them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.errors import ConfigError
from mapping_spark.tables import profile as profiles
from mapping_spark.tables.contract import Column, Table
from mapping_spark.tables.frames import conform, rows
from mapping_spark.tables.ops import TABLE_HISTOGRAMS
from mapping_spark.tables.profile import histograms, profile
from mapping_spark.tables.silver import EVENTS, INTERACTIONS

DAY = dt.date(2024, 3, 10)
VISITS = Table(
    name="silver.visits",
    grain="one row per visit",
    columns=(
        Column("visit", "string", "Key."),
        Column("user_id", "string", "User key."),
        Column("shop", "string", "Shop; null where unknown.", nullable=True, is_category=True),
        Column("note", "string", "Free text; null where none.", nullable=True),
        Column("amount", "double", "Money; null where none.", unit="currency", nullable=True),
        Column("is_new", "boolean", "Whether it is the first."),
        Column("seen_at", "timestamp", "When; null where unknown.", nullable=True),
    ),
    primary_key=("visit",),
)


@pytest.fixture(scope="module")
def visits(spark: SparkSession) -> DataFrame:
    return rows(
        spark,
        VISITS,
        dict(visit="a", user_id="u1", shop="north", note="call Ann", amount=3.0, is_new=True, seen_at=dt.datetime(2024, 3, 9, 12)),
        dict(visit="b", user_id="u1", shop="north", note="call Bob", amount=2.0, seen_at=dt.datetime(2024, 3, 4)),
        dict(visit="c", user_id="u2", shop="south", amount=-5.0, seen_at=dt.datetime(2024, 3, 3)),
        dict(visit="d", user_id="u2", amount=0.0),
        dict(visit="e", user_id="u2", shop="x" * 65),
    )


def bins(frame: DataFrame, table: Table) -> dict[str, dict[tuple[str, str], int]]:
    found: dict[str, dict[tuple[str, str], int]] = {}
    for row in histograms(frame, table, DAY).collect():
        found.setdefault(row.column_name, {})[row.kind, row.bin] = row.n_rows
    return found


def test_every_column_has_its_counts(visits: DataFrame) -> None:
    found = {row.column_name: row for row in profile(visits, VISITS, DAY).collect()}
    assert {name: (row.n_rows, row.n_nulls, row.n_distinct) for name, row in found.items()} == {
        "visit": (5, 0, 5),
        "user_id": (5, 0, 2),
        "shop": (5, 1, 3),
        "note": (5, 3, 2),
        "amount": (5, 1, 4),
        "is_new": (5, 0, 2),
        "seen_at": (5, 2, 3),
    }


def test_numbers_have_quantiles_and_times_an_age(visits: DataFrame) -> None:
    found = {row.column_name: row for row in profile(visits, VISITS, DAY).collect()}
    amount, seen = found["amount"], found["seen_at"]
    assert (amount.p05, amount.p25, amount.p50, amount.p95) == (-5, -5, 0, 3)  # of -5, 0, 2, 3
    assert (seen.p50, seen.freshness_days, amount.freshness_days) == (6, 1, None)  # 1, 6 and 7 days before
    assert {found[name].p50 for name in ("visit", "user_id", "note", "shop", "is_new")} == {None}


def test_bins_are_values_or_powers_of_two(visits: DataFrame) -> None:
    found = bins(visits, VISITS)
    assert found["shop"] == {("value", "north"): 2, ("value", "south"): 1, ("null", ""): 1, ("other", ""): 1}
    assert found["is_new"] == {("value", "true"): 1, ("value", "false"): 4}
    assert found["amount"] == {("range", "2.0"): 2, ("range", "-4.0"): 1, ("range", "0.0"): 1, ("null", ""): 1}
    assert found["seen_at"] == {("range", "1.0"): 1, ("range", "4.0"): 2, ("null", ""): 2}
    assert {"visit", "user_id", "note"}.isdisjoint(found)


def test_ranges_tell_their_ends(visits: DataFrame) -> None:
    ends = {row.bin: (row.low, row.high) for row in histograms(visits, VISITS, DAY).where("column_name = 'amount'").collect()}
    assert ends == {"2.0": (2, 4), "-4.0": (-8, -4), "0.0": (0, 0), "": (None, None)}


def test_powers_of_two_start_their_bins(spark: SparkSession) -> None:
    powers = [2.0**k for k in range(-20, 21)]
    frame = rows(spark, VISITS, *(dict(visit=str(n), amount=value) for n, value in enumerate(powers)))
    assert sorted(row.low for row in histograms(frame, VISITS, DAY).where("column_name = 'amount'").collect()) == powers


def test_rare_values_are_one_bin(visits: DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "MAX_VALUES", 1)
    assert bins(visits, VISITS)["shop"] == {("value", "north"): 2, ("null", ""): 1, ("other", ""): 2}


def test_a_table_without_rows_has_a_profile_and_no_bins(visits: DataFrame) -> None:
    nothing = visits.limit(0)
    found = profile(nothing, VISITS, DAY).collect()
    assert {(row.n_rows, row.n_nulls, row.n_distinct, row.p50, row.freshness_days) for row in found} == {(0, 0, 0, None, None)}
    assert not bins(nothing, VISITS)


def test_only_rows_that_a_run_for_the_date_may_use_are_counted(spark: SparkSession) -> None:
    events = rows(spark, EVENTS, *(dict(event_id=f"e{n}", event_date=DAY + dt.timedelta(days=n)) for n in (-1, 0)))
    slices = rows(spark, INTERACTIONS, *(dict(user_id="u", as_of_date=DAY + dt.timedelta(days=n)) for n in (-1, 0, 1)))
    assert {row.n_rows for row in profile(events, EVENTS, DAY).collect()} == {1}
    assert {row.n_rows for row in profile(slices, INTERACTIONS, DAY).collect()} == {1}


def test_a_histogram_fits_its_table(visits: DataFrame) -> None:
    labels = "date'2024-03-10' as_of_date", "'silver.visits' table_name", "1L table_version", "*"
    assert conform(histograms(visits, VISITS, DAY).selectExpr(*labels), TABLE_HISTOGRAMS).count() == 4 + 2 + 4 + 3


@pytest.mark.parametrize("column", [dict(name="shop_id", type="string"), dict(name="n", type="int")])
def test_ids_and_numbers_are_no_categories(column: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="text that is no id"):
        Column(**column, doc="A column.", is_category=True)
