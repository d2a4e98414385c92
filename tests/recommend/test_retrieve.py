"""Lists from a model's vectors and from a fusion of models."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import MissingInput
from mapping_spark.models.base import FusionModel, ModelConfig, Vectors
from mapping_spark.recommend.retrieve import Request, retrieve, retrieve_fused, seen
from mapping_spark.recommend.settings import Grid

from .conftest import MakeEvidence, MakeVectors

ONE = Grid(1, 1)


class Sum:
    """A fusion that adds up scores and keeps what it was handed."""

    name: ClassVar[str] = "sum"
    Config: ClassVar[type[ModelConfig]] = ModelConfig
    members = ("left", "right")
    depth = 2

    def __init__(self, config: ModelConfig, seed: int) -> None:
        self.given: DataFrame | None = None

    def fuse(self, lists: DataFrame, interactions: DataFrame) -> DataFrame:
        """Sum of the members' scores."""
        self.given = lists
        return lists.groupBy("user_idx", "item_idx").agg(F.sum("score").alias("score"))


def lists(found: DataFrame) -> dict[int, list[int]]:
    """Items by user, in order of rank."""
    by_user: dict[int, list[tuple[int, int]]] = {}
    for row in found.collect():
        by_user.setdefault(row.user_idx, []).append((row["rank"], row.item_idx))
    return {user: [item for _, item in sorted(ranks)] for user, ranks in by_user.items()}


def test_rules_act_before_the_search_so_lists_stay_full(dense: MakeVectors, pairs: Callable[..., DataFrame]) -> None:
    vectors = Vectors(users=dense("user_idx", {1: [1], 2: [1], 3: [1]}), items=dense("item_idx", {i: [i] for i in range(6)}))
    request = Request(k=2, users=pairs((1, 0), (2, 0)).select("user_idx"), items=pairs(*((0, i) for i in (0, 1, 2, 3))), grid=ONE)
    assert lists(retrieve(vectors, request)) == {1: [3, 2], 2: [3, 2]}


def test_seen_items_are_left_out_if_asked_for(dense: MakeVectors, known: MakeEvidence) -> None:
    vectors = Vectors(users=dense("user_idx", {1: [1]}), items=dense("item_idx", {i: [i] for i in range(4)}))
    interactions = known({}, [], {(1, 3): {}, (1, 2): {}}).interactions
    assert lists(retrieve(vectors, Request(k=2, grid=ONE))) == {1: [3, 2]}
    assert lists(retrieve(vectors, Request(k=2, exclude=seen(interactions), grid=ONE))) == {1: [1, 0]}


def test_a_fusion_ranks_its_members_lists(dense: MakeVectors, sparse: MakeVectors, known: MakeEvidence) -> None:
    users = dense("user_idx", {1: [1]})
    members = {
        "left": Vectors(users=users, items=dense("item_idx", {10: [5], 20: [4], 30: [3]})),  # its list ends at depth 2
        "right": Vectors(users=sparse("user_idx", {1: {7: 1}}), items=sparse("item_idx", {20: {7: 2}, 30: {7: 1}, 40: {8: 9}})),
    }
    model = Sum(ModelConfig(), seed=0)
    assert isinstance(model, FusionModel)
    found = retrieve_fused(model, members, known({}, []).interactions, Request(k=2, grid=ONE))
    assert [tuple(row) for row in found.orderBy("rank").collect()] == [(1, 20, 4.0 + 2.0, 1), (1, 10, 5.0, 2)]
    assert model.given is not None
    assert {(row.model, row.item_idx, row["rank"]) for row in model.given.collect()} == {
        ("left", 10, 1),
        ("left", 20, 2),
        ("right", 20, 1),
        ("right", 30, 2),
    }


def test_a_fusion_without_a_members_vectors_is_refused(dense: MakeVectors, known: MakeEvidence) -> None:
    members = {"left": Vectors(users=dense("user_idx", {}), items=dense("item_idx", {}))}
    with pytest.raises(MissingInput, match="right"):
        retrieve_fused(Sum(ModelConfig(), seed=0), members, known({}, []).interactions, Request(k=2))
