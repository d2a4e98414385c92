"""Corrections for many tests, as they are defined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.campaign.comparisons import false_discovery, family_wise


@pytest.mark.parametrize(
    ("p_values", "holm", "hochberg"),
    [
        ([0.03], [0.03], [0.03]),
        ([0.01, 0.02], [2 * 0.01, 0.02], [0.02, 0.02]),
        ([0.02, 0.01], [0.02, 2 * 0.01], [0.02, 0.02]),
        # Holm: 3 x .01, then 2 x .02, then .03 raised to what came before. Hochberg: all of them 3 x .03 / 3 at most.
        ([0.03, 0.01, 0.02], [0.04, 0.03, 0.04], [0.03, 0.03, 0.03]),
        # Hochberg: 4 x .04 / 2 is above 4 x .05 / 3, which goes before it.
        ([0.01, 0.04, 0.05, 0.9], [0.04, 3 * 0.04, 3 * 0.04, 0.9], [0.04, 4 * 0.05 / 3, 4 * 0.05 / 3, 0.9]),
        ([0.6, 0.6], [1, 1], [0.6, 0.6]),
        ([0.0, 1.0], [0, 1], [0, 1]),
        ([math.nan, math.nan], [math.nan, math.nan], [math.nan, math.nan]),
    ],
)
def test_adjusted_p_values_by_hand(p_values: list[float], holm: list[float], hochberg: list[float]) -> None:
    assert family_wise(p_values) == pytest.approx(holm, nan_ok=True)
    assert false_discovery(p_values) == pytest.approx(hochberg, nan_ok=True)


P_VALUES = st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=12)


@settings(max_examples=100)
@given(P_VALUES)
def test_both_are_as_defined_over_the_tests_that_were_made(p_values: list[float]) -> None:
    made = sorted(p for p in p_values if not math.isnan(p))
    n = len(made)
    # Holm: the largest of what the tests up to this one have times the tests left; Hochberg: the smallest of n p / place from it on.
    holm = [min(1, max((n - at) * made[at] for at in range(place + 1))) for place in range(n)]
    hochberg = [min(n * made[at] / (at + 1) for at in range(place, n)) for place in range(n)]
    for ours, expected in ((family_wise, holm), (false_discovery, hochberg)):
        found = ours(p_values)
        assert [math.isnan(p) for p in found] == [math.isnan(p) for p in p_values]
        assert sorted(p for p in found if not math.isnan(p)) == pytest.approx(expected)


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.permutations(range(8)))
def test_adjusting_never_helps_a_test_nor_changes_places(p_values: list[float], drawn: list[int]) -> None:
    order = [at for at in drawn if at < len(p_values)]
    for adjust in (family_wise, false_discovery):
        found = adjust(p_values)
        assert all(adjusted >= p - 1e-12 for adjusted, p in zip(found, p_values, strict=True))
        assert adjust([p_values[at] for at in order]) == pytest.approx([found[at] for at in order])
        ranked = np.array(found)[np.argsort(p_values, kind="stable")]
        assert (np.diff(ranked) >= -1e-12).all()
    strict, mild = family_wise(p_values), false_discovery(p_values)
    assert all(one >= two - 1e-12 for one, two in zip(strict, mild, strict=True))
