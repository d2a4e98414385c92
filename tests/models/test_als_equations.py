"""Factors of ALS solve the equations of the papers; what leaves nothing to factorise gives no vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.models.als import Als, AlsConfig
from mapping_spark.models.base import TrainingData, Vectors

from .checkerboard import training_data

WEIGHTS = {(0, 0): 3.0, (0, 1): 1.0, (1, 1): 2.0, (1, 2): 0.5, (2, 0): 1.0}
"""(user, item): weight of the interaction."""
PLAIN = dict(rank=2, iterations=3, regularization=0.25, popularity_power=0)


def fit(spark: SparkSession, **settings: Any) -> Vectors:
    data = training_data(spark, tuple(WEIGHTS))
    weight = F.create_map(*(F.lit(part) for (user, item), value in WEIGHTS.items() for part in (f"{user} {item}", value)))
    weighed = data.interactions.withColumn("weight", weight[F.concat_ws(" ", "user_idx", "item_idx")])
    return Als(AlsConfig(**{**PLAIN, **settings}), seed=7).fit(TrainingData(weighed, data.items, data.as_of))


def factors(frame: DataFrame) -> dict[int, NDArray[np.float64]]:
    return {row[0]: np.array(row["values"]) for row in frame.collect()}


def test_users_solve_the_equations_of_implicit_feedback(spark: SparkSession) -> None:
    """(Y'Y + sum of (c - 1) y y' + regularization * n I) x = sum of c y, c = 1 + alpha * ln(1 + scale * weight): Hu et al. 2008, eq. 4.

    Sums are over the n items of the user; MLlib multiplies the penalty by n (Zhou et al. 2008). Users are solved last.
    """
    vectors = fit(spark, alpha=2.0, weight_scale=4.0)
    users, items = factors(vectors.users), factors(vectors.items)
    everything = np.sum([np.outer(y, y) for y in items.values()], axis=0)
    for user, x in users.items():
        confidence = {item: 1 + 2 * math.log(1 + 4 * weight) for (owner, item), weight in WEIGHTS.items() if owner == user}
        extra = np.sum([(c - 1) * np.outer(items[item], items[item]) for item, c in confidence.items()], axis=0)
        left = everything + extra + 0.25 * len(confidence) * np.eye(2)
        assert left @ x == pytest.approx(sum(c * items[item] for item, c in confidence.items()), abs=1e-4)


def test_users_solve_the_equations_of_explicit_feedback(spark: SparkSession) -> None:
    """(sum of y y' + regularization * n I) x = sum of weight * y: ratings are the weights as they are; likeness is a cosine."""
    vectors = fit(spark, feedback="explicit", popularity_power=0.5)  # a predicted rating is not tempered
    users, items = factors(vectors.users), factors(vectors.items)
    for user, x in users.items():
        own = {item: weight for (owner, item), weight in WEIGHTS.items() if owner == user}
        left = np.sum([np.outer(items[item], items[item]) for item in own], axis=0) + 0.25 * len(own) * np.eye(2)
        assert left @ x == pytest.approx(sum(weight * items[item] for item, weight in own.items()), abs=1e-4)
    assert vectors.similar_from is not None
    likeness = factors(vectors.similar_from)
    for item, y in items.items():
        assert likeness[item] == pytest.approx(y / np.linalg.norm(y), abs=1e-5)


def test_items_that_are_all_rare_leave_nothing(spark: SparkSession) -> None:
    vectors = fit(spark, min_users=3)
    assert (factors(vectors.users), factors(vectors.items)) == ({}, {})
