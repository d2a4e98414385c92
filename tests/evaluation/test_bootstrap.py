"""The Poisson bootstrap: its weights, its intervals against numpy, and paired differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.bootstrap import bootstrap_means, paired_difference, poisson_weight
from mapping_spark.tables.frames import small

VALUES = "segment string, user_idx bigint, score double"  # no declared table


def frame(spark: SparkSession, scores: dict[str, list[float | None]]) -> DataFrame:
    return small(spark, [(name, user, score) for name, column in scores.items() for user, score in enumerate(column)], VALUES)


def means(values: DataFrame, n_replicates: int = 100, seed: int = 7) -> dict[str, Row]:
    found = bootstrap_means(values, by=["segment"], columns=["score"], n_replicates=n_replicates, seed=seed)
    assert found.columns == ["segment", "name", "value", "ci_low", "ci_high", "n_users"]
    return {row.segment: row for row in found.collect()}


def weights(spark: SparkSession, n_users: int, n_replicates: int, seed: int = 7) -> NDArray[np.float64]:
    """Weight of each replicate (row, from 1) and user (column)."""
    users = spark.range(n_users).select("id", F.explode(F.sequence(F.lit(1), F.lit(n_replicates))).alias("replicate"))
    drawn = users.select("id", "replicate", poisson_weight(seed, F.col("id"), F.col("replicate")).alias("weight")).collect()
    table = np.zeros((n_replicates, n_users))
    for row in drawn:
        table[row.replicate - 1, row.id] = row.weight
    return table


def test_weights_are_poisson_1_and_independent(spark: SparkSession) -> None:
    first, second = weights(spark, 20_000, 2)
    sigma = 1 / math.sqrt(20_000)  # of the mean of a variable with variance 1
    assert first.mean() == pytest.approx(1, abs=4 * sigma)
    assert first.var() == pytest.approx(1, abs=4 * math.sqrt(3) * sigma)  # the fourth central moment of Poisson(1) is 4
    for drawn in range(4):
        assert (first == drawn).mean() == pytest.approx(math.exp(-1) / math.factorial(drawn), abs=4 * sigma)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0, abs=4 * sigma)
    assert np.corrcoef(first[:-1], first[1:])[0, 1] == pytest.approx(0, abs=4 * sigma)
    assert not np.array_equal(first, weights(spark, 20_000, 1, seed=8)[0])


def test_the_interval_is_that_of_numpy_on_the_same_weights(spark: SparkSession) -> None:
    scores = np.random.default_rng(3).random(50)
    drawn = weights(spark, 50, 100)
    low, high = np.percentile(drawn @ scores / drawn.sum(axis=1), [2.5, 97.5])
    row = means(frame(spark, {"all": scores.tolist()}))["all"]
    assert (row.value, row.ci_low, row.ci_high, row.n_users) == pytest.approx((scores.mean(), low, high, 50))


def test_the_interval_holds_the_mean_and_shrinks_with_the_root_of_the_users(spark: SparkSession) -> None:
    scores = np.random.default_rng(5).random(6_400)
    found = means(frame(spark, {"few": scores[:400].tolist(), "many": scores.tolist()}), n_replicates=400)
    for name, n_users in (("few", 400), ("many", 6_400)):
        row = found[name]
        assert row.ci_low < row.value < row.ci_high
        width = 2 * 1.96 * math.sqrt(1 / 12) / math.sqrt(n_users)  # normal interval of a uniform variable
        assert row.ci_high - row.ci_low == pytest.approx(width, rel=0.2)


def test_the_same_seed_gives_the_same_interval_on_any_partitioning(spark: SparkSession) -> None:
    values = frame(spark, {"all": np.random.default_rng(1).random(200).tolist()})
    once, again, other = means(values)["all"], means(values.repartition(7))["all"], means(values, seed=8)["all"]
    assert tuple(once)[2:] == pytest.approx(tuple(again)[2:], abs=1e-12)
    assert once.value == pytest.approx(other.value, abs=1e-12)
    assert (once.ci_low, once.ci_high) != pytest.approx((other.ci_low, other.ci_high), abs=1e-6)


def test_one_user_has_an_interval_of_one_point_and_nulls_do_not_count(spark: SparkSession) -> None:
    found = means(frame(spark, {"one": [0.25], "gaps": [None, 0.5, None], "none": [None, None]}))
    assert tuple(found["one"])[2:] == (0.25, 0.25, 0.25, 1)
    assert tuple(found["gaps"])[2:] == (0.5, 0.5, 0.5, 1)
    assert tuple(found["none"])[2:] == (None, None, None, 0)


def test_no_replicates_no_interval_and_less_is_refused(spark: SparkSession) -> None:
    values = frame(spark, {"all": [0.0, 1.0]})
    assert tuple(means(values, n_replicates=0)["all"])[2:] == (0.5, None, None, 2)
    with pytest.raises(ConfigError, match="n_replicates = -1; expected 0 or more"):
        means(values, n_replicates=-1)


def paired(candidate: DataFrame, champion: DataFrame) -> Row:
    found = paired_difference(candidate, champion, by=["segment"], columns=["score"], n_replicates=100, seed=7).collect()
    assert len(found) == 1
    return found[0]


def test_two_equal_models_differ_by_exactly_0(spark: SparkSession) -> None:
    values = frame(spark, {"all": np.random.default_rng(1).random(100).tolist()})
    assert tuple(paired(values, values))[2:] == (0.0, 0.0, 0.0, 100)


def test_a_paired_difference_is_narrower_than_the_means_and_has_a_sign(spark: SparkSession) -> None:
    scores = np.random.default_rng(1).random(100)
    champion = frame(spark, {"all": scores.tolist()})
    row = paired(frame(spark, {"all": (scores + 0.125).tolist()}), champion)
    assert (row.value, row.ci_low, row.ci_high) == pytest.approx((0.125, 0.125, 0.125))
    assert paired(champion, frame(spark, {"all": (scores + 0.125).tolist()})).value == pytest.approx(-0.125)


def test_a_difference_counts_the_users_of_both(spark: SparkSession) -> None:
    row = paired(frame(spark, {"all": [1.0, 0.5, None]}), frame(spark, {"all": [0.25, None, 0.5, 0.5]}))
    assert tuple(row)[2:] == (0.75, 0.75, 0.75, 1)
