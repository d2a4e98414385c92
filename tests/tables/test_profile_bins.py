"""The histogram's bins for any numbers and days, against the same rule in plain Python."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.tables.contract import Column, Table
from mapping_spark.tables.frames import rows
from mapping_spark.tables.profile import MAX_LENGTH, histograms, profile, rows_as_of
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, ITEMS

DAY = dt.date(2024, 3, 10)
THINGS = Table(
    name="silver.things",
    grain="one row per thing",
    columns=(
        Column("thing", "string", "Key."),
        Column("size", "double", "Size; null where unknown.", nullable=True),
        Column("made_at", "timestamp", "When; null where unknown.", nullable=True),
        Column("kind", "string", "Kind; null where unknown.", nullable=True, is_category=True),
    ),
    primary_key=("thing",),
)
Bin = tuple[str, float | None, float | None]


def expected_bin(number: float | None) -> Bin:
    """Kind and both ends: [2^k, 2^(k+1)), mirrored below 0; 0 and NaN for themselves."""
    if number is None:
        return "null", None, None
    if number == 0 or math.isnan(number):
        return "range", number, number
    end = math.copysign(2.0 ** (math.frexp(number)[1] - 1), number)
    return "range", min(end, 2 * end), max(end, 2 * end)


def bins(frame: DataFrame, column: str) -> Counter[str]:
    found = histograms(frame, THINGS, DAY).where(f"column_name = '{column}'").collect()
    return Counter({str((row.kind, row.low, row.high)): row.n_rows for row in found})


def things(spark: SparkSession, sizes: Sequence[float | None]) -> DataFrame:
    return rows(spark, THINGS, *(dict(thing=str(n), size=size) for n, size in enumerate(sizes)))


@settings(max_examples=2, deadline=None)
@given(st.lists(st.none() | st.integers(-(10**9), 10**9).map(lambda n: n / 8), min_size=1, max_size=60))
def test_a_number_lies_in_the_bin_of_its_power_of_two(spark: SparkSession, sizes: list[float | None]) -> None:
    assert bins(things(spark, sizes), "size") == Counter(str(expected_bin(size)) for size in sizes)


def test_the_ends_of_bins_zero_and_no_number(spark: SparkSession) -> None:
    below = 4 - 1e-9
    found = bins(things(spark, [2, below, 4, -2, -below, -4, 0.0, math.nan, None]), "size")
    ends = {(2.0, 4.0): 2, (4.0, 8.0): 1, (-4.0, -2.0): 2, (-8.0, -4.0): 1, (0.0, 0.0): 1}
    expected = {str(("range", low, high)): n for (low, high), n in ends.items()}
    assert found == expected | {str(("range", math.nan, math.nan)): 1, str(("null", None, None)): 1}


def test_minus_zero_is_zero(spark: SparkSession) -> None:
    assert bins(things(spark, [0.0, -0.0]), "size") == {str(("range", 0.0, 0.0)): 2}


def test_days_after_the_date_are_negative_and_a_time_counts_by_its_day(spark: SparkSession) -> None:
    times = [
        dt.datetime(2024, 3, 10, 23),
        dt.datetime(2024, 3, 9, 23, 59),
        dt.datetime(2024, 3, 11),
        dt.datetime(2024, 3, 13),
    ]  # 0, 1, -1, -3
    frame = rows(spark, THINGS, *(dict(thing=str(n), made_at=time) for n, time in enumerate(times)))
    assert bins(frame, "made_at") == {str(("range", low, high)): 1 for low, high in ((0.0, 0.0), (1.0, 2.0), (-2.0, -1.0), (-4.0, -2.0))}
    (row,) = profile(frame, THINGS, DAY).where("column_name = 'made_at'").collect()
    assert (row.freshness_days, row.p05, row.p50, row.p95) == (-3, -3, -1, 1)


def test_a_text_longer_than_a_category_is_not_shown(spark: SparkSession) -> None:
    kinds = ["x" * MAX_LENGTH, "x" * (MAX_LENGTH + 1), "y" * (MAX_LENGTH + 1), "", None]
    frame = rows(spark, THINGS, *(dict(thing=str(n), kind=kind) for n, kind in enumerate(kinds)))
    found = {(row.kind, row.bin): row.n_rows for row in histograms(frame, THINGS, DAY).where("column_name = 'kind'").collect()}
    assert found == {("value", "x" * MAX_LENGTH): 1, ("value", ""): 1, ("other", ""): 2, ("null", ""): 1}


@pytest.mark.parametrize(
    ("table", "expected"), [(INTERACTIONS, {0}), (EVENTS, {-2, -1}), (ITEMS, {None})], ids=lambda value: str(value)[:20]
)
def test_a_run_may_use_its_slice_or_earlier_events_or_all(spark: SparkSession, table: Table, expected: set[int | None]) -> None:
    dated = next((name for name in ("as_of_date", "event_date") if name in table.by_name), None)
    days = [-2, -1, 0, 1] if dated else [None]
    frame = rows(spark, table, *({} if day is None else {str(dated): DAY + dt.timedelta(days=day)} for day in days))
    found = rows_as_of(frame, table, DAY).collect()
    assert {(row[dated] - DAY).days if dated else None for row in found} == expected
