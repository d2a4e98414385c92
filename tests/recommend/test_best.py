"""The order of a list and its first k, in numpy: against sorting in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.recommend.best import (
    NOT_ALLOWED,
    Best,
    first_k_of_candidates,
    first_k_of_pairs,
    first_k_of_scores,
    holds,
    joined,
    spans,
)

SCORES = st.lists(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 0.5, 2.0, None]), min_size=7, max_size=7), min_size=1, max_size=5)
"""Seven columns, scores that are often equal; None must not be returned."""
NAMES = np.array([3, 9, 4, 1, 7])
Winners = list[tuple[int, int, float]]


def by_sorting(scores: list[list[float | None]], k: int) -> Winners:
    """Rows by their names; higher scores first, of equal ones the smaller column."""
    allowed = {int(NAMES[at]): [(-score, c) for c, score in enumerate(row) if score is not None] for at, row in enumerate(scores)}
    return [(name, column, -less) for name, row in sorted(allowed.items()) for less, column in sorted(row)[:k]]


def winners(best: Best) -> Winners:
    return [(int(row), int(column), float(score)) for row, column, score in zip(*best, strict=True)]


@settings(deadline=None)
@given(scores=SCORES, k=st.integers(1, 9), seed=st.integers(0, 99))
def test_scores_candidates_and_pairs_have_the_same_first_k(scores: list[list[float | None]], k: int, seed: int) -> None:
    matrix = np.array([[NOT_ALLOWED if score is None else score for score in row] for row in scores], np.float32)
    rows, expected = NAMES[: len(scores)], by_sorting(scores, k)
    assert winners(first_k_of_scores(rows, matrix, k)) == expected
    shuffled = np.random.default_rng(seed).permuted(np.tile(np.arange(7), (len(scores), 1)), axis=1)  # each row in an order of its own
    candidates = np.take_along_axis(matrix, shuffled, axis=1)
    assert sorted(winners(first_k_of_candidates(rows, shuffled, candidates, k)), key=lambda winner: winner[0]) == expected
    is_allowed = candidates > NOT_ALLOWED
    pairs = np.repeat(rows, is_allowed.sum(axis=1)), shuffled[is_allowed], candidates[is_allowed]
    assert winners(first_k_of_pairs(*pairs, k)) == expected


def test_without_rows_or_columns_nobody_wins() -> None:
    none, no_rows = np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
    assert winners(first_k_of_scores(none, no_rows, 2)) == []
    assert winners(first_k_of_candidates(none, no_rows.astype(np.int64), no_rows, 2)) == []
    assert winners(first_k_of_pairs(none, none, np.zeros(0, np.float32), 2)) == []
    assert winners(first_k_of_scores(NAMES[:2], np.full((2, 3), NOT_ALLOWED), 2)) == []


def test_chunks_are_joined_in_their_order() -> None:
    one = np.array([5]), np.array([6]), np.array([0.5], np.float32)
    two = np.array([2, 2]), np.array([0, 1]), np.array([2.0, 1.0], np.float32)
    assert winners(joined([one, joined([]), two])) == [(5, 6, 0.5), (2, 0, 2.0), (2, 1, 1.0)]
    assert [part.dtype for part in joined([])] == [np.int64, np.int64, np.float32]


@settings(deadline=None)
@given(drawn=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 4)), max_size=8))
def test_spans_are_ranges_one_after_the_other(drawn: list[tuple[int, int]]) -> None:
    starts, lengths = (np.array([pair[at] for pair in drawn], np.int64) for at in (0, 1))
    assert spans(starts, lengths).tolist() == [position for start, length in drawn for position in range(start, start + length)]


@settings(deadline=None)
@given(codes=st.lists(st.integers(0, 20), max_size=12), among=st.sets(st.integers(0, 20), max_size=8))
def test_membership_is_that_of_a_set(codes: list[int], among: set[int]) -> None:
    found = holds(np.array(sorted(among), np.int64), np.array(codes, np.int64))
    assert found.tolist() == [code in among for code in codes]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_ties_at_the_cut_go_to_the_smaller_columns_wherever_they_stand(k: int) -> None:
    """Columns 1, 4 and 5 share the best score."""
    matrix = np.array([[0, 1, 0, 0, 1, 1, 0]], np.float32)
    assert [column for _, column, _ in winners(first_k_of_scores(NAMES[:1], matrix, k))] == [1, 4, 5][:k]
