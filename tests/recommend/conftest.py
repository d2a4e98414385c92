"""Vectors as models hand them over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.recommend.evidence import Evidence
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.silver import INTERACTIONS

MakeVectors = Callable[..., DataFrame]
MakeEvidence = Callable[..., Evidence]
MakeLists = Callable[..., DataFrame]
Chosen = dict[tuple[int, int], dict[str, Any]]
"""{(user, item): fields of the interaction}."""
AS_OF = dt.date(2017, 12, 1)


@pytest.fixture(scope="session")
def dense(spark: SparkSession) -> MakeVectors:
    """`dense("item_idx", {3: [1, 0], ...})`: a frame of dense vectors."""

    def make(index: str, vectors: Mapping[int, Sequence[float]]) -> DataFrame:
        rows: list[Any] = [(key, None, [float(value) for value in values]) for key, values in vectors.items()]
        return small(spark, rows, f"{index} bigint, indices array<int>, values array<float>")  # shape of models.base.Vectors

    return make


@pytest.fixture(scope="session")
def sparse(spark: SparkSession) -> MakeVectors:
    """`sparse("item_idx", {3: {7: 0.5}, ...})`: a frame of sparse vectors, index to value."""

    def make(index: str, vectors: Mapping[int, Mapping[int, float]]) -> DataFrame:
        rows: list[Any] = [(key, sorted(vector), [float(vector[at]) for at in sorted(vector)]) for key, vector in vectors.items()]
        return small(spark, rows, f"{index} bigint, indices array<int>, values array<float>")  # shape of models.base.Vectors

    return make


@pytest.fixture(scope="session")
def pairs(spark: SparkSession) -> Callable[..., DataFrame]:
    """`pairs((1, 2), ...)`: a frame (user_idx, item_idx)."""

    def make(*values: tuple[int, int]) -> DataFrame:
        return small(spark, list(values), "user_idx bigint, item_idx bigint")

    return make


@pytest.fixture(scope="session")
def ranked(spark: SparkSession) -> MakeLists:
    """`ranked({1: [30, 20]})`: lists by user (or similar items by item), scored 1, 1/2, 1/3 ... from the top."""

    def make(lists: Mapping[int, Sequence[int]], names: tuple[str, str] = ("user_idx", "item_idx")) -> DataFrame:
        values = [(key, item, 1 / rank, rank) for key, items in lists.items() for rank, item in enumerate(items, start=1)]
        return small(spark, values, f"{names[0]} bigint, {names[1]} bigint, score double, rank int")  # as topk.first_k returns it

    return make


@pytest.fixture(scope="session")
def known(spark: SparkSession, ranked: MakeLists) -> MakeEvidence:
    """Evidence on 2017-12-01: users with their segments, items, {(user, item): fields of the interaction}, similar items."""

    def make(
        users: Mapping[int, str | None],
        items: Sequence[int],
        chosen: Mapping[tuple[int, int], Mapping[str, Any]] | None = None,
        similar: Mapping[int, Sequence[int]] | None = None,
    ) -> Evidence:
        neutral = {"as_of_date": AS_OF, "weight": 1.0, "n_events": 1, "last_at": dt.datetime(2017, 11, 30)}
        interactions = [{**neutral, "user_idx": user, "item_idx": item, **fields} for (user, item), fields in (chosen or {}).items()]
        named_users = [(f"u{user}", user, segment) for user, segment in users.items()]
        named_items = [(f"i{item}", item, f"Item {item}") for item in items]
        return Evidence(
            users=small(spark, named_users, "user_id string, user_idx bigint, segment string"),  # as eligible_users returns it
            items=small(spark, named_items, "item_id string, item_idx bigint, title string"),  # as eligible_items returns it
            interactions=rows(spark, INTERACTIONS, *interactions),
            similar=ranked(similar or {}, ("item_idx", "similar_item_idx")),
            as_of=AS_OF,
        )

    return make
