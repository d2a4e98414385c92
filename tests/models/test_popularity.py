from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from mapping_spark.models.base import TrainingData
from mapping_spark.models.popularity import Popularity, PopularityConfig
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.silver import INTERACTIONS

from .checkerboard import AS_OF


def scores(spark: SparkSession, window_days: int | None) -> dict[int, float]:
    ages = {(0, 0): 31, (1, 0): 40, (2, 0): 30, (0, 1): 1, (1, 1): 2, (0, 2): 90}  # (user, item): days before the date
    seen = [
        dict(user_idx=u, item_idx=i, user_id=f"{u}", item_id=f"{i}", last_at=dt.datetime.combine(AS_OF, dt.time()) - dt.timedelta(days=age))
        for (u, i), age in ages.items()
    ]
    data = TrainingData(rows(spark, INTERACTIONS, *seen), small(spark, [], "item_idx bigint, text string"), AS_OF)
    items = Popularity(PopularityConfig(window_days=window_days), seed=7).fit(data).items
    return {row.item_idx: row["values"][0] for row in items.collect()}


def test_counts_users_in_the_window_and_breaks_ties_by_all_users(spark: SparkSession) -> None:
    expected = {0: 1 + 3 / 4, 1: 2 + 2 / 4, 2: 0 + 1 / 4}  # users in 30 days + users ever / (most users ever + 1)
    assert scores(spark, 30) == pytest.approx(expected)


def test_without_a_window_all_users_count(spark: SparkSession) -> None:
    assert scores(spark, None) == pytest.approx({0: 3 + 3 / 4, 1: 2 + 2 / 4, 2: 1 + 1 / 4})
