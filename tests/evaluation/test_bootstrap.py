"""The Poisson bootstrap: its weights, its intervals against numpy, paired differences and their correction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mapping_spark.evaluation.bootstrap import holm, interval, paired_difference, poisson_weights
from mapping_spark.evaluation.metrics import Numbers


def means(values: list[float], n_replicates: int = 200, seed: int = 7) -> Numbers:
    weights = poisson_weights(seed, np.arange(len(values)), n_replicates)
    drawn: Numbers = np.array(values) @ weights / weights.sum(axis=0)
    return drawn


def test_weights_are_poisson_1_and_independent() -> None:
    drawn = poisson_weights(7, np.arange(20_000), 5)[:, 1:]
    sigma = 1 / math.sqrt(20_000)  # of the mean of a variable with variance 1
    for at in range(5):
        assert drawn[:, at].mean() == pytest.approx(1, abs=4 * sigma)
        assert drawn[:, at].var() == pytest.approx(1, abs=4 * math.sqrt(3) * sigma)  # the fourth central moment of Poisson(1) is 4
        for n in range(4):
            assert (drawn[:, at] == n).mean() == pytest.approx(math.exp(-1) / math.factorial(n), abs=4 * sigma)
        for other in range(at):
            assert np.corrcoef(drawn[:, at], drawn[:, other])[0, 1] == pytest.approx(0, abs=4 * sigma)
        assert np.corrcoef(drawn[:-1, at], drawn[1:, at])[0, 1] == pytest.approx(0, abs=4 * sigma)


def test_a_weight_hangs_on_seed_user_and_replicate_alone() -> None:
    whole = poisson_weights(7, np.arange(50), 10)
    assert np.array_equal(whole[20:30, :4], poisson_weights(7, np.arange(20, 30), 3))
    assert np.array_equal(whole[:, 0], np.ones(50))
    assert not np.array_equal(whole, poisson_weights(8, np.arange(50), 10))


def test_the_interval_holds_the_mean_and_shrinks_with_the_root_of_the_users() -> None:
    scores = np.random.default_rng(5).random(6_400)
    for n_users in (400, 6_400):
        found = means(scores[:n_users].tolist(), n_replicates=400)
        low, high = interval(found)
        assert low < found[0] < high
        assert high - low == pytest.approx(2 * 1.96 * math.sqrt(1 / 12) / math.sqrt(n_users), rel=0.2)  # normal, of a uniform variable


def test_the_ends_are_percentiles_of_the_replicates() -> None:
    assert interval(np.array([0.5, *range(41)])) == (1, 39)
    assert interval(np.array([0.5, 1, math.nan, 1])) == (1, 1)
    assert np.isnan(interval(np.array([0.5]))).all()


def test_two_equal_runs_differ_by_exactly_0() -> None:
    same = means(np.random.default_rng(1).random(100).tolist())
    found = paired_difference(same, same)
    assert (found.delta, found.ci_low, found.ci_high, found.p_value) == (0, 0, 0, 1)


def test_a_paired_difference_is_narrower_than_the_means_and_has_a_sign() -> None:
    scores = np.random.default_rng(1).random(100)
    found = paired_difference(means((scores + 0.125).tolist()), means(scores.tolist()))
    assert (found.delta, found.ci_low, found.ci_high) == pytest.approx((0.125, 0.125, 0.125))
    assert found.p_value == pytest.approx(0, abs=1e-12)
    assert paired_difference(means(scores.tolist()), means((scores + 0.125).tolist())).delta == pytest.approx(-0.125)


def test_the_p_value_is_that_of_a_normal_with_the_spread_of_the_replicates() -> None:
    replicates = np.array([1.96, *np.tile([-1.0, 1.0], 5_000)])
    assert paired_difference(replicates, np.zeros_like(replicates)).p_value == pytest.approx(0.05, abs=1e-4)


def test_holm_multiplies_the_smallest_most() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([]) == []
