"""What a published day became, and how many different users any roll-up holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.campaign.reach import build_reach, reach
from mapping_spark.campaign.revisions import build_revisions
from mapping_spark.tables.campaigns import REVISED
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS

from .market import at, counted, event, events


def day(number: int, campaign: str = "c", **sums: Any) -> dict[str, Any]:
    return {"campaign_id": campaign, "variant": "a", "date": at(number).date()} | sums


def test_only_known_days_that_differ_in_a_published_number_are_revised(spark: SparkSession) -> None:
    before = rows(
        spark,
        CAMPAIGN_DAILY_KPIS,
        day(2, n_clicks=1, revenue=Decimal("2.5")),
        day(3, n_clicks=1),
        day(4, n_sends=1, n_clicks=1),
        day(5, n_clicks=1, refunds=Decimal(1)),
    )
    after = rows(
        spark,
        CAMPAIGN_DAILY_KPIS,
        day(1, n_conversions=4),  # had no row, and lies before the last day
        day(2, n_clicks=1, revenue=Decimal("2.5000")),  # the same
        day(4, n_sends=9, n_clicks=1),  # sends are not among the numbers told
        day(5, n_clicks=1, refunds=Decimal("1.0001")),
        day(5, "other", n_purchases=1),
        day(6, n_clicks=1),  # new
    )
    found = build_revisions(before, after, revised_at=at(9)).collect()
    changed = {
        (row.campaign_id, row.date.day): {
            name: (row[f"{name}_before"], row[f"{name}_after"]) for name in REVISED if row[f"{name}_before"] != row[f"{name}_after"]
        }
        for row in found
    }
    assert changed == {
        ("c", 1): {"n_conversions": (0, 4)},
        ("c", 3): {"n_clicks": (1, 0)},  # its row is gone
        ("c", 5): {"refunds": (1, Decimal("1.0001"))},
        ("other", 5): {"n_purchases": (0, 1)},
    }
    assert {row.revised_at for row in found} == {at(9)}
    assert build_revisions(before, before, revised_at=at(9)).isEmpty()


def test_each_action_counts_its_users_once_a_day(spark: SparkSession) -> None:
    happened = events(
        spark,
        event("campaign_open", "u1", at(2), campaign_id="c1"),  # seen, too
        event("impression", "u1", at(2, 5), campaign_id="c1"),
        event("campaign_click", "u1", at(2), campaign_id="c1"),
        event("click", "u9", at(2), campaign_id="c1"),
        event("coupon_redeem", "u1", at(2), campaign_id="c1"),
        event("purchase", "u1", at(6), item_id="milk", value=Decimal(1), currency="EUR"),  # of c1 and c2
        event("refund", "u1", at(7), item_id="milk", value=Decimal(1), currency="EUR"),  # nothing users are counted for
        event("campaign_send", "u2", at(2), campaign_id="c1"),
        event("click", "u1", at(3), campaign_id="c1"),
    )
    daily = build_reach(counted(spark, happened)).persist()
    by_day = daily.groupBy("date", "campaign_id", "action").agg(F.sum("n_users"))
    assert {(row.date.day, row.campaign_id, row.action): row[3] for row in by_day.collect()} == {
        (2, "c1", "impression"): 1,
        (2, "c1", "click"): 2,
        (2, "c1", "conversion"): 1,
        (3, "c1", "click"): 1,
        (6, "c1", "purchase"): 1,
        (6, "c2", "purchase"): 1,
    }
    # u1 clicked on two days and bought for two campaigns: one user all the same
    assert {row.action: row.n_users for row in reach(daily).collect()} == {"impression": 1, "click": 2, "conversion": 1, "purchase": 1}
    by_segment = {(row.segment, row.action): row.n_users for row in reach(daily, "segment", "action").collect()}
    assert (by_segment["young", "click"], by_segment["unknown", "click"]) == (1, 1)


def test_a_sketch_of_many_is_within_its_stated_error(spark: SparkSession) -> None:
    n, days = 20_000, 4
    # Of each day a different half of the users: together everyone, and twice as many user days.
    users = spark.range(n).select(F.concat(F.lit("u"), "id").alias("user_id"), "id")
    shown = users.select("user_id", F.explode(F.array(*(F.lit(at(2 + d).date()) for d in range(days)))).alias("event_date"), "id").where(
        (F.col("id") + F.dayofmonth("event_date")) % 2 == 0
    )
    each = {name: F.lit(name) for name in ("campaign_id", "variant", "segment")}
    facts = each | {"event_type": F.lit("impression"), "is_named": F.lit(True), "is_exclusive": F.lit(True), "is_unpriced": F.lit(False)}
    daily = build_reach(shown.withColumns(facts)).persist()
    assert {row.n_users for row in daily.collect()} == {n // 2}
    (whole,) = reach(daily, "campaign_id").collect()
    assert abs(whole.n_users / n - 1) < 4 * 0.016
