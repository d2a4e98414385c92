"""Ties, caps and weights at their borders, and sums that are exact or fail."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pytest
from pyspark.errors import ArithmeticException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.config import validated
from mapping_spark.errors import ConfigError
from mapping_spark.features.fixed_point import UNIT, fixed_point_sum
from mapping_spark.features.interactions import InteractionsConfig, as_of_slice, build_interactions
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.silver import EVENTS, INTERACTIONS
from tests.features.test_interactions import AS_OF, build, choices, event, ids

ALIKE = InteractionsConfig(half_life_days=None)


def test_an_event_weighs_as_its_own_column_says_and_1_where_that_is_null(spark: SparkSession) -> None:
    own = F.when(F.col("event_id") == "a", 3.0).when(F.col("event_id") == "b", 0.5)
    events = rows(spark, EVENTS, event("a"), event("b", 20), event("c", item_id="j")).withColumn("weight", own)
    config = InteractionsConfig(half_life_days=10, event_weights={"purchase": 2.0})
    found = {row.item_id: row.weight for row in build_interactions(events, *ids(spark), as_of=AS_OF, config=config).collect()}
    assert found == {"i": 2 * 3 / 2 + 2 * 0.5 / 4, "j": 2 / 2}


@pytest.mark.parametrize(("cap", "kept"), [(1, {"a"}), (2, {"a", "b"}), (3, {"a", "b", "c"}), (4, {"a", "b", "c", "old"})])
def test_of_events_at_once_those_with_the_smallest_ids_are_the_latest(spark: SparkSession, cap: int, kept: set[str]) -> None:
    items = {"a": "i", "b": "j", "c": "i", "old": "j"}
    made = [event(name, 9 if name == "old" else 3, item_id=item, session_id=name) for name, item in items.items()]
    found = choices(spark, *made[::-1], config=InteractionsConfig(max_events_per_user=cap))
    assert {basket for _, _, basket, _ in found} == kept
    assert sorted(recency for *_, recency in found) == list(range(1, cap + 1))


def test_a_gift_takes_no_place_among_the_latest(spark: SparkSession) -> None:
    made = (event("a", 9), event("free", 3, value=Decimal(0)), event("unsold", 2, item_id=None), event("seen", 1, event_type="view"))
    found = build(spark, *made, config=InteractionsConfig(half_life_days=None, max_events_per_user=1))
    assert {pair: row.n_events for pair, row in found.items()} == {("u", "i"): 1}


def test_the_business_day_decides_not_the_time(spark: SparkSession) -> None:
    """An event of the evening before, told after midnight UTC, belongs to the day before; one of the date itself does not."""
    late = dt.datetime.combine(AS_OF, dt.time(3))
    found = build(spark, event("a", 1, event_at=late), event("b", 0, item_id="j", event_at=late - dt.timedelta(hours=6)), config=ALIKE)
    assert {pair: row.last_at for pair, row in found.items()} == {("u", "i"): late}


def test_a_slice_holds_the_rows_of_its_date_only(spark: SparkSession) -> None:
    days = [AS_OF, AS_OF - dt.timedelta(days=1), AS_OF]
    frame = rows(spark, INTERACTIONS, *(dict(as_of_date=day, user_id="u", user_idx=n, item_id="i") for n, day in enumerate(days)))
    assert sorted(row.user_idx for row in as_of_slice(frame, AS_OF).collect()) == [0, 2]


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ({"event_weights": {}}, "event_weights: Dictionary should have at least 1 item"),
        ({"event_weights": {"purchase": 1000.5}}, "purchase weighs 1000.5; use more than 0, at most 1000"),
        ({"event_weights": {"purchase": -1}}, "purchase weighs -1.0"),
        ({"event_weights": {"purchase": math.nan}}, "purchase weighs nan"),
        ({"event_weights": {"xyz": 1}}, "'xyz' is no event type"),
        ({"half_life_days": -1}, "half_life_days = -1"),
        ({"max_events_per_user": 0}, "max_events_per_user = 0"),
    ],
)
def test_weights_that_mean_nothing_are_refused(raw: dict[str, Any], found: str) -> None:
    with pytest.raises(ConfigError, match=f"^interactions: .*{found}"):
        validated(InteractionsConfig, raw, "interactions")


def test_the_largest_weight_and_no_half_life_are_allowed() -> None:
    assert validated(InteractionsConfig, {"event_weights": {"purchase": 1000}, "half_life_days": None}, "x").event_weights == {
        "purchase": 1000
    }


def test_terms_are_rounded_to_units_halves_away_from_zero(spark: SparkSession) -> None:
    terms: dict[str, list[float | None]] = {
        "half": [UNIT / 2],
        "less": [UNIT / 2.01],
        "minus half": [-UNIT / 2],
        "sum": [1.0, None, 2 * UNIT, -0.25],
        "none": [None, None],
    }
    frame = small(spark, [(name, term) for name, values in terms.items() for term in values], "name string, term double")
    found = {row.name: row.total for row in frame.groupBy("name").agg(fixed_point_sum(F.col("term")).alias("total")).collect()}
    assert found == {"half": UNIT, "less": 0.0, "minus half": -UNIT, "sum": 0.75 + 2 * UNIT, "none": None}


@pytest.mark.parametrize("terms", [[1.5 * 2.0**31], [1.5 * 2.0**30, 1.5 * 2.0**30]])
def test_a_sum_too_large_fails_and_never_wraps(spark: SparkSession, terms: list[float]) -> None:
    frame = small(spark, [(term,) for term in terms], "term double").coalesce(1)
    with pytest.raises(ArithmeticException, match="OVERFLOW"):
        frame.agg(fixed_point_sum(F.col("term")).alias("total")).collect()
