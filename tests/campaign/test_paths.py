"""Orders, their paths and what was lost, at the ends of windows, days and sessions."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.campaign.attribution import RULES, orders, paths, touches
from mapping_spark.campaign.channels import channel_sets, lost_paths
from mapping_spark.campaign.settings import AttributionConfig

from .market import at, event, events

AS_OF = dt.date(2017, 3, 31)
CONFIG = AttributionConfig(days=20, window_days=7, max_touches=3, half_life_days=1)  # orders from 11 to 30 March


def touch(user: str, when: dt.datetime, channel: str, kind: str = "click") -> dict[str, Any]:
    return event(kind, user, when, channel=channel)


def sale(user: str, when: dt.datetime, value: str | None = "1", **columns: Any) -> dict[str, Any]:
    return event("purchase", user, when, value=value and Decimal(value), currency=value and "EUR", **columns)


def paths_of(happened: DataFrame, config: AttributionConfig = CONFIG) -> DataFrame:
    return paths(orders(happened, AS_OF, config), touches(happened, AS_OF, config), config)


def channels_of(happened: DataFrame) -> dict[str, list[str]]:
    """The channels of each user's path, oldest first."""
    return {row.user_id: [touch.channel for touch in row.path] for row in paths_of(happened).collect()}


def test_purchases_of_a_session_are_one_order_of_the_days_it_began_on(spark: SparkSession) -> None:
    happened = events(
        spark,
        sale("u1", at(12, 9), "2", session_id="s"),
        sale("u1", at(12, 8), "3", session_id="s"),
        sale("u2", at(12, 9), "4", session_id="s"),  # someone else's session of the same name
        sale("u1", at(12, 9), "5"),
        sale("u1", at(12, 9), "6"),  # without a session each is one
        sale("u3", at(11), "7"),  # the first day
        sale("u3", at(10, 23), "8"),  # the day before it
        sale("u3", at(30, 23), "9"),  # the last day
        sale("u3", at(31), "10"),
        sale("u4", at(13), None),  # in a money without a rate
        sale("u5", at(10, 23), "11", session_id="t"),  # began too early, and so did all of it
        sale("u5", at(11), "12", session_id="t"),
    )
    found = [(row.conversion_id, row.user_id, row.moment_at, row.value) for row in orders(happened, AS_OF, CONFIG).collect()]
    assert sorted(found) == [
        ("e0001", "u1", at(12, 8), 5),
        ("e0002", "u2", at(12, 9), 4),
        ("e0003", "u1", at(12, 9), 5),
        ("e0004", "u1", at(12, 9), 6),
        ("e0005", "u3", at(11), 7),
        ("e0007", "u3", at(30, 23), 9),
        ("e0009", "u4", at(13), 0),
    ]


def test_a_path_is_the_latest_touches_of_the_window_in_order(spark: SparkSession) -> None:
    moment = at(20, 12)
    week, tick = dt.timedelta(days=7), dt.timedelta(microseconds=1)
    happened = events(
        spark,
        *(sale(user, moment) for user in ("edges", "many", "tied", "types", "none")),
        touch("edges", moment - week - tick, "too early"),
        touch("edges", moment, "too late"),
        touch("edges", moment - tick, "last"),
        touch("edges", moment - week, "first"),
        *(touch("many", at(15 + n), f"{n}") for n in range(4)),  # three count
        touch("tied", at(19), "smaller id"),
        touch("tied", at(19), "larger id"),
        *(touch("types", at(19), kind, kind) for kind in ("view", "impression", "campaign_send", "campaign_open", "unsubscribe")),
    )
    assert channels_of(happened) == {
        "edges": ["first", "last"],
        "many": ["1", "2", "3"],
        "tied": ["smaller id", "larger id"],
        "types": ["impression", "campaign_send", "campaign_open"],
        "none": [],
    }


def test_a_touch_that_an_order_followed_is_never_lost_however_many_there_were(spark: SparkSession) -> None:
    happened = events(
        spark,
        sale("many", at(20, 12)),
        *(touch("many", at(15 + n), f"{n}") for n in range(5)),  # the first two count for nothing, but led to the order
        touch("many", at(21), "after"),
        *(touch("lost", at(15 + n), f"{n}") for n in range(5)),  # of what was lost the latest three count, too
        touch("twice", at(11), "one"),
        touch("twice", at(18), "as long as the window"),
        touch("twice", at(25, 1), "an hour more: another journey"),
    )
    journeys = paths_of(happened)
    lost = lost_paths(journeys, touches(happened, AS_OF, CONFIG), AS_OF, CONFIG)
    assert sorted([touch.channel for touch in row.path] for row in lost.collect()) == [
        ["2", "3", "4"],
        ["after"],
        ["an hour more: another journey"],
        ["one", "as long as the window"],
    ]


def test_a_touch_before_the_counted_days_is_not_lost_since_its_order_may_lie_before_them_too(spark: SparkSession) -> None:
    happened = events(
        spark,
        touch("early", at(9), "led to the 10th"),
        sale("early", at(10, 12)),  # no order of these days
        touch("both", at(10), "before"),
        touch("both", at(11), "within"),
    )
    lost = lost_paths(paths_of(happened), touches(happened, AS_OF, CONFIG), AS_OF, CONFIG)
    assert [[touch.channel for touch in row.path] for row in lost.collect()] == [["within"]]


def test_sets_of_channels_know_neither_order_nor_number(spark: SparkSession) -> None:
    happened = events(
        spark,
        *(touch("u1", at(14 + n), channel) for n, channel in enumerate("ba")),
        *(touch("u2", at(14 + n), channel) for n, channel in enumerate("aba")),
        sale("u1", at(20), "2"),
        sale("u2", at(20), "3"),
        sale("u3", at(20), "4"),  # no touch, no set
    )
    found = channel_sets(paths_of(happened)).collect()
    assert [(row.channels, row.n_orders, row.revenue) for row in found] == [(["a", "b"], 2, 5)]


@pytest.mark.parametrize(
    ("method", "one", "two", "four"),
    [
        ("last", [1], [0, 1], [0, 0, 0, 1]),
        ("first", [1], [1, 0], [1, 0, 0, 0]),
        ("linear", [1], [0.5, 0.5], [0.25] * 4),
        ("position", [1], [0.5, 0.5], [0.4, 0.1, 0.1, 0.4]),
        ("time_decay", [1], [1 / 3, 2 / 3], [1 / 15, 2 / 15, 4 / 15, 8 / 15]),  # a day apart: half as much each
    ],
)
def test_rules_of_paths_by_hand(method: str, one: list[float], two: list[float], four: list[float]) -> None:
    for parts in (one, two, four):
        n = len(parts)
        weights = RULES[method](np.arange(1, n + 1), np.full(n, n), np.arange(n, 0, -1.0))  # the last touch a half-life before
        assert (weights / weights.sum()).tolist() == pytest.approx(parts)


def test_touches_of_long_ago_keep_some_credit_to_be_parted() -> None:
    weights = RULES["time_decay"](np.array([1, 2]), np.array([2, 2]), np.array([9e4, 8e4]))
    assert weights.min() > 0
