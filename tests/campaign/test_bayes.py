"""Beliefs against closed forms: shares by exact sums, means by the normal distribution of their difference."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mapping_spark.campaign.bayes import beliefs, mean_posterior, proportion_posterior
from mapping_spark.campaign.moments import Estimate, Moments


def log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def chance_above(one: tuple[int, int], two: tuple[int, int]) -> float:
    """P(Beta(*two) > Beta(*one)) for whole numbers: a sum over the first parameter of `two` (Cook 2005)."""
    (a, b), (c, d) = one, two
    return sum(math.exp(log_beta(a + i, b + d) - math.log(d + i) - log_beta(1 + i, d) - log_beta(a, b)) for i in range(c))


GROUP = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=25, deadline=None)
@given(GROUP, GROUP)
def test_of_two_shares_the_better_is_as_probable_as_an_exact_sum_says(control: tuple[int, int], new: tuple[int, int]) -> None:
    posteriors = {name: proportion_posterior(Moments.from_counts(*counts)) for name, counts in (("control", control), ("new", new))}
    exact = chance_above(*((1 + k, 1 + n - k) for k, n in (control, new)))
    found = beliefs(posteriors)
    assert found["new"].probability_best == pytest.approx(exact, abs=2e-4)
    assert found["control"].probability_best == pytest.approx(1 - exact, abs=2e-4)
    # E[max] less one mean is the other's loss plus the difference of the means, (k + 1) / (n + 2) each
    means = [(k + 1) / (n + 2) for k, n in (control, new)]
    assert found["control"].expected_loss - found["new"].expected_loss == pytest.approx(means[1] - means[0], abs=1e-6)
    assert min(belief.expected_loss for belief in found.values()) >= 0


@settings(max_examples=25, deadline=None)
@given(st.floats(-3, 3), st.floats(0.1, 3), st.floats(-3, 3), st.floats(0.1, 3))
def test_of_two_means_beliefs_are_those_of_their_difference(one: float, error: float, two: float, other: float) -> None:
    posteriors = {"a": mean_posterior(Estimate(one, error, 9)), "b": mean_posterior(Estimate(two, other, 9))}
    spread = math.hypot(error, other)
    ahead = (one - two) / spread
    found = beliefs(posteriors)
    assert found["a"].probability_best == pytest.approx(stats.norm.cdf(ahead), abs=2e-4)
    # Clark (1961): E[max] = one Phi(ahead) + two Phi(-ahead) + spread phi(ahead)
    largest = one * stats.norm.cdf(ahead) + two * stats.norm.cdf(-ahead) + spread * stats.norm.pdf(ahead)
    assert found["a"].expected_loss == pytest.approx(largest - one, abs=1e-3)
    assert found["b"].expected_loss == pytest.approx(largest - two, abs=1e-3)
    # The smallest of the two: E[min] = one + two - E[max]
    lower = beliefs(posteriors, higher_is_better=False)
    assert lower["a"].probability_best == pytest.approx(found["b"].probability_best, abs=2e-4)
    assert lower["a"].expected_loss == pytest.approx(largest - two, abs=1e-3)


def test_three_alike_are_the_best_in_a_third_of_cases() -> None:
    found = beliefs({name: stats.norm(10, 2) for name in "abc"})
    for belief in found.values():
        assert belief.probability_best == pytest.approx(1 / 3, abs=1e-4)
        assert belief.expected_loss == pytest.approx(2 * 3 / (2 * math.sqrt(math.pi)), abs=1e-3)  # of three standard normals


def test_the_narrow_and_the_wide_are_both_seen() -> None:
    found = beliefs({"narrow": stats.norm(0, 1e-6), "wide": stats.norm(0, 1_000)})
    assert found["narrow"].probability_best == pytest.approx(0.5, abs=1e-3)
    assert found["narrow"].expected_loss == pytest.approx(1_000 / math.sqrt(2 * math.pi), rel=1e-2)
    far = beliefs({"a": stats.norm(0, 1e-3), "b": stats.norm(1e6, 1e-3)})
    assert far["b"].probability_best == pytest.approx(1)
    assert far["b"].expected_loss == pytest.approx(0, abs=1e-3)
    assert far["a"].expected_loss == pytest.approx(1e6)


def test_posteriors_of_nothing_are_the_prior_or_none() -> None:
    assert proportion_posterior(Moments.from_counts(0, 0)).mean() == 1 / 2
    assert proportion_posterior(Moments.from_counts(3, 4)).mean() == pytest.approx(4 / 6)
    assert mean_posterior(Estimate(1.0, math.nan, 1)) is None
    assert mean_posterior(Estimate(1.0, 0.0, 5)) is None
