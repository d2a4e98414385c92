"""Intervals, paired differences and Holm's correction as properties of any numbers."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.evaluation.bootstrap import holm, interval, paired_difference, poisson_weights

P_VALUES = st.lists(st.floats(0, 1), max_size=8)
REPLICATES = st.lists(st.floats(-1, 1), min_size=4, max_size=20)


def adjusted_by_definition(p_values: list[float]) -> list[float]:
    """Of the i-th smallest: the largest of min(1, (m - j + 1) p_j) over all j up to i (Holm 1979)."""
    ordered = sorted(p_values)
    steps = [min(1.0, (len(ordered) - place) * p) for place, p in enumerate(ordered)]
    return [max(steps[: ordered.index(p) + p_values.count(p)]) for p in p_values]


@settings(deadline=None)
@given(p_values=P_VALUES)
def test_holm_is_its_definition_whatever_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert adjusted == pytest.approx(adjusted_by_definition(p_values))
    assert holm(p_values[::-1]) == pytest.approx(adjusted[::-1])
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    by_size = [q for _, q in sorted(zip(p_values, adjusted, strict=True))]
    assert all(low <= high for low, high in pairwise(by_size))  # a smaller p-value never becomes the larger one


@settings(deadline=None)
@given(replicates=REPLICATES, other=st.floats(-1, 1))
def test_the_difference_the_other_way_round_is_its_mirror(replicates: list[float], other: float) -> None:
    one, flat = np.array(replicates), np.full(len(replicates), other)
    there, back = paired_difference(one, flat), paired_difference(flat, one)
    assert (back.delta, back.ci_low, back.ci_high) == pytest.approx((-there.delta, -there.ci_high, -there.ci_low))
    assert back.p_value == pytest.approx(there.p_value)
    assert 0 <= there.p_value <= 1


def test_a_replicate_that_drew_nobody_in_either_run_is_left_out() -> None:
    """Differences 0.5 and, of the two replicates that both have, 0.25 and 0.75."""
    found = paired_difference(np.array([1, 0.75, math.nan, 1, 0.5]), np.array([0.5, 0.5, 0.5, 0.25, math.nan]))
    assert (found.delta, found.ci_low, found.ci_high) == pytest.approx((0.5, 0.25 + 0.025 * 0.5, 0.25 + 0.975 * 0.5))
    spread = math.sqrt(2 * 0.25**2 / (2 - 1))
    assert found.p_value == pytest.approx(math.erfc(0.5 / spread / math.sqrt(2)))


def test_a_constant_difference_is_sure_and_one_replicate_proves_nothing() -> None:
    assert paired_difference(np.full(5, 0.5), np.full(5, 0.25)).p_value == 0
    alone = paired_difference(np.array([0.5, 0.5]), np.array([0.25, 0.25]))
    assert (alone.ci_low, alone.ci_high, alone.p_value) == (0.25, 0.25, 1)
    nobody = paired_difference(np.array([0.5, math.nan]), np.array([0.25, math.nan]))
    assert (nobody.delta, nobody.p_value) == (0.25, 1)
    assert np.isnan(nobody.ci_low)


@settings(deadline=None)
@given(replicates=REPLICATES, n_empty=st.integers(0, 3))
def test_an_interval_lies_within_its_replicates_and_skips_the_empty_ones(replicates: list[float], n_empty: int) -> None:
    low, high = interval(np.array([0.0, *replicates]))
    assert min(replicates) - 1e-12 <= low <= high <= max(replicates) + 1e-12
    assert interval(np.array([0.0, *[math.nan] * n_empty, *replicates[::-1]])) == pytest.approx((low, high))


@pytest.mark.parametrize("n_replicates", [0, 1, 4, 5, 9])
def test_there_are_as_many_replicates_as_asked_for_and_each_hangs_on_its_number(n_replicates: int) -> None:
    users = np.array([-3, 0, 2**62])
    weights = poisson_weights(7, users, n_replicates)
    assert weights.shape == (3, 1 + n_replicates)
    assert weights[:, 0].tolist() == [1, 1, 1]
    assert np.array_equal(weights, poisson_weights(7, users, 20)[:, : 1 + n_replicates])
    assert poisson_weights(7, users[:0], n_replicates).shape == (0, 1 + n_replicates)
