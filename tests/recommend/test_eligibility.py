"""Rules as tables."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import SparkSession

from mapping_spark.recommend.eligibility import eligible_items, eligible_users, known_before
from mapping_spark.tables.frames import empty, rows
from mapping_spark.tables.silver import BLOCKED_ITEMS, EVENTS, ITEM_IDS, ITEMS, USER_IDS, USERS


def test_unavailable_and_blocked_items_are_left_out(spark: SparkSession) -> None:
    ids = rows(spark, ITEM_IDS, *(dict(item_id=name, item_idx=number) for number, name in enumerate("abcd")))
    items = rows(
        spark,
        ITEMS,
        dict(item_id="a", title="Milk", is_available=True),
        dict(item_id="b", title="Tea", is_available=False),
        dict(item_id="c", title="Gin", is_available=True),
        dict(item_id="z", title="Never sold", is_available=True),
    )
    found = eligible_items(ids, items, rows(spark, BLOCKED_ITEMS, dict(item_id="c", reason="law"), dict(item_id="y", reason="law")))
    assert {tuple(row) for row in found.collect()} == {("a", 0, "Milk"), ("d", 3, "d")}  # the catalogue lacks d


def test_users_who_consent_and_were_known_get_lists(spark: SparkSession) -> None:
    ids = rows(spark, USER_IDS, *(dict(user_id=name, user_idx=number) for number, name in enumerate("abcd")))
    users = rows(
        spark,
        USERS,
        dict(user_id="a", segment="s", has_marketing_consent=True),
        dict(user_id="b", has_marketing_consent=False),
        dict(user_id="c", has_marketing_consent=True),
    )
    day = dt.date(2017, 12, 1)
    events = rows(
        spark,
        EVENTS,
        *(dict(event_id=f"{name}{number}", user_id=name, event_date=dt.date(2017, 11, 30)) for name in "abd" for number in range(2)),
        dict(event_id="c1", user_id="c", event_date=day),  # the day itself is not before it
    )
    found = eligible_users(ids, users, known_before(events, day))
    assert [tuple(row) for row in found.collect()] == [("a", 0, "s")]  # d has no row that says so


def test_empty_rules_forbid_nothing(spark: SparkSession) -> None:
    ids = rows(spark, ITEM_IDS, dict(item_id="a", item_idx=0))
    assert [tuple(row) for row in eligible_items(ids, empty(spark, ITEMS), empty(spark, BLOCKED_ITEMS)).collect()] == [("a", 0, "a")]
