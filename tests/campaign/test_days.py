"""Hours, days, what was revised, and which days are counted again."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.campaign import inputs
from mapping_spark.campaign.hourly import build_daily_segment_kpis, build_hourly_kpis, roll_up_days
from mapping_spark.campaign.inputs import counted_events_of
from mapping_spark.campaign.kpis import CampaignConfig, build_daily_kpis
from mapping_spark.campaign.outcomes import summed
from mapping_spark.campaign.reach import build_reach, reach
from mapping_spark.campaign.revisions import build_revisions
from mapping_spark.campaign.touched import touched_days
from mapping_spark.tables.campaigns import CAMPAIGN_DAILY_SEGMENT_KPIS
from mapping_spark.tables.frames import empty, rows
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS, RECOMMENDATIONS
from mapping_spark.tables.measures import measure
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS, CAMPAIGNS, CURRENCY_RATES, EVENTS, LATE_EVENTS, USERS
from mapping_spark.tables.store import Store

from .market import at, audience, campaign_items, campaigns, counted, event, events

QUARTER = CampaignConfig(margin=Decimal("0.25"))


def test_hours_know_segment_channel_and_model_and_add_up_to_days(spark: SparkSession) -> None:
    happened = events(
        spark,
        event("impression", "u1", at(1, 8), campaign_id="c1", channel="app", recommendation_id="r1"),
        event("impression", "u1", at(1, 9), campaign_id="c1", channel="app"),
        event("click", "u1", at(1, 9), campaign_id="c1", channel="app", recommendation_id="r1"),
        event("purchase", "u1", at(6, 9), item_id="milk", value=Decimal(4), currency="EUR"),
    )
    each = counted(spark, happened).persist()
    served = rows(spark, RECOMMENDATIONS, {"recommendation_id": "r1", "model": "als"})
    hourly = build_hourly_kpis(each, served, QUARTER, rates_version="1").persist()
    first = {(r.hour_at, r.model): (r.n_impressions, r.n_clicks) for r in hourly.where(hourly.date == at(1).date()).collect()}
    assert first == {(at(1, 8), "als"): (1, 0), (at(1, 9), "none"): (1, 0), (at(1, 9), "als"): (0, 1)}
    by_model = {
        r.model: r.ctr for r in measure(build_daily_segment_kpis(hourly), CAMPAIGN_DAILY_SEGMENT_KPIS, "model", "segment").collect()
    }
    assert by_model == {"als": 1.0, "none": 0.0}
    days = [
        sorted(map(tuple, frame.collect())) for frame in (roll_up_days(hourly, QUARTER), build_daily_kpis(each, QUARTER, rates_version="1"))
    ]
    assert days[0] == days[1]


def test_a_late_conversion_revises_its_day_and_a_new_day_is_no_revision(spark: SparkSession) -> None:
    def day(number: int, conversions: int) -> dict[str, object]:
        return {"campaign_id": "c1", "variant": "a", "date": at(number).date(), "n_conversions": conversions, "revenue": Decimal(2)}

    before = rows(spark, CAMPAIGN_DAILY_KPIS, day(1, 1), day(2, 1))
    after = rows(spark, CAMPAIGN_DAILY_KPIS, day(1, 3), day(2, 1), day(3, 5))
    (row,) = build_revisions(before, after, revised_at=at(9)).collect()
    assert (row.date, row.n_conversions_before, row.n_conversions_after) == (at(1).date(), 1, 3)
    assert build_revisions(empty(spark, CAMPAIGN_DAILY_KPIS), after, revised_at=at(9)).isEmpty()


def test_users_are_exact_by_day_and_merge_over_days(spark: SparkSession) -> None:
    shown = [("u1", 1), ("u1", 1), ("u2", 1), ("u1", 2), ("u9", 2)]
    happened = events(spark, *(event("impression", user, at(day), campaign_id="c1") for user, day in shown))
    daily = build_reach(counted(spark, happened)).persist()
    found = {(r.date.day, r.variant, r.segment): r.n_users for r in daily.collect()}
    assert found == {
        (1, "mailed", "young"): 1,
        (1, "control", "unknown"): 1,
        (2, "mailed", "young"): 1,
        (2, "mailed", "unknown"): 1,
    }
    assert [(r.campaign_id, r.action, r.n_users) for r in reach(daily, "campaign_id").collect()] == [("c1", "impression", 3)]


@pytest.mark.parametrize("most", [0, 4], ids=["shuffled", "broadcast"])
def test_a_day_counted_alone_is_what_it_is_among_all(spark: SparkSession, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(inputs, "MAX_BROADCAST_MEMBERS", most)  # the audience has four members
    happened = events(
        spark,
        event("campaign_send", "u1", at(0), campaign_id="c1"),
        event("click", "u1", at(6), campaign_id="c1"),
        event("purchase", "u1", at(6), item_id="milk", value=Decimal(4), discount=Decimal(1), currency="EUR"),  # of c1 and c2
        event("refund", "u2", at(6), item_id="milk", value=Decimal(3), currency="EUR"),
        event("purchase", "u9", at(6), item_id="bread", value=Decimal(9), currency="USD"),  # no rate
        event("click", "u3", at(6), campaign_id="c1"),  # no member
    )
    late = rows(spark, EVENTS, {"event_id": "late", **event("click", "u2", at(6), campaign_id="c1")})
    tables = {
        EVENTS: happened,
        LATE_EVENTS: late,
        CAMPAIGNS: campaigns(spark),
        CAMPAIGN_ITEMS: campaign_items(spark),
        CAMPAIGN_AUDIENCE: audience(spark),
        CURRENCY_RATES: empty(spark, CURRENCY_RATES),
        USERS: rows(spark, USERS, {"user_id": "u1", "segment": "young"}),
    }
    group, day = ("event_date", "campaign_id", "variant", "segment"), at(6).date()
    every = summed(counted_events_of(tables.__getitem__, "EUR"), group)
    alone = {row[1:4]: row.asDict() for row in summed(counted_events_of(tables.__getitem__, "EUR", [day]), group).collect()}
    assert alone == {row[1:4]: row.asDict() for row in every.where(every.event_date == day).collect()}
    assert set(alone) == {("c1", "mailed", "young"), ("c2", "mailed", "young"), ("c1", "control", "unknown"), ("c1", "mailed", "unknown")}
    young = alone["c1", "mailed", "young"]
    assert (young["n_clicks"], young["revenue"], young["exclusive_revenue"], young["discount"], young["cost"]) == (1, 4, 0, 1, 0)
    assert (alone["c1", "control", "unknown"]["n_clicks"], alone["c1", "control", "unknown"]["refunds"]) == (1, 3)
    assert (alone["c1", "mailed", "unknown"]["n_unpriced"], alone["c1", "mailed", "unknown"]["revenue"]) == (1, 0)


def test_users_whose_hashes_are_equal_are_told_apart(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(F, "xxhash64", lambda *_: F.lit(7).cast("bigint"))
    clicks = (("u1", "c1"), ("u2", "c2"), ("u3", "c1"))  # u2 is no member of c2, u3 of none
    happened = events(spark, *(event("click", user, at(1), campaign_id=campaign) for user, campaign in clicks))
    assert [(r.user_id, r.campaign_id, r.variant) for r in counted(spark, happened).collect()] == [("u1", "c1", "mailed")]


def test_only_days_of_new_events_are_touched_until_another_input_changes(spark: SparkSession, tmp_path: Path) -> None:
    store, tables = Store(spark, str(tmp_path)), (EVENTS, CAMPAIGN_ITEMS)

    def versions() -> dict[str, int | None]:
        return {table.name: store.version(table) for table in tables}

    for table in tables:
        store.create(table)
    store.append_once(EVENTS, events(spark, event("click", "u1", at(1)), event("click", "u1", at(2))), writer="w", sequence=1)
    before = versions()
    late = rows(spark, EVENTS, {"event_id": "late", **event("click", "u2", at(1))}, {"event_id": "new", **event("click", "u2", at(3))})
    store.append_once(EVENTS, late, writer="w", sequence=2)
    assert touched_days(store, before, versions(), tables) == [dt.date(2017, 3, 1), dt.date(2017, 3, 3)]
    assert touched_days(store, versions(), versions(), tables) == []
    assert touched_days(store, None, versions(), tables) is None
    store.insert_new(CAMPAIGN_ITEMS, rows(spark, CAMPAIGN_ITEMS, {"campaign_id": "c1", "item_id": "tea"}))
    assert touched_days(store, before, versions(), tables) is None
