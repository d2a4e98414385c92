"""Credits of orders by rules: each by hand on one user's path, and all of them summing to what was sold."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from mapping_spark.campaign.attribution import RULES, build_attributed, orders, paths, touches
from mapping_spark.campaign.channels import build_channels, lost_paths, transition_counts
from mapping_spark.campaign.settings import AttributionConfig

from .market import at, event, events

AS_OF = dt.date(2017, 4, 1)
CONFIG = AttributionConfig(window_days=7, half_life_days=1)
GAMES = CONFIG.model_copy(update={"shapley_games": ("conversions", "conversion_rate")})


def touch(user: str, day: int, channel: str | None) -> dict[str, Any]:
    return event("click", user, at(day), channel=channel)


def sale(user: str, day: int, value: str, **columns: Any) -> dict[str, Any]:
    return event("purchase", user, at(day, 12), value=Decimal(value), currency="EUR", **columns)


@pytest.fixture(scope="module")
def happened(spark: SparkSession) -> DataFrame:
    return events(
        spark,
        touch("u1", 1, "mail"),
        touch("u1", 2, "ads"),
        touch("u1", 3, None),
        sale("u1", 3, "10.0001", session_id="s"),
        sale("u1", 3, "0", session_id="s"),  # the same order
        touch("u1", 4, "after"),  # follows the order: lost
        touch("u2", 1, "mail"),  # 8.5 days before: outside the window, lost
        sale("u2", 9, "5"),
        sale("u2", 10, "7"),
        touch("u3", 1, "mail"),
        sale("u3", 2, "1"),
        sale("u3", 3, "2"),  # one touch may lead to two orders
        touch("u4", 1, "ads"),
        touch("u4", 2, "ads"),
    )


@pytest.fixture(scope="module")
def journeys(happened: DataFrame) -> DataFrame:
    return paths(orders(happened, AS_OF, CONFIG), touches(happened, AS_OF, CONFIG), CONFIG).persist()


@pytest.fixture(scope="module")
def attributed(journeys: DataFrame) -> DataFrame:
    return build_attributed(journeys, CONFIG).persist()


def test_each_rule_parts_a_path_of_three(attributed: DataFrame) -> None:
    rows = [row for row in attributed.collect() if row.user_id == "u1"]
    credit = {(row.method, row.channel): row.conversions for row in rows}
    third = Decimal(1) / 3
    decay = [2**-2.5, 2**-1.5, 2**-0.5]
    shares: dict[str, list[Decimal]] = {
        "last": [Decimal(0), Decimal(0), Decimal(1)],
        "first": [Decimal(1), Decimal(0), Decimal(0)],
        "linear": [third] * 3,
        "position": [Decimal("0.4"), Decimal("0.2"), Decimal("0.4")],
        "time_decay": [Decimal(weight / sum(decay)) for weight in decay],
    }
    assert set(shares) == set(RULES)
    for method, parts in shares.items():
        for channel, part in zip(("mail", "ads", "unknown"), parts, strict=True):
            assert abs(credit[method, channel] - part) <= Decimal("0.0001")
    assert {row.position for row in rows} == {1, 2, 3}


def test_credits_and_money_of_every_order_sum_exactly(journeys: DataFrame, attributed: DataFrame) -> None:
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in attributed.collect():
        sums[row.conversion_id, row.method][0] += row.conversions
        sums[row.conversion_id, row.method][1] += row.revenue
    values = {row.conversion_id: row.value for row in journeys.collect()}
    assert len(values) == 5
    assert sums == {(order, method): [1, value] for order, value in values.items() for method in RULES}


def test_an_order_that_no_touch_came_before_is_unattributed(attributed: DataFrame) -> None:
    rows = [row for row in attributed.collect() if row.user_id == "u2" and row.method == "linear"]
    found = [(row.channel, row.position, row.touch_event_id, row.conversions, row.revenue) for row in rows]
    assert sorted(found) == [("(unattributed)", 0, None, 1, 5), ("(unattributed)", 0, None, 1, 7)]


@pytest.fixture(scope="module")
def channels(happened: DataFrame, journeys: DataFrame, attributed: DataFrame) -> list[Row]:
    lost = lost_paths(journeys, touches(happened, AS_OF, CONFIG), AS_OF, CONFIG)
    return build_channels(attributed, journeys, lost, GAMES, as_of=AS_OF, seed=7).collect()


def test_every_method_credits_all_orders_and_all_revenue(channels: list[Row]) -> None:
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in channels:
        sums[row.method][0] += row.conversions
        sums[row.method][1] += row.revenue
    total = [5, Decimal("25.0001")]
    assert sums == dict.fromkeys((*RULES, "markov_1", "markov_2", "shapley", "shapley_rate"), total)
    assert {row.channel for row in channels if row.method == "markov_1"} == {"mail", "ads", "unknown", "(unattributed)"}


def test_the_game_of_rates_by_hand(channels: list[Row]) -> None:
    """Sets: mail 2 orders in 3 journeys; mail, ads and unknown 1 in 1; ads, and `after` which no order followed, 0 in 1 each."""
    found = {row.channel: row for row in channels if row.method == "shapley_rate"}
    # What unknown adds: 3/5 - 2/4 to mail and ads (1 / 12 of the orders of four), 3/6 - 2/5 to all others (1 / 4).
    unknown = (3 / 5 - 2 / 4) / 12 + (3 / 6 - 2 / 5) / 4
    mail = (2 / 3) / 4 + (2 / 4 + 2 / 3 + 2 / 4) / 12 + (3 / 5 + 2 / 5 + 2 / 4) / 12 + (3 / 6) / 4
    assert float(found["mail"].conversions) == pytest.approx(3 * mail / (mail + unknown), abs=1e-4)  # of 3 orders with a touch
    assert found["ads"].conversions == 0  # it lowers the rate
    assert {row.sampling_error for name, row in found.items() if name != "(unattributed)"} == {0}


def test_transitions_count_what_came_after_what(happened: DataFrame, journeys: DataFrame) -> None:
    lost = lost_paths(journeys, touches(happened, AS_OF, CONFIG), AS_OF, CONFIG)
    found = {(tuple(row.state), row.next): row.n for row in transition_counts(journeys, lost, 1).collect()}
    assert found == {
        ((), "mail"): 4,  # u1, u3 twice, and u2's that was lost
        (("mail",), "ads"): 1,
        (("ads",), "unknown"): 1,
        (("unknown",), "(conversion)"): 1,
        (("mail",), "(conversion)"): 2,
        (("mail",), "(null)"): 1,
        ((), "after"): 1,
        (("after",), "(null)"): 1,
        ((), "ads"): 1,
        (("ads",), "ads"): 1,
        (("ads",), "(null)"): 1,
    }
    second = {(tuple(row.state), row.next): row.n for row in transition_counts(journeys, lost, 2).collect()}
    assert second[("mail", "ads"), "unknown"] == 1
    assert second[("ads", "ads"), "(null)"] == 1


def test_without_an_order_there_is_nothing_to_credit(spark: SparkSession) -> None:
    only = events(spark, touch("u1", 1, "mail"))
    touched = touches(only, AS_OF, CONFIG)
    none = paths(orders(only, AS_OF, CONFIG), touched, CONFIG)
    lost = lost_paths(none, touched, AS_OF, CONFIG)
    assert build_channels(build_attributed(none, CONFIG), none, lost, GAMES, as_of=AS_OF, seed=7).collect() == []
