from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.models.base import TrainingData, Vectors
from mapping_spark.models.markov import CROWD, Markov, MarkovConfig

from .checkerboard import choices, training_data

SESSIONS: dict[int, list[tuple[int, ...]]] = {0: [(0, 1, 2)], 1: [(0, 1, 1)], 2: [(0, 2), (3,)]}
"""Next items: 0 -> 1 twice, 0 -> 2 once, 1 -> 2 once, 1 -> 1 once; nothing between sessions, so nothing leads to or from 3."""
PLAIN = dict(n_steps=1, smoothing=0, popularity=0, n_popular=0)


def fit(spark: SparkSession, histories: dict[int, list[tuple[int, ...]]], **settings: Any) -> Vectors:
    data = training_data(spark, ((0, 0),))
    config = MarkovConfig(**{**PLAIN, **settings})
    return Markov(config, seed=7).fit(TrainingData(data.interactions, data.items, data.as_of, choices(spark, histories)))


def transitions(spark: SparkSession, **settings: Any) -> dict[tuple[int, int], float]:
    found = fit(spark, SESSIONS, **settings).items.collect()
    return {(index, row.item_idx): value for row in found for index, value in zip(row["indices"], row["values"], strict=True)}


def weights(spark: SparkSession, sessions: list[tuple[int, ...]], **settings: Any) -> dict[int, float]:
    (row,) = fit(spark, {5: sessions}, **settings).users.collect()
    assert row.user_idx == 5
    return dict(zip(row["indices"], row["values"], strict=True))


def test_probabilities_by_hand(spark: SparkSession) -> None:
    assert transitions(spark) == pytest.approx({(0, 1): 2 / 3, (0, 2): 1 / 3, (1, 2): 1 / 2, (1, 1): 1 / 2})


def test_further_steps_count_less(spark: SparkSession) -> None:
    leaving = 3 + 2 / 4  # from 0: three next items, and 2 and 1 two steps away
    expected = {(0, 1): (2 + 1 / 4) / leaving, (0, 2): (1 + 1 / 4) / leaving, (1, 2): 1 / 2, (1, 1): 1 / 2}
    assert transitions(spark, n_steps=2, step_decay=0.25) == pytest.approx(expected)


def test_smoothing_toward_staying_by_hand(spark: SparkSession) -> None:
    share = 1 / 5  # one of five transitions comes back to its item
    expected = {
        (0, 0): 3 * share / (3 + 3),
        (0, 1): 2 / (3 + 3),
        (0, 2): 1 / (3 + 3),
        (1, 1): (1 + 3 * share) / (2 + 3),
        (1, 2): 1 / (2 + 3),
    }
    assert transitions(spark, smoothing=3) == pytest.approx(expected | {(2, 2): share, (3, 3): share})


def test_popularity_is_one_more_position(spark: SparkSession) -> None:
    shares = {key: value for key, value in transitions(spark, popularity=0.5, n_popular=2).items() if key[0] == CROWD}
    assert shares == pytest.approx({(CROWD, 0): 3 / 9, (CROWD, 1): 3 / 9})  # of nine choices
    assert weights(spark, [(4,)], popularity=0.5) == {4: 1, CROWD: 0.5}


def test_rare_and_less_probable_transitions_are_left_out(spark: SparkSession) -> None:
    assert transitions(spark, min_support=2) == pytest.approx({(0, 1): 2 / 3})  # what is left out still left item 0
    assert set(transitions(spark, n_next=1)) == {(0, 1), (1, 1)}  # 1's next ones are equal: the smaller item
    assert set(transitions(spark, max_items_per_session=2)) == {(0, 2), (1, 2), (1, 1)}  # the latest two of each session


def test_latest_choices_weigh_most(spark: SparkSession) -> None:
    assert weights(spark, [(9, 4), (5, 6, 5)], n_recent=4, recent_decay=0.5) == {4: 1 / 8, 5: 1, 6: 1 / 2}
