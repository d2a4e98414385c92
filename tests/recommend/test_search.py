"""Both searches inside a cell against brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.recommend import dense_search, sparse_search
from mapping_spark.recommend.best import Best, Ints
from mapping_spark.recommend.dense_search import dense_best
from mapping_spark.recommend.sparse_search import Sparse, sparse_best

from .oracle import Matrix, brute_force


@st.composite
def problems(draw: st.DrawFn) -> tuple[Matrix, Matrix, set[tuple[int, int]], int]:
    """Queries, targets, excluded pairs and k; ties everywhere or nowhere."""
    n_rows, n_columns, size, k = (draw(st.integers(1, top)) for top in (6, 40, 5, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    if draw(st.booleans()):
        queries, targets = rng.choice([-1.0, 0.0, 0.5, 1.0], (n_rows, size)), rng.choice([-1.0, 0.0, 0.5, 1.0], (n_columns, size))
    else:
        queries, targets = rng.normal(size=(n_rows, size)), rng.normal(size=(n_columns, size))
    share = draw(st.sampled_from([0.0, 0.1, 0.6, 1.0]))
    excluded = {(r, c) for r in range(n_rows) for c in range(n_columns) if rng.random() < share}
    return queries.astype(np.float32), targets.astype(np.float32), excluded, k


def as_lists(best: Best, n_rows: int) -> dict[int, list[tuple[int, float]]]:
    lists: dict[int, list[tuple[int, float]]] = {row: [] for row in range(n_rows)}
    for row, column, score in zip(*best, strict=True):
        lists[int(row)].append((int(column), float(score)))
    return lists


def codes(excluded: set[tuple[int, int]], n_columns: int) -> Ints:
    return np.array(sorted(row * n_columns + column for row, column in excluded), dtype=np.int64)


def csr(matrix: Matrix) -> Sparse:
    rows, indices = np.nonzero(matrix)
    indptr = np.searchsorted(rows, np.arange(len(matrix) + 1))
    return Sparse(indptr, indices * 1_000_003, matrix[rows, indices])  # any integers serve as indices


@given(problems())
@settings(max_examples=150, deadline=None)
def test_dense_search_is_brute_force(problem: tuple[Matrix, Matrix, set[tuple[int, int]], int]) -> None:
    queries, targets, excluded, k = problem
    found = as_lists(dense_best(queries, targets, codes(excluded, len(targets)), k), len(queries))
    assert found == brute_force(queries, targets, k, excluded)


@given(problems(), st.sampled_from([0, 8]), st.sampled_from([1, 50]))
@settings(max_examples=150, deadline=None)
def test_sparse_search_is_brute_force(
    problem: tuple[Matrix, Matrix, set[tuple[int, int]], int], cells_per_product: int, products: int
) -> None:
    queries, targets, excluded, k = problem
    with pytest.MonkeyPatch.context() as patch:  # 0 cells per product: by sorting; few products: many chunks
        patch.setattr(sparse_search, "CELLS_PER_PRODUCT", cells_per_product)
        patch.setattr(sparse_search, "PRODUCTS", products)
        found = as_lists(sparse_best(csr(queries), csr(targets), codes(excluded, len(targets)), k), len(queries))
    assert found == brute_force(queries, targets, k, excluded, zeros=False)


def test_dense_search_in_many_chunks_with_all_scores_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_search, "CHUNK_ROWS", 3)
    monkeypatch.setattr(dense_search, "CELLS", 100)
    queries, targets = np.ones((10, 4), np.float32), np.ones((50, 4), np.float32)
    excluded = {(row, column) for row in range(10) for column in range(row)}
    found = as_lists(dense_best(queries, targets, codes(excluded, 50), 5), 10)
    assert found == {row: [(row + place, 4.0) for place in range(5)] for row in range(10)}


def test_a_list_does_not_depend_on_the_other_rows() -> None:
    rng = np.random.default_rng(7)
    queries, targets = rng.normal(size=(300, 64)).astype(np.float32), rng.normal(size=(2000, 64)).astype(np.float32)
    together = as_lists(dense_best(queries, targets, codes(set(), 2000), 10), 300)
    alone = as_lists(dense_best(queries[17:18], targets, codes(set(), 2000), 10), 1)
    assert together[17] == alone[0]
    assert all(left[1] >= right[1] for left, right in pairwise(together[17]))


def test_nothing_in_nothing_out() -> None:
    none, some = np.zeros((0, 2), np.float32), np.ones((3, 2), np.float32)
    assert as_lists(dense_best(none, some, codes(set(), 3), 5), 0) == {}
    assert as_lists(dense_best(some, none, codes(set(), 1), 5), 3) == {0: [], 1: [], 2: []}
    assert as_lists(sparse_best(csr(some), csr(none), codes(set(), 1), 5), 3) == {0: [], 1: [], 2: []}
