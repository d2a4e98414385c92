from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, Row, SparkSession

from mapping_spark.config import validated
from mapping_spark.errors import ConfigError
from mapping_spark.features.interactions import InteractionsConfig, build_choices, build_interactions, future_interactions
from mapping_spark.tables.frames import empty, rows
from mapping_spark.tables.silver import EVENTS, ITEM_IDS, USER_IDS

AS_OF = dt.date(2017, 12, 1)
TEN_DAYS = InteractionsConfig(half_life_days=10)


def event(event_id: str, age_days: int = 10, **more: Any) -> dict[str, Any]:
    day = AS_OF - dt.timedelta(days=age_days)
    noon = dt.datetime.combine(day, dt.time(12))
    bought = dict(event_type="purchase", user_id="u", item_id="i", event_date=day, event_at=noon, value=Decimal(1), currency="USD")
    return bought | dict(event_id=event_id) | more


def ids(spark: SparkSession) -> tuple[DataFrame, DataFrame]:
    users = rows(spark, USER_IDS, dict(user_id="u", user_idx=0), dict(user_id="v", user_idx=1))
    items = rows(spark, ITEM_IDS, dict(item_id="i", item_idx=0), dict(item_id="j", item_idx=1))
    return users, items


def build(spark: SparkSession, *events: dict[str, Any], config: InteractionsConfig = TEN_DAYS) -> dict[tuple[str, str], Row]:
    frame = build_interactions(rows(spark, EVENTS, *events), *ids(spark), as_of=AS_OF, config=config)
    return {(row.user_id, row.item_id): row for row in frame.collect()}


def test_weights_halve_every_half_life(spark: SparkSession) -> None:
    pair = build(spark, event("a", 10), event("b", 20), event("c", 0))[("u", "i")]  # c lies on the date itself: the future
    assert pair.weight == 1 / 2 + 1 / 4
    assert (pair.n_events, pair.user_idx, pair.item_idx, pair.as_of_date) == (2, 0, 0, AS_OF)
    assert (pair.first_at, pair.last_at) == (dt.datetime(2017, 11, 11, 12), dt.datetime(2017, 11, 21, 12))


def test_without_half_life_events_count_alike(spark: SparkSession) -> None:
    pair = build(spark, event("a", 1), event("b", 900), config=InteractionsConfig(half_life_days=None))[("u", "i")]
    assert pair.weight == 2


def test_event_types_have_their_own_weight(spark: SparkSession) -> None:
    config = InteractionsConfig(event_weights={"purchase": 1, "view": 0.25}, half_life_days=10)
    pair = build(spark, event("a"), event("b", event_type="view", value=None), event("c", event_type="cart"), config=config)
    assert pair[("u", "i")].weight == (1 + 0.25) / 2


def test_a_purchase_for_nothing_is_no_choice(spark: SparkSession) -> None:
    found = build(spark, event("a", value=Decimal(0)), event("b", item_id="j", value=None), event("c", item_id=None))
    assert set(found) == {("u", "j")}  # an unknown price still counts


def test_only_the_latest_events_of_a_heavy_user_count(spark: SparkSession) -> None:
    config = InteractionsConfig(half_life_days=None, max_events_per_user=2)
    heavy = [event("a", 3), event("b", 2), event("c", 1, item_id="j")]
    found = build(spark, *heavy, event("d", 300, user_id="v"), config=config)
    assert {pair: row.n_events for pair, row in found.items()} == {("u", "i"): 1, ("u", "j"): 1, ("v", "i"): 1}


def test_a_very_old_event_still_weighs_something(spark: SparkSession) -> None:
    assert build(spark, event("a", 5000))[("u", "i")].weight == 2**-32


@settings(max_examples=3, deadline=None)
@given(ages=st.lists(st.integers(1, 400), min_size=1, max_size=8), data=st.data())
def test_weight_does_not_depend_on_the_order(spark: SparkSession, ages: list[int], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(ages))
    events = [event(f"{user}{n}", age, user_id=user) for user, order in (("u", ages), ("v", shuffled)) for n, age in enumerate(order)]
    found = build(spark, *events, config=InteractionsConfig(half_life_days=37))
    assert found[("u", "i")].weight == found[("v", "i")].weight
    assert found[("u", "i")].weight == pytest.approx(sum(0.5 ** (age / 37) for age in ages), abs=len(ages) * 2**-32)


def test_the_future_is_a_set_of_pairs_in_a_half_open_period(spark: SparkSession) -> None:
    events = rows(
        spark,
        EVENTS,
        event("before", 1),
        event("first", 0),
        event("again", -1),
        event("free", -1, item_id="j", value=Decimal(0)),
        event("last", -2, user_id="v"),
        event("after", -3, user_id="v", item_id="j"),
    )
    until = AS_OF + dt.timedelta(days=3)
    found = future_interactions(events, *ids(spark), as_of=AS_OF, until=until, config=TEN_DAYS)
    assert sorted(map(tuple, found.collect())) == [(0, 0), (1, 0)]


def test_no_events_give_no_interactions(spark: SparkSession) -> None:
    assert build_interactions(empty(spark, EVENTS), *ids(spark), as_of=AS_OF, config=TEN_DAYS).collect() == []


def test_settings_are_refused_all_at_once() -> None:
    raw = {"event_weights": {"purchas": 1, "view": 0}, "half_life_days": 0, "half_live": 3}
    with pytest.raises(ConfigError) as fault:
        validated(InteractionsConfig, raw, "interactions")
    for hint in ("did you mean 'purchase'?", "view weighs 0", "half_life_days = 0", "did you mean 'half_life_days'?"):
        assert hint in str(fault.value)


def choices(spark: SparkSession, *events: dict[str, Any], config: InteractionsConfig = TEN_DAYS) -> list[tuple[Any, ...]]:
    frame = build_choices(rows(spark, EVENTS, *events), *ids(spark), as_of=AS_OF, config=config)
    assert frame.dtypes == [("user_idx", "bigint"), ("item_idx", "bigint"), ("basket", "string"), ("recency", "int")]
    return sorted(tuple(row) for row in frame.collect())


def test_choices_stand_in_order_with_their_basket(spark: SparkSession) -> None:
    found = choices(
        spark, event("a", 9), event("b", 8, item_id="j", session_id="s"), event("c", 8, session_id="s"), event("d", user_id="v")
    )
    assert found == [(0, 0, "2017-11-22", 3), (0, 0, "s", 2), (0, 1, "s", 1), (1, 0, "2017-11-21", 1)]  # b and c at once: by event_id


def test_choices_hold_no_future_no_other_events_and_the_latest_only(spark: SparkSession) -> None:
    events = (event("a", 9), event("b", 3), event("c", 0), event("d", 1, event_type="view", value=None), event("e", 2, item_id="k"))
    assert choices(spark, *events) == [(0, 0, "2017-11-22", 3), (0, 0, "2017-11-28", 2)]  # item k, without an integer, has recency 1
    capped = InteractionsConfig(max_events_per_user=1)
    assert choices(spark, event("a", 9), event("b", 3, item_id="j"), config=capped) == [(0, 1, "2017-11-28", 1)]
