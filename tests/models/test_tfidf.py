from __future__ import annotations

import math

import pytest
from pyspark.sql import SparkSession

from mapping_spark.models.base import TrainingData
from mapping_spark.models.tfidf import Tfidf, TfidfConfig
from mapping_spark.tables.frames import small

from .checkerboard import training_data


def test_vectors_by_hand(spark: SparkSession) -> None:
    data = training_data(spark, pairs=((0, 0), (0, 1), (1, 2)))
    texts = [(0, "Milk, fresh"), (1, "milk 1 l"), (2, None), (3, "fresh fresh")]  # nobody chose 3; "1" and "l" are too short
    items = small(spark, texts, "item_idx bigint, text string")
    vectors = Tfidf(TfidfConfig(), seed=7).fit(TrainingData(data.interactions, items, data.as_of))
    found = {row.item_idx: row["values"] for row in vectors.items.collect()}
    milk, fresh = math.log((2 + 1) / (2 + 1)), math.log((2 + 1) / (1 + 1))  # idf over the two chosen items with text
    assert milk == 0
    assert sorted(found[0]) == pytest.approx([0, fresh / fresh])
    assert found[1] == [0]
    users = {row.user_idx: row["values"] for row in vectors.users.collect()}
    assert sorted(users[0]) == pytest.approx([0, (1 + 0) / 2])  # the mean of both items; user 1 has no item with text
    assert set(users) == {0}
