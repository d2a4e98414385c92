"""Parts of whole numbers against Hamilton's method in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.campaign.apportion import apportion, apportioned


def hamilton(total: int, weights: list[int], ties: list[int]) -> list[int]:
    """Each its share rounded down, then one more to the largest remainders, equal ones by the smaller tie."""
    shares = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [int(share) for share in shares]
    order = sorted(range(len(weights)), key=lambda at: (parts[at] - shares[at], ties[at]))
    for at in order[: total - sum(parts)]:
        parts[at] += 1
    return parts


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (0, [1, 2], [0, 0]),
        (5, [3], [5]),
        (10, [1, 1, 1], [4, 3, 3]),  # a tie: the earlier part wins
        (10, [6, 3, 1], [6, 3, 1]),
        (7, [0, 5, 0], [0, 7, 0]),
        (1, [1, 2, 1], [0, 1, 0]),  # shares 1/4, 1/2, 1/4
        (3, [1, 2, 1], [1, 1, 1]),  # shares 3/4, 3/2, 3/4
        (7, [0, 0, 0], [3, 2, 2]),  # no weight: equal parts
        (2, [1e-300, 1e-300], [1, 1]),
    ],
)
def test_parts_by_hand(total: int, weights: list[float], parts: list[int]) -> None:
    assert apportion(total, np.array(weights)).tolist() == parts


GROUP = st.tuples(
    st.integers(0, 10_000),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), min_size=1, max_size=8).filter(lambda parts: sum(w for w, _ in parts) > 0),
)


@settings(max_examples=100)
@given(st.lists(GROUP, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_every_group_is_parted_as_if_it_were_alone_whatever_the_order(
    groups: list[tuple[int, list[tuple[int, int]]]], random: Random
) -> None:
    rows = [(at, weight, 10 * tie + n) for at, (_, parts) in enumerate(groups) for n, (weight, tie) in enumerate(parts)]
    shuffled = list(range(len(rows)))
    random.shuffle(shuffled)
    group, weights, ties = (np.array(column)[shuffled] for column in zip(*rows, strict=True))
    parted = apportioned(np.array([total for total, _ in groups]), weights.astype(float), group, ties)
    by_row = dict(zip(shuffled, parted.tolist(), strict=True))
    expected = [
        n for total, parts in groups for n in hamilton(total, [w for w, _ in parts], [10 * tie + n for n, (_, tie) in enumerate(parts)])
    ]
    assert [by_row[at] for at in range(len(rows))] == expected


@settings(max_examples=100)
@given(st.floats(0, 1, exclude_max=True), st.lists(st.floats(0, 1e9), min_size=1, max_size=50))
def test_large_totals_are_parted_to_the_unit_and_no_weight_gets_nothing(share_of_limit: float, weights: list[float]) -> None:
    total = int(share_of_limit * 2**53 / len(weights))
    parts = apportion(total, np.array(weights)).tolist()
    assert sum(parts) == total
    assert min(parts) >= 0
    if sum(weights) > 0:
        assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)
    assert parts == apportion(total, np.array([1024 * weight for weight in weights])).tolist()  # only proportions count
