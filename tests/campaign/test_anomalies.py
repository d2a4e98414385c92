from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from mapping_spark.campaign.anomalies import build_anomalies
from mapping_spark.campaign.series import campaign_series, of_running, shop_series
from mapping_spark.campaign.settings import AnomalyConfig
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS
from mapping_spark.tables.silver import CAMPAIGNS

from .market import at, event, events

MONDAY = dt.date(2024, 1, 1)


def test_a_day_far_from_its_weekday_is_flagged(spark: SparkSession) -> None:
    # Weekdays repeat, give or take 1 from week to week; one day of the fifth week doubles, one has no row.
    values = {MONDAY + dt.timedelta(days=n): 100.0 + 10 * (n % 7) + (n // 7) % 2 for n in range(42)}
    values[MONDAY + dt.timedelta(days=30)] = 240.0
    del values[MONDAY + dt.timedelta(days=36)]
    series = small(spark, [("s", day, value) for day, value in values.items()], "series string, date date, value double")
    found = build_anomalies(series, AnomalyConfig(weeks=3, limit=5)).orderBy("date").collect()
    assert [(row.date, row.value, row.expected) for row in found] == [
        (MONDAY + dt.timedelta(days=30), 240, pytest.approx(120, abs=1)),
        (MONDAY + dt.timedelta(days=36), 0, pytest.approx(110, abs=1)),
    ]
    assert found[0].deviation > 5 > -5 > found[1].deviation


def test_series_of_the_shop_and_of_campaigns(spark: SparkSession) -> None:
    happened = events(
        spark,
        event("purchase", "u1", at(1), value=3, currency="EUR"),
        event("purchase", "u1", at(1), value=4, currency="EUR"),
        event("purchase", "u2", at(2), currency="EUR"),
        event("view", "u3", at(1)),
    )
    found = {(row.series, row.date.day): row.value for row in shop_series(happened).collect()}
    assert found == {("shop: revenue", 1): 7, ("shop: buyers", 1): 1, ("shop: revenue", 2): 0, ("shop: buyers", 2): 1}
    daily = rows(
        spark,
        CAMPAIGN_DAILY_KPIS,
        *(
            {"campaign_id": "c", "variant": variant, "date": MONDAY, "n_conversions": n, "revenue": n}
            for variant, n in (("a", 1), ("b", 2))
        ),
    )
    assert {(row.series, row.value) for row in campaign_series(daily).collect()} == {
        ("campaign c: n_conversions", 3),
        ("campaign c: revenue", 3),
    }


def test_of_campaigns_that_are_over_nothing_is_forecast(spark: SparkSession) -> None:
    ends = {"over": MONDAY, "running": MONDAY + dt.timedelta(days=1), "endless": None}
    campaigns = rows(
        spark, CAMPAIGNS, *({"campaign_id": name, "end_at": end and dt.datetime.combine(end, dt.time())} for name, end in ends.items())
    )
    daily = rows(spark, CAMPAIGN_DAILY_KPIS, *({"campaign_id": name, "variant": "a", "date": MONDAY} for name in ends))
    assert {row.campaign_id for row in of_running(daily, campaigns, MONDAY).collect()} == {"running", "endless"}
