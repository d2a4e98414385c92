"""Vectors as models hand them over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

MakeVectors = Callable[..., DataFrame]


@pytest.fixture(scope="session")
def dense(spark: SparkSession) -> MakeVectors:
    """`dense("item_idx", {3: [1, 0], ...})`: a frame of dense vectors."""

    def make(index: str, vectors: Mapping[int, Sequence[float]]) -> DataFrame:
        rows: list[Any] = [(key, None, [float(value) for value in values]) for key, values in vectors.items()]
        return spark.createDataFrame(rows, f"{index} bigint, indices array<int>, values array<float>")  # shape of models.base.Vectors

    return make


@pytest.fixture(scope="session")
def sparse(spark: SparkSession) -> MakeVectors:
    """`sparse("item_idx", {3: {7: 0.5}, ...})`: a frame of sparse vectors, index to value."""

    def make(index: str, vectors: Mapping[int, Mapping[int, float]]) -> DataFrame:
        rows: list[Any] = [(key, sorted(vector), [float(vector[at]) for at in sorted(vector)]) for key, vector in vectors.items()]
        return spark.createDataFrame(rows, f"{index} bigint, indices array<int>, values array<float>")  # shape of models.base.Vectors

    return make


@pytest.fixture(scope="session")
def pairs(spark: SparkSession) -> Callable[..., DataFrame]:
    """`pairs((1, 2), ...)`: a frame (user_idx, item_idx)."""

    def make(*values: tuple[int, int]) -> DataFrame:
        return spark.createDataFrame(list(values), "user_idx bigint, item_idx bigint")

    return make
