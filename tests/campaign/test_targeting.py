from __future__ import annotations

import math

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.campaign.targeting import Caps, TargetingPlan, plan
from mapping_spark.errors import ConfigError
from mapping_spark.tables.frames import small

SHAPE = "user_id string, campaign_id string, channel string, segment string, uplift double, value double, cost double"


def offers(spark: SparkSession, *rows: tuple[str, str, str, float, float]) -> DataFrame:
    """(user, channel, segment, uplift, cost); an outcome is worth 10."""
    return small(spark, [(u, "c", channel, segment, uplift, 10.0, cost) for u, channel, segment, uplift, cost in rows], SHAPE)


FOUR = (("u1", "mail", "s", 0.5, 1.0), ("u2", "mail", "s", 0.4, 1.0), ("u3", "mail", "t", 0.3, 1.0), ("u4", "mail", "t", 0.05, 1.0))
"""Net gains of 4, 3, 2 and -0.5."""


def users(found: TargetingPlan) -> set[str]:
    return {row.user_id for row in found.chosen.collect()}


def test_budget_caps_and_bound_by_hand(spark: SparkSession) -> None:
    four = offers(spark, *FOUR)
    everyone = plan(four, Caps(budget=math.inf))
    assert (users(everyone), everyone.gain, everyone.cost, everyone.gap) == ({"u1", "u2", "u3"}, 9, 3, 0)
    two = plan(four, Caps(budget=2, by_channel={"mail": 3}))
    assert (users(two), two.gain) == ({"u1", "u2"}, 7)
    assert two.bound == pytest.approx(7)
    capped = plan(four, Caps(budget=2, by_segment={"s": 1}))
    assert (users(capped), capped.gain) == ({"u1", "u3"}, 6)
    assert capped.bound >= 6 - 1e-9


def test_a_user_gets_his_best_offer_only(spark: SparkSession) -> None:
    found = plan(offers(spark, ("u1", "mail", "s", 0.5, 1.0), ("u1", "post", "s", 0.6, 4.0)), Caps(budget=10))
    assert [(row.channel, row.gain) for row in found.chosen.collect()] == [("mail", 4)]
    assert found.bound == 4


def test_a_budget_of_nothing_sends_what_is_free(spark: SparkSession) -> None:
    found = plan(offers(spark, *FOUR, ("u5", "app", "s", 0.1, 0.0)), Caps(budget=0))
    assert (users(found), found.cost) == ({"u5"}, 0)
    nobody = plan(offers(spark, FOUR[3]), Caps(budget=9))  # one segment, and nothing to gain
    assert (users(nobody), nobody.gain, nobody.bound) == (set(), 0, 0)
    assert math.isnan(nobody.gap)


def test_a_large_plan_is_within_a_hair_of_the_bound(spark: SparkSession) -> None:
    rng = np.random.default_rng(5)
    drawn = zip(rng.uniform(-0.2, 0.4, 400), rng.uniform(0.2, 1.5, 400), rng.integers(0, 3, 400), strict=True)
    many = offers(spark, *((f"u{n}", f"channel{int(c) % 2}", f"s{c}", float(u), float(cost)) for n, (u, cost, c) in enumerate(drawn)))
    caps = Caps(budget=60, by_segment={"s0": 40}, by_channel={"channel1": 30})
    found = plan(many, caps)
    rows = found.chosen.collect()
    assert found.cost <= 60 + 1e-9
    assert sum(row.segment == "s0" for row in rows) <= 40
    assert sum(row.channel == "channel1" for row in rows) <= 30
    assert 0 <= found.gap < 0.03


def test_caps_below_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="s = -1, budget = -2"):
        Caps(budget=-2, by_segment={"s": -1})
