from __future__ import annotations

import math
from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.models.item_knn import ItemKnn, ItemKnnConfig

from .checkerboard import training_data

PAIRS = ((0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2), (3, 0), (3, 2))


def neighbours(spark: SparkSession, **settings: Any) -> dict[int, dict[int, float]]:
    config = ItemKnnConfig(**{"weighting": "cosine", "min_users": 1, "shrinkage": 0, "n_blocks": 2, **settings})
    rows = ItemKnn(config, seed=7).fit(training_data(spark, PAIRS)).items.collect()
    return {row.item_idx: dict(zip(row["indices"], row["values"], strict=True)) for row in rows}


def test_cosine_by_hand(spark: SparkSession) -> None:
    found = neighbours(spark)  # users of 0: {0, 1, 3}, of 1: {0, 1}, of 2: {1, 2, 3}; equal weights cancel out
    both_01, both_02, both_12 = 2 / math.sqrt(3 * 2), 2 / math.sqrt(3 * 3), 1 / math.sqrt(2 * 3)
    assert found[0] == pytest.approx({1: both_01, 2: both_02})
    assert found[1] == pytest.approx({0: both_01, 2: both_12})
    assert found[2] == pytest.approx({0: both_02, 1: both_12})


def test_tfidf_by_hand(spark: SparkSession) -> None:
    one, two, three = (math.log((3 + 1) / own) for own in (1, 2, 3))  # users 2, {0, 3} and 1 have 1, 2 and 3 of 3 items
    norm_1, norm_2 = math.hypot(two, three), math.hypot(three, one, two)
    assert neighbours(spark, weighting="tfidf")[1][2] == pytest.approx(three**2 / (norm_1 * norm_2))


def test_unit_user_by_hand(spark: SparkSession) -> None:
    norm_1, norm_2 = math.sqrt(1 / 2 + 1 / 3), math.sqrt(1 / 3 + 1 / 1 + 1 / 2)  # each user's squares add up to 1
    assert neighbours(spark, weighting="unit_user")[1][2] == pytest.approx(1 / 3 / (norm_1 * norm_2))


def test_rare_items_and_far_neighbours_are_left_out(spark: SparkSession) -> None:
    assert set(neighbours(spark, min_users=3)) == {0, 2}
    assert {item: set(near) for item, near in neighbours(spark, n_neighbours=1).items()} == {0: {1}, 1: {0}, 2: {0}}


def test_a_heavy_user_counts_with_the_first_items_only(spark: SparkSession) -> None:
    assert 2 not in neighbours(spark, max_items_per_user=2)[1]  # user 1, the only one of 1 and 2, is cut to items 0 and 1
