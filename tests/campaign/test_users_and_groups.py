"""Funnel, delays, cohorts, stickiness, and what may be published."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from pyspark.sql import SparkSession

from mapping_spark.campaign.activity import active_days, build_activity, build_cohorts
from mapping_spark.campaign.funnel import build_conversion_delays, build_funnel
from mapping_spark.campaign.published import build_published
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import CAMPAIGN_KPIS, CAMPAIGN_OUTCOMES
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE

from .market import at, event, events


def user(name: str, *counts: int, converted: dt.datetime | None = None) -> dict[str, Any]:
    steps = dict(zip(("n_sends", "n_impressions", "n_clicks"), counts, strict=True))
    return {"campaign_id": "c", "user_id": name, "is_converted": converted is not None, "first_conversion_at": converted, **steps}


def test_a_funnel_narrows_and_conversions_have_delays(spark: SparkSession) -> None:
    users = (user("u1", 1, 1, 1, converted=at(4, 5)), user("u2", 1, 1, 0), user("u3", 1, 0, 1), user("u4", 0, 0, 0, converted=at(1)))
    outcomes = rows(spark, CAMPAIGN_OUTCOMES, *users)
    (row,) = build_funnel(outcomes).collect()
    assert (row.n_users, row.n_sent, row.n_seen, row.n_clicked, row.n_converted, row.n_converted_anyhow) == (4, 3, 2, 1, 1, 2)
    assigned = [{"campaign_id": "c", "user_id": name, "assigned_at": at(1, 6)} for name in ("u1", "u4")]
    delays = build_conversion_delays(outcomes, rows(spark, CAMPAIGN_AUDIENCE, *assigned)).collect()
    assert {row.days: row.n_users for row in delays} == {2: 1, -1: 1}  # 2 days 23 hours after, 6 hours before


def test_cohorts_and_stickiness_redone_by_hand(spark: SparkSession) -> None:
    days = {"u1": (1, 3, 20), "u2": (3,), "u3": (9,)}  # 1 March 2017 is a Wednesday
    clicks = (event("click", name, at(day)) for name, of in days.items() for day in of)
    active = active_days(events(spark, *clicks, event("impression", "u4", at(1))), at(22).date()).persist()
    found = {
        (r.cohort_date.day, r.week): (r.n_users, r.n_active_users, r.is_complete) for r in build_cohorts(active, at(22).date()).collect()
    }
    assert found == {
        (27, 0): (2, 2, True),
        (27, 1): (2, 0, True),
        (27, 2): (2, 0, True),
        (27, 3): (2, 1, False),
        (6, 0): (1, 1, True),
        (6, 1): (1, 0, True),
        (6, 2): (1, 0, False),
    }
    activity = {r.date.day: (r.n_daily_users, r.n_weekly_users, r.n_monthly_users) for r in build_activity(active, at(22).date()).collect()}
    assert len(activity) == 21
    assert [activity[day] for day in (1, 2, 3, 9, 10, 20)] == [(1, 1, 1), (0, 1, 1), (2, 2, 2), (1, 3, 3), (0, 1, 3), (1, 1, 3)]


def test_a_small_group_takes_the_smallest_of_the_others_with_it(spark: SparkSession) -> None:
    sizes = {
        "a": {"s": 3, "t": 20, "u": 30},
        "b": {"s": 6, "t": 7, "u": 30},
        "c": {"s": 10, "t": 11},
        "d": {"s": 9},
        "e": {"s": 2, "t": 3, "u": 40},
    }
    groups = [
        {"campaign_id": name, "variant": "a", "segment": segment, "n_users": n, "revenue": Decimal(n)}
        for name, segments in sizes.items()
        for segment, n in segments.items()
    ]
    published = build_published(rows(spark, CAMPAIGN_KPIS, *groups), min_users=10).collect()
    shown = {name: {row.segment: row.n_users for row in published if row.campaign_id == name and not row.is_withheld} for name in sizes}
    assert shown == {"a": {"u": 30, "all": 53}, "b": {"u": 30, "all": 43}, "c": {"s": 10, "t": 11, "all": 21}, "d": {}, "e": {"all": 45}}
    assert all((row.revenue is None) == row.is_withheld for row in published)
