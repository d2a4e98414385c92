"""Top-k on Spark against brute force, and what it does at the edges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.errors import PythonException
from pyspark.sql import DataFrame

from mapping_spark.errors import ConfigError
from mapping_spark.models.base import Vectors
from mapping_spark.recommend.settings import BlockConfig, Grid
from mapping_spark.recommend.topk import similar_items, top_k

from .conftest import MakeVectors
from .oracle import brute_force

ONE = Grid(1, 1)
Lists = dict[int, list[tuple[int, float]]]


def lists(found: DataFrame) -> Lists:
    """Lists by user; the ranks must run from 1 without a gap."""
    by_user: dict[int, list[tuple[int, int, float]]] = defaultdict(list)
    for user, item, score, rank in found.collect():
        by_user[user].append((rank, item, score))
    ranked = {user: sorted(rows) for user, rows in by_user.items()}
    assert all([rank for rank, _, _ in rows] == list(range(1, len(rows) + 1)) for rows in ranked.values())
    return {user: [(item, score) for _, item, score in rows] for user, rows in ranked.items()}


@given(
    seed=st.integers(0, 2**31),
    grid=st.builds(Grid, st.integers(1, 3), st.integers(1, 3)),
    has_ties=st.booleans(),
    is_sparse=st.booleans(),
    k=st.integers(1, 12),
)
@settings(max_examples=8, deadline=None)
def test_lists_are_brute_force_on_any_grid(
    dense: MakeVectors, sparse: MakeVectors, pairs: Callable[..., DataFrame], seed: int, grid: Grid, has_ties: bool, is_sparse: bool, k: int
) -> None:
    rng = np.random.default_rng(seed)
    both = rng.choice([-1.0, 0.0, 0.5, 1.0], (37, 4)) if has_ties else rng.normal(size=(37, 4))
    users, items = np.split(both.astype(np.float32), [7])
    excluded = {(user, item) for user in range(7) for item in range(30) if rng.random() < 0.3}
    if is_sparse:
        queries, targets = (
            sparse(name, {row: {at: value for at, value in enumerate(vector) if value} for row, vector in enumerate(matrix)})
            for name, matrix in (("user_idx", users), ("item_idx", items))
        )
    else:
        queries, targets = dense("user_idx", dict(enumerate(users))), dense("item_idx", dict(enumerate(items)))
    found = lists(top_k(queries, targets, k, grid=grid, exclude=pairs(*excluded)))
    expected = brute_force(users, items, k, excluded, zeros=not is_sparse)
    assert found == {user: ranked for user, ranked in expected.items() if ranked}


def test_excluded_items_are_replaced_by_the_next_best(dense: MakeVectors, pairs: Callable[..., DataFrame]) -> None:
    queries, targets = dense("user_idx", {1: [1], 2: [1]}), dense("item_idx", {i: [i] for i in range(6)})
    found = lists(top_k(queries, targets, 2, exclude=pairs((1, 5), (1, 4), (1, 4), (1, 99), (77, 3))))
    assert found == {1: [(3, 3.0), (2, 2.0)], 2: [(5, 5.0), (4, 4.0)]}


def test_popularity_is_a_vector_of_length_one_and_ties_go_to_the_smaller_index(dense: MakeVectors) -> None:
    counts = {item: [3] for item in range(100, 0, -1)} | {50: [9]}
    for grid in (ONE, Grid(2, 3)):
        found = lists(top_k(dense("user_idx", {1: [1], 2: [1]}), dense("item_idx", counts), 3, grid=grid))
        assert found == {user: [(50, 9.0), (1, 3.0), (2, 3.0)] for user in (1, 2)}


def test_a_habit_is_a_one_hot_item(sparse: MakeVectors) -> None:
    queries, targets = sparse("user_idx", {1: {10: 2.0, 30: 5.0}, 2: {}}), sparse("item_idx", {i: {i: 1} for i in (10, 20, 30)})
    assert lists(top_k(queries, targets, 10, grid=Grid(2, 2))) == {1: [(30, 5.0), (10, 2.0)]}  # 20 scores 0; user 2 has nothing


def test_k_above_the_catalogue_gives_what_there_is(dense: MakeVectors) -> None:
    found = lists(top_k(dense("user_idx", {7: [1, 1]}), dense("item_idx", {5: [-1, 0]}), 1000))
    assert found == {7: [(5, -1.0)]}


@pytest.mark.parametrize("grid", [ONE, Grid(2, 2)])
def test_an_empty_side_gives_an_empty_list(dense: MakeVectors, grid: Grid) -> None:
    none, some = dense("user_idx", {}), dense("item_idx", {1: [1]})
    found = top_k(none, some, 5, grid=grid)
    assert found.columns == ["user_idx", "item_idx", "score", "rank"]
    assert lists(found) == {}
    assert lists(top_k(dense("user_idx", {1: [1]}), dense("item_idx", {}), 5, grid=grid)) == {}


def test_a_fault_in_a_vector_reaches_the_caller(dense: MakeVectors) -> None:
    with pytest.raises(PythonException, match="queries of length 2, targets of length 1"):
        top_k(dense("user_idx", {1: [1, 2]}), dense("item_idx", {1: [1]}), 1, grid=ONE).collect()


def test_k_below_one_is_refused(dense: MakeVectors) -> None:
    with pytest.raises(ConfigError, match="k = 0"):
        top_k(dense("user_idx", {}), dense("item_idx", {}), 0)


def test_similar_items_leave_the_item_itself_out(dense: MakeVectors) -> None:
    items = dense("item_idx", {1: [1, 0], 2: [0.5, 0.5], 3: [0, 1]})
    found = similar_items(Vectors(users=items, items=items, similar_from=items, similar_to=items), 1, grid=ONE)
    assert {(row.item_idx, row.similar_item_idx, row.score, row["rank"]) for row in found.collect()} == {
        (1, 2, 0.5, 1),
        (2, 1, 0.5, 1),  # 1 and 3 tie
        (3, 2, 0.5, 1),
    }


def test_similar_items_name_only_the_items_asked_for(dense: MakeVectors) -> None:
    items = dense("item_idx", {1: [1, 0], 2: [0.5, 0.5], 3: [0, 1]})
    found = similar_items(
        Vectors(users=items, items=items, similar_from=items, similar_to=items), 5, grid=ONE, items=dense("item_idx", {3: [0]})
    )
    assert {(row.item_idx, row.similar_item_idx) for row in found.collect()} == {(1, 3), (2, 3)}


def test_a_model_without_likeness_is_refused(dense: MakeVectors) -> None:
    with pytest.raises(ConfigError, match="without similar vectors"):
        similar_items(Vectors(users=dense("user_idx", {}), items=dense("item_idx", {})), 5)


def test_the_grid_follows_the_sizes() -> None:
    blocks = BlockConfig(query_rows=100, target_rows=50, min_cells=4)
    assert blocks.grid(1000, 120) == Grid(10, 3)  # 1000 / 100, 120 / 50 rounded up
    assert blocks.grid(50, 60) == Grid(2, 2)  # at least 4 cells
    assert blocks.grid(1, 10) == Grid(1, 1)  # one query cannot be cut
    assert blocks.grid(0, 0) == Grid(1, 1)
