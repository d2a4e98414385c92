"""Distances between binned distributions: numbers redone by hand, bounds for any counts."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mapping_spark.errors import ContractError
from mapping_spark.tables.distances import (
    chi_square,
    chi_square_tail,
    jensen_shannon_distance,
    jensen_shannon_divergence,
    population_stability_index,
)

SAMPLES = st.integers(1, 8).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 1000), min_size=n, max_size=n).filter(any)] * 2))


def test_psi_redone_by_hand() -> None:
    # smoothed: (3 + 1/2) / (4 + 1) and (1 + 1/2) / (4 + 1), then the other way round
    p, q = [3.5 / 5, 1.5 / 5], [1.5 / 5, 3.5 / 5]
    expected = (q[0] - p[0]) * math.log(q[0] / p[0]) + (q[1] - p[1]) * math.log(q[1] / p[1])
    assert population_stability_index([3, 1], [1, 3]) == pytest.approx(expected)


def test_an_empty_bin_leaves_psi_finite_and_js_unsmoothed() -> None:
    assert population_stability_index([10, 0], [5, 5]) == pytest.approx(
        (5.5 / 11 - 10.5 / 11) * math.log(5.5 / 10.5) * 1 + 5 / 11 * math.log(5.5 / 0.5)
    )
    # m = [3/4, 1/4]: half of log2(4/3), half of (log2(2/3) + log2(2)) / 2
    assert jensen_shannon_divergence([10, 0], [5, 5]) == pytest.approx((math.log2(4 / 3) + (math.log2(2 / 3) + 1) / 2) / 2)


def test_js_is_0_of_equal_shares_and_1_of_nothing_shared() -> None:
    assert jensen_shannon_distance([1, 3], [10, 30]) == 0
    assert jensen_shannon_distance([4, 0], [0, 9]) == 1


def test_chi_square_redone_by_hand() -> None:
    found = chi_square([10, 20], [20, 10])
    # every bin of either sample expects 15: 4 * 5^2 / 15
    assert found.statistic == pytest.approx(4 * 25 / 15)
    assert found.freedom == 1
    assert found.p_value == pytest.approx(math.erfc(math.sqrt(found.statistic / 2)))  # one degree: a squared normal


def test_small_bins_are_pooled_until_they_expect_enough() -> None:
    # bins of 3 + 3 and 4 + 4 expect 3 and 4: together 7, beside 50 + 50
    assert chi_square([3, 50, 4], [3, 50, 4]).freedom == 1
    # 1 + 1 alone expects 1, so the next smallest bin joins it
    assert chi_square([1, 50, 20], [1, 50, 20]) == chi_square([21, 50], [21, 50])
    assert chi_square([1, 2], [2, 1]).p_value == 1
    assert chi_square([10, 20, 0], [20, 10, 0]) == chi_square([10, 20], [20, 10])


@pytest.mark.parametrize(("statistic", "freedom"), [(3.841458820694124, 1), (5.991464547107979, 2), (18.307038053275146, 10)])
def test_the_tail_at_the_5_percent_points_of_the_tables(statistic: float, freedom: int) -> None:
    assert chi_square_tail(statistic, freedom) == pytest.approx(0.05)


@given(st.floats(0, 1e4), st.integers(1, 200))
def test_the_tail_is_the_incomplete_gamma_function(statistic: float, freedom: int) -> None:
    halves = (torch.tensor(value / 2, dtype=torch.float64) for value in (freedom, statistic))
    assert chi_square_tail(statistic, freedom) == pytest.approx(torch.special.gammaincc(*halves).item(), rel=1e-6, abs=1e-12)


@given(SAMPLES)
def test_distances_are_symmetric_bounded_and_0_of_a_sample_with_itself(samples: tuple[list[int], list[int]]) -> None:
    first, second = samples
    for distance in (population_stability_index, jensen_shannon_distance):
        assert distance(first, second) == pytest.approx(distance(second, first), abs=1e-9)
        assert distance(first, second) >= 0
        assert distance(first, first) == pytest.approx(0, abs=1e-7)
    assert jensen_shannon_distance(first, second) <= 1
    assert 0 <= chi_square(first, second).p_value <= 1


@pytest.mark.parametrize(("first", "second"), [([1, 2], [1]), ([0, 0], [1, 1]), ([1, -1], [1, 1]), ([math.nan, 1], [1, 1])])
def test_what_are_no_counts_of_the_same_bins_is_refused(first: list[float], second: list[float]) -> None:
    with pytest.raises(ContractError, match="a distance"):
        population_stability_index(first, second)
