"""Sums of partitions to means, gaps and exposure: by hand, on one metric and two replicates."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from mapping_spark.evaluation.judge import Context
from mapping_spark.evaluation.means import exposure, means

CONTEXT = Context((0,), 3, (5,), 2, 7, 4, 1.0, {}, has_categories=False, has_vectors=False)
NAMES = [name for name, _ in CONTEXT.columns]
GAP = 4
Part = tuple[int, list[float], list[float], int]
"""Segment; sums of recall and their weights, the plain one and two replicates; known users left out."""


def found(*parts: Part) -> dict[int, pd.Series]:
    """Recall's row of each segment, 0 for everyone."""
    at, n = NAMES.index("recall"), len(NAMES)
    rows = []
    for segment, sums, weights, left_out in parts:
        numbers = np.zeros((2, n, 3))
        numbers[0, at], numbers[1, at] = sums, weights
        skipped = np.zeros(n)
        skipped[at] = left_out
        rows.append({"list": 6, "segment": segment, "numbers": np.concatenate([numbers.ravel(), skipped])})
    result = means(pd.DataFrame(rows), CONTEXT, gap=GAP)
    recall = result[result["metric"] == "recall"]
    assert set(recall["list"]) == {6}
    assert set(recall["k"]) == {5}
    return {int(row["segment"]): row for _, row in recall.iterrows()}


def test_partitions_add_up_before_they_are_divided() -> None:
    everyone = found((0, [1, 2, 0], [2, 2, 0], 1), (0, [1, 0, 0], [2, 1, 0], 4))[0]
    assert everyone["means"] == pytest.approx([2 / 4, 2 / 3, math.nan], nan_ok=True)  # the second replicate drew nobody
    assert (everyone["value"], everyone["ci_low"], everyone["ci_high"]) == pytest.approx((1 / 2, 2 / 3, 2 / 3))
    assert (everyone["n_users"], everyone["n_users_skipped"]) == (4, 5)


def test_where_nobody_counts_there_is_no_number() -> None:
    everyone = found((0, [0, 0, 0], [0, 0, 0], 3))[0]
    assert [everyone[name] for name in ("value", "ci_low", "ci_high")] == pytest.approx([math.nan] * 3, nan_ok=True)
    assert (everyone["n_users"], everyone["n_users_skipped"]) == (0, 3)


def test_the_gap_is_the_largest_less_the_smallest_segment_replicate_by_replicate() -> None:
    segments: list[Part] = [(1, [1, 1, 3], [2, 5, 3], 1), (2, [1, 3, 0], [4, 5, 2], 2), (3, [0, 0, 0], [0, 0, 0], 5)]
    gap = found((0, [2, 4, 3], [6, 10, 5], 8), *segments)[GAP]
    assert gap["means"] == pytest.approx([1 / 2 - 1 / 4, 3 / 5 - 1 / 5, 3 / 3 - 0 / 2])  # the third segment is nobody
    assert (gap["ci_low"], gap["ci_high"]) == pytest.approx((0.4 + 0.025 * 0.6, 0.4 + 0.975 * 0.6))  # between its two replicates
    assert (gap["n_users"], gap["n_users_skipped"]) == (2 + 4, 1 + 2 + 5)


def test_one_segment_has_no_gap_and_two_of_nobody_have_none_that_is_a_number() -> None:
    assert set(found((0, [1, 1, 1], [1, 1, 1], 0), (1, [1, 1, 1], [1, 1, 1], 0))) == {0, 1}
    nobody = found(*((segment, [0.0, 0, 0], [0.0, 0, 0], 1) for segment in (0, 1, 2)))[GAP]
    assert np.isnan(nobody["value"])


def exposed(catalogue: int, *rows: tuple[int, int]) -> dict[str, float]:
    """Each exposure metric of (lists, items that stand in so many)."""
    frame = pd.DataFrame([{"list": 6, "k": 5, "n_lists": n_lists, "n_items": n_items} for n_lists, n_items in rows])
    result = exposure(frame, catalogue=catalogue, n_known_users=9)
    assert set(result["n_users"]) == {9}
    assert set(result["segment"]) == {0}
    assert all(drawn == [] for drawn in result["means"])  # no interval over users
    return dict(zip(result["metric"], result["value"], strict=True))


def test_exposure_of_what_is_shown_over_the_catalogue() -> None:
    assert exposed(4, (2, 2), (0, 1)) == pytest.approx({"coverage": 2 / 4, "gini": 1 / 2, "entropy": 1})  # half the items share all


def test_exposure_of_nothing_and_of_no_catalogue() -> None:
    assert exposed(4, (0, 1)) == pytest.approx({"coverage": 0, "gini": math.nan, "entropy": math.nan}, nan_ok=True)
    assert exposed(0, (0, 1)) == pytest.approx({"coverage": math.nan, "gini": math.nan, "entropy": math.nan}, nan_ok=True)
