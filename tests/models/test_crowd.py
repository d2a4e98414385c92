from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.models.als import Als, AlsConfig
from mapping_spark.models.base import TrainingData
from mapping_spark.models.crowd import count_users, of_frequent_items, recent_share
from mapping_spark.models.repeat import Repeat, RepeatConfig
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.silver import INTERACTIONS

from .checkerboard import AS_OF

AGES = {(0, 0): 30, (1, 0): 1, (2, 0): 31, (0, 1): 5, (0, 2): 90}
"""(user, item) to days before the date; item 0 has three users, two of them within 30 days."""


@pytest.fixture
def interactions(spark: SparkSession) -> DataFrame:
    midnight = dt.datetime.combine(AS_OF, dt.time())
    seen = (
        dict(user_idx=u, item_idx=i, user_id=f"{u}", item_id=f"{i}", weight=2.0, last_at=midnight - dt.timedelta(days=age))
        for (u, i), age in AGES.items()
    )
    return rows(spark, INTERACTIONS, *seen)


@pytest.fixture
def market(spark: SparkSession, interactions: DataFrame) -> TrainingData:
    return TrainingData(interactions, small(spark, [], "item_idx bigint, text string"), AS_OF)


def test_users_are_counted_lately_and_ever(interactions: DataFrame) -> None:
    assert {tuple(row) for row in count_users(interactions, AS_OF, 30).collect()} == {(0, 2, 3), (1, 1, 1), (2, 0, 1)}
    assert {row.n_recent for row in count_users(interactions, AS_OF, None).collect()} == {3, 1}


def test_the_most_chosen_item_has_share_1_and_power_0_gives_1_to_all(interactions: DataFrame) -> None:
    shares = {row.item_idx: row.share for row in recent_share(interactions, AS_OF, 30, 0.5).collect()}
    assert shares == pytest.approx({0: 1, 1: (2 / 3) ** 0.5, 2: (1 / 3) ** 0.5})  # (recent users + 1) / (2 + 1)
    assert {row.share for row in recent_share(interactions, AS_OF, 30, 0.0).collect()} == {1}


def test_rare_items_are_left_out(interactions: DataFrame) -> None:
    assert {row.item_idx for row in of_frequent_items(interactions, 2).collect()} == {0}
    assert of_frequent_items(interactions, 1).count() == len(AGES)


def test_of_two_equal_habits_the_one_of_the_crowd_counts_more(market: TrainingData) -> None:
    users = Repeat(RepeatConfig(popularity_power=0.5), seed=7).fit(market).users
    (row,) = users.where("user_idx = 0").collect()
    assert dict(zip(row.indices, row["values"], strict=True)) == pytest.approx({0: 2, 1: 2 * (2 / 3) ** 0.5, 2: 2 * (1 / 3) ** 0.5})


def test_als_has_no_vector_of_a_rare_item(market: TrainingData) -> None:
    vectors = Als(AlsConfig(rank=2, min_users=2), seed=7).fit(market)
    assert {row.item_idx for row in vectors.items.collect()} == {0}
