"""Anomalies at their limits: when a day is judged at all, and how far is far."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from mapping_spark.campaign.anomalies import build_anomalies, complete
from mapping_spark.campaign.series import shop_series
from mapping_spark.campaign.settings import AnomalyConfig
from mapping_spark.tables.frames import small

from .market import at, event, events

MONDAY = dt.date(2024, 1, 1)
SHAPE = "series string, date date, value double"
WEEKS3 = AnomalyConfig(weeks=3, limit=5)


def by_week(name: str, *weeks: float, **days: float) -> list[tuple[str, dt.date, float]]:
    """Weeks of seven equal days, and single days (`d28=...`) that differ."""
    values = {n: weeks[n // 7] for n in range(7 * len(weeks))} | {int(day[1:]): value for day, value in days.items()}
    return [(name, MONDAY + dt.timedelta(days=n), value) for n, value in values.items()]


def test_a_day_is_flagged_from_five_deviations_on_and_only_where_something_varied(spark: SparkSession) -> None:
    # Three weeks of 10, one of 12: off by 2 each, so a deviation is 1.4826 x 2. In the fifth week 10 is expected again.
    five = 10 + 5 * 1.4826 * 2  # 24.826
    series = [
        *by_week("above", 10, 10, 10, 12, 10, d28=five + 0.01),
        *by_week("within", 10, 10, 10, 12, 10, d28=five - 0.01),
        *by_week("below", 10, 10, 10, 12, 10, d28=10 - 5 * 1.4826 * 2 - 0.01),
        *by_week("never varied", 10, 10, 10, 10, 10, d28=1e6),
        *by_week("too short", 10, 12, 10, d20=1e6),  # two such weekdays before
        *by_week("first judged", 10, 10, 10, d21=1e6),  # three, but nothing yet to measure its distance by
    ]
    found = {row.series: row for row in build_anomalies(small(spark, series, SHAPE), WEEKS3).collect()}
    assert set(found) == {"above", "below"}
    for name, sign in (("above", 1), ("below", -1)):
        row = found[name]
        assert (row.date, row.expected) == (MONDAY + dt.timedelta(days=28), 10)
        assert row.deviation == pytest.approx(sign * (5 + 0.01 / 2.9652))
    assert build_anomalies(small(spark, [], SHAPE), WEEKS3).isEmpty()


def test_days_between_the_first_and_the_last_are_filled_with_nothing(spark: SparkSession) -> None:
    days = [MONDAY + dt.timedelta(days=n) for n in range(5)]
    series = small(spark, [("a", days[0], 1.0), ("a", days[3], 2.0), ("b", days[4], 5.0)], SHAPE)
    found = sorted((row.series, row.date, row.value) for row in complete(series).collect())
    assert found == [("a", days[0], 1), ("a", days[1], 0), ("a", days[2], 0), ("a", days[3], 2), ("b", days[4], 5)]


def test_a_shop_that_sold_nothing_has_no_series(spark: SparkSession) -> None:
    assert shop_series(events(spark, event("refund", "u1", at(1), value=3, currency="EUR"))).isEmpty()
