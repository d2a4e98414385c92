"""Columns a regression is aimed at: their mean is the effect, and they are null where a user is unknown."""

from __future__ import annotations

import itertools

import pytest
from pyspark.sql import SparkSession

from mapping_spark.campaign.pseudo_outcomes import chance_of_own_arm, doubly_robust_effect, imputed_effect, transformed_class
from mapping_spark.tables.frames import small

SHAPE = "is_treated int, outcome double, propensity double, m1 double, m0 double"


def test_whatever_is_unknown_of_a_user_leaves_no_number(spark: SparkSession) -> None:
    known = (1, 1.0, 0.25, 0.5, 0.125)
    users = [known, *((*known[:at], None, *known[at + 1 :]) for at in range(4)), (0, *known[1:]), (0, *known[1:4], None)]
    found = small(spark, users, SHAPE).select(
        chance_of_own_arm(), transformed_class(), imputed_effect("m1", "m0"), doubly_robust_effect("m1", "m0")
    )
    robust = 0.5 - 0.125 + (1 - 0.5) / 0.25
    assert [tuple(row) for row in found.collect()] == [
        (0.25, 1, 1 - 0.125, robust),
        (None, None, None, None),  # treated or not
        (0.25, None, None, None),  # outcome
        (None, 1, 1 - 0.125, None),  # propensity
        (0.25, 1, 1 - 0.125, None),  # the treated one's own model: not needed to impute
        (0.75, 0, 0.5 - 1, pytest.approx(0.5 - 0.125 - (1 - 0.125) / 0.75)),
        (0.75, 0, 0.5 - 1, None),
    ]


def test_over_every_draw_of_the_arm_the_mean_is_the_effect(spark: SparkSession) -> None:
    """Users with outcomes (held out, treated); each draw of the arm weighs as much as it is likely."""
    share, users = 0.25, [(0.0, 1.0), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]
    draws = list(itertools.product(users, (0, 1)))
    records = [(arm, outcomes[arm], share, 0.7, 0.2) for outcomes, arm in draws]  # models that are wrong
    robust, chance, same = zip(
        *small(spark, records, SHAPE).select(doubly_robust_effect("m1", "m0"), chance_of_own_arm(), transformed_class()).collect(),
        strict=True,
    )
    assert chance == tuple(share if arm else 1 - share for _, arm in draws)
    effect = sum(treated - held_out for held_out, treated in users) / len(users)
    assert sum(p * value for p, value in zip(chance, robust, strict=True)) / len(users) == pytest.approx(effect)
    # weighted by 1 / chance every draw counts once: the share of the class is (1 + effect) / 2
    assert sum(same) / len(draws) == pytest.approx((1 + effect) / 2)


def test_with_perfect_models_imputed_and_robust_effects_are_the_users_own(spark: SparkSession) -> None:
    users = [(arm, (3.0 if arm else 1.0), 0.4, 3.0, 1.0) for arm in (0, 1)]
    found = small(spark, users, SHAPE).select(imputed_effect("m1", "m0"), doubly_robust_effect("m1", "m0")).collect()
    assert [tuple(row) for row in found] == [(2, 2), (2, 2)]
