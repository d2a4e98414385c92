"""Sums of a group say what its users would have said: means, ratios, their errors, and the adjustment by a covariate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mapping_spark.campaign.moments import Moments, cuped, estimate, total


def test_a_mean_and_its_error_are_those_of_the_users() -> None:
    spent = np.array([1.0, 2.0, 6.0])
    found = estimate(Moments.of(spent))
    assert (found.value, found.n_users) == (3.0, 3)
    assert found.standard_error == pytest.approx(math.sqrt((4 + 1 + 9) / 2 / 3))


def test_a_proportion_needs_two_counts() -> None:
    assert Moments.from_counts(1, 4) == Moments.of(np.array([1.0, 0, 0, 0]))


def test_a_ratio_has_the_error_of_its_linearisation() -> None:
    clicks, shown = np.array([1.0, 0, 3, 1]), np.array([2.0, 3, 4, 1])
    ratio = 5 / 10
    residual = (clicks - ratio * shown) / shown.mean()
    found = estimate(Moments.of(clicks, shown))
    assert found.value == ratio
    assert found.standard_error == pytest.approx(residual.std(ddof=1) / math.sqrt(4))


def test_parts_add_up_to_the_whole() -> None:
    rng = np.random.default_rng(7)
    y, d, c = rng.integers(0, 9, (3, 50)).astype(float)
    assert total([Moments.of(y[:20], d[:20], c[:20]), Moments.of(y[20:], d[20:], c[20:])]) == Moments.of(y, d, c)


@pytest.mark.parametrize("users", [[], [3.0], [3.0, 3.0, 3.0], [0.1] * 7])
def test_without_spread_there_is_no_error(users: list[float]) -> None:
    assert math.isnan(Moments.of(np.array(users)).standard_error())


def test_a_ratio_without_a_denominator_is_no_number() -> None:
    assert math.isnan(Moments.of(np.array([1.0, 2]), np.zeros(2)).value)
    assert math.isnan(Moments.of(np.array([1.0, 2]), np.zeros(2)).standard_error())


def test_cuped_takes_away_what_the_covariate_explains() -> None:
    rng = np.random.default_rng(7)
    before = rng.normal(10, 3, 4_000)
    spent = 2 * before + rng.normal(0, 1, 4_000)
    groups = [Moments.of(spent[:2_000], covariate=before[:2_000]), Moments.of(spent[2_000:], covariate=before[2_000:])]
    adjustment = cuped(groups)
    assert adjustment.theta == pytest.approx(2, abs=0.02)
    assert adjustment.variance_reduction == pytest.approx(36 / 37, abs=0.003)  # var(2 x) = 36, of 36 + 1
    by_hand = groups[0].value - adjustment.theta * (before[:2_000].mean() - before.mean())
    assert adjustment.estimate(groups[0]).value == pytest.approx(by_hand)
    residual = spent[:2_000] - adjustment.theta * before[:2_000]
    assert adjustment.estimate(groups[0]).standard_error == pytest.approx(residual.std(ddof=1) / math.sqrt(2_000))


def test_a_covariate_that_does_not_vary_adjusts_nothing() -> None:
    group = Moments.of(np.array([1.0, 2, 3]), covariate=np.full(3, 0.1))
    assert cuped([group]).estimate(group) == estimate(group)
    assert cuped([]).theta == 0
