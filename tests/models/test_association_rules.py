from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.errors import MissingInput
from mapping_spark.models.association_rules import AssociationRules, AssociationRulesConfig
from mapping_spark.models.base import TrainingData, Vectors

from .checkerboard import choices, training_data

BASKETS: dict[int, list[tuple[int, ...]]] = {0: [(0, 1)], 1: [(0, 1, 2)], 2: [(0, 2, 2)], 3: [(3,)]}
"""Four baskets: items 0, 1, 2 and 3 lie in 3, 2, 2 and 1 of them, 0 and 1 in two together, 1 and 2 in one, 2 twice in one."""
PLAIN = dict(min_support=1, min_lift=0, shrinkage=0)


def fit(spark: SparkSession, histories: dict[int, list[tuple[int, ...]]], **settings: Any) -> Vectors:
    data = training_data(spark, ((0, 0),))
    config = AssociationRulesConfig(**{**PLAIN, **settings})
    return AssociationRules(config, seed=7).fit(TrainingData(data.interactions, data.items, data.as_of, choices(spark, histories)))


def rules(spark: SparkSession, **settings: Any) -> dict[tuple[int, int], float]:
    found = fit(spark, BASKETS, **settings).items.collect()
    return {(index, row.item_idx): value for row in found for index, value in zip(row["indices"], row["values"], strict=True)}


def weights(spark: SparkSession, baskets: list[tuple[int, ...]], **settings: Any) -> dict[int, float]:
    (row,) = fit(spark, {5: baskets}, **settings).users.collect()
    assert row.user_idx == 5
    return dict(zip(row["indices"], row["values"], strict=True))


def test_confidence_by_hand(spark: SparkSession) -> None:
    expected = {(0, 1): 2 / 3, (1, 0): 2 / 2, (0, 2): 2 / 3, (2, 0): 2 / 2, (1, 2): 1 / 2, (2, 1): 1 / 2, (2, 2): 1 / 2}
    assert rules(spark) == pytest.approx(expected)  # item 3 is taken with nothing


def test_shrinkage_and_lift_by_hand(spark: SparkSession) -> None:
    assert rules(spark, shrinkage=1)[(0, 1)] == pytest.approx(2 / (3 + 1))
    share = 2 / 4  # of the baskets, for item 1
    assert rules(spark, lift_power=0.5)[(0, 1)] == pytest.approx(2 / 3 * (2 / 3 / share) ** 0.5)


def test_rules_of_little_support_little_lift_or_beyond_the_best_are_left_out(spark: SparkSession) -> None:
    assert set(rules(spark, min_support=2)) == {(0, 1), (1, 0), (0, 2), (2, 0)}
    assert set(rules(spark, min_lift=1.1)) == {(0, 1), (1, 0), (0, 2), (2, 0)}  # 1 and 2: 1/2 of the baskets either way, lift 1
    assert set(rules(spark, n_rules=1)) == {(0, 1), (1, 0), (2, 0)}  # of 0's two, the smaller item


def test_a_large_basket_counts_with_its_latest_items(spark: SparkSession) -> None:
    found = rules(spark, max_items_per_basket=2)
    assert found[(1, 2)] == pytest.approx(1 / 2)  # user 1 is cut to 1 and 2, user 2 to 2 and 2
    assert (0, 2) not in found


def test_the_latest_baskets_start_the_rules(spark: SparkSession) -> None:
    history = [(7,), (4, 5), (6, 5, 8)]
    assert weights(spark, history) == {5: 1, 6: 1, 8: 1}
    assert weights(spark, history, n_baskets=2, basket_decay=0.5) == {4: 0.5, 5: 1, 6: 1, 8: 1}
    assert weights(spark, history, item_decay=0.5) == {5: 0.5, 6: 0.25, 8: 1}


def test_without_choices_it_says_what_is_missing(spark: SparkSession) -> None:
    data = training_data(spark)
    with pytest.raises(MissingInput, match="no choices.*build_choices"):
        AssociationRules(AssociationRulesConfig(), seed=7).fit(TrainingData(data.interactions, data.items, data.as_of))
