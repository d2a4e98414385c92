"""Which days a changed audience, a changed user or a late event touches."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from mapping_spark.campaign.touched import Versions, touched_days
from mapping_spark.tables.frames import rows
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, EVENTS, LATE_EVENTS, USERS
from mapping_spark.tables.store import Store

from .market import at, event, events

TABLES = (EVENTS, LATE_EVENTS, CAMPAIGN_AUDIENCE, USERS)


@pytest.fixture(scope="module")
def store(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """u1 did something on 1 and 2 March, u2 on the 2nd and, late, on the 4th."""
    store = Store(spark, str(tmp_path_factory.mktemp("touched")))
    for table in TABLES:
        store.create(table)
    happened = events(spark, event("click", "u1", at(1)), event("click", "u1", at(2)), event("click", "u2", at(2)))
    store.append_once(EVENTS, happened, writer="w", sequence=1)
    store.append_once(
        LATE_EVENTS, rows(spark, LATE_EVENTS, {"event_id": "late", "source": "shop", **event("click", "u2", at(4))}), writer="w", sequence=1
    )
    store.insert_new(CAMPAIGN_AUDIENCE, rows(spark, CAMPAIGN_AUDIENCE, {"campaign_id": "c1", "user_id": "u1", "variant": "a"}))
    store.insert_new(USERS, rows(spark, USERS, {"user_id": "u1", "segment": "s"}, {"user_id": "u2", "segment": "s"}))
    return store


def versions(store: Store) -> Versions:
    return {table.name: store.version(table) for table in TABLES}


def days(*numbers: int) -> list[dt.date]:
    return [at(number).date() for number in numbers]


def test_a_user_who_joins_an_audience_touches_the_days_on_which_he_did_something(store: Store) -> None:
    before = versions(store)
    assert touched_days(store, before, before, TABLES) == []
    store.insert_new(CAMPAIGN_AUDIENCE, rows(store.spark, CAMPAIGN_AUDIENCE, {"campaign_id": "c2", "user_id": "u2", "variant": "a"}))
    assert touched_days(store, before, versions(store), TABLES) == days(2, 4)


def test_a_user_touches_days_where_his_segment_changes_and_by_nothing_else(store: Store) -> None:
    before = versions(store)
    consents = [{"user_id": name, "segment": "s", "has_marketing_consent": True} for name in ("u1", "u2")]
    store.replace_slice(USERS, rows(store.spark, USERS, *consents), {})
    assert touched_days(store, before, versions(store), TABLES) == []
    store.replace_slice(USERS, rows(store.spark, USERS, consents[0] | {"segment": "t"}, consents[1]), {})
    assert touched_days(store, before, versions(store), TABLES) == days(1, 2)


def test_late_events_touch_their_days_and_a_new_table_every_day(store: Store) -> None:
    before = versions(store)
    late = rows(store.spark, LATE_EVENTS, {"event_id": "later", "source": "shop", **event("click", "u1", at(7))})
    store.append_once(LATE_EVENTS, late, writer="w", sequence=2)
    assert touched_days(store, before, versions(store), TABLES) == days(4, 7)  # of late events all days are counted again
    with_new = dict(versions(store)) | {USERS.name: None}
    assert touched_days(store, with_new, versions(store), (USERS,)) is None  # it was not there before
