"""Effects against published tests, planted truths, and data that says nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mapping_spark.campaign.comparisons import false_discovery, family_wise
from mapping_spark.campaign.effects import mean_effect, pooled_z, proportion_effect, sample_ratio_p_value
from mapping_spark.campaign.moments import Moments, cuped, estimate
from mapping_spark.campaign.power import plan_from
from mapping_spark.campaign.sequential import always_valid, group_sequential_bounds, mixing_variance
from mapping_spark.errors import ConfigError


def test_means_are_compared_as_welch_does() -> None:
    rng = np.random.default_rng(7)
    one, two = rng.normal(1, 2, 30), rng.normal(0, 1, 12)
    found = mean_effect(estimate(Moments.of(one)), estimate(Moments.of(two)))
    theirs = stats.ttest_ind(one, two, equal_var=False)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(theirs.confidence_interval()))


def test_proportions_are_compared_with_the_pooled_share() -> None:
    # 56 of 70 against 48 of 80: Newcombe (1998), table II, example (a): method 10 gives 0.0524 to 0.3339.
    treated, control = Moments.from_counts(56, 70), Moments.from_counts(48, 80)
    found = proportion_effect(treated, control)
    assert (found.ci_low, found.ci_high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    share = 104 / 150
    assert pooled_z(treated, control) == pytest.approx(0.2 / math.sqrt(share * (1 - share) * (1 / 70 + 1 / 80)))


def test_relative_lift_is_the_ratio_less_one() -> None:
    found = proportion_effect(Moments.from_counts(30, 100), Moments.from_counts(20, 100))
    assert found.relative == pytest.approx(0.5)
    assert found.relative_low < 0.5 < found.relative_high
    nobody = proportion_effect(Moments.from_counts(3, 100), Moments.from_counts(0, 100))
    assert math.isnan(nobody.relative)
    assert nobody.ci_low < 0.03 < nobody.ci_high


def test_nobody_in_a_group_says_nothing() -> None:
    found = proportion_effect(Moments.from_counts(0, 0), Moments.from_counts(2, 10))
    assert all(math.isnan(number) for number in (found.difference, found.ci_low, found.p_value))


def test_intervals_hold_the_truth_in_19_of_20_planted_experiments() -> None:
    rng = np.random.default_rng(7)
    held = {"mean": 0, "proportion": 0, "ratio": 0}
    n_runs, n_users = 400, 150
    for _ in range(n_runs):
        before = rng.gamma(2, 5, (2, n_users))
        spent = before + rng.normal(0, 4, (2, n_users)) + [[1.0], [0.0]]
        groups = [Moments.of(y, covariate=c) for y, c in zip(spent, before, strict=True)]
        adjustment = cuped(groups)
        converted = rng.binomial(n_users, [0.3, 0.2])
        shown = rng.poisson(5, (2, n_users)) + 1
        clicks = rng.binomial(shown, [[0.4], [0.3]])
        ratios = [estimate(Moments.of(y.astype(float), d.astype(float))) for y, d in zip(clicks, shown, strict=True)]
        effects = {
            "mean": (mean_effect(*map(adjustment.estimate, groups)), 1.0),
            "proportion": (proportion_effect(*(Moments.from_counts(int(n), n_users) for n in converted)), 0.1),
            "ratio": (mean_effect(*ratios), 0.1),
        }
        for kind, (effect, truth) in effects.items():
            held[kind] += effect.ci_low <= truth <= effect.ci_high
    sigma = math.sqrt(0.95 * 0.05 / n_runs)
    assert all(n / n_runs == pytest.approx(0.95, abs=3 * sigma) for n in held.values()), held


def test_the_sample_ratio_finds_a_percent_in_a_hundred_thousand() -> None:
    fair = {"a": 0.5, "control": 0.5}
    assert sample_ratio_p_value({"a": 50_100, "control": 49_900}, fair) > 0.05
    assert sample_ratio_p_value({"a": 51_000, "control": 49_000}, fair) < 1e-6
    assert sample_ratio_p_value({"a": 10, "b": 1, "control": 10}, fair) == 0  # nobody was assigned b
    assert sample_ratio_p_value({"a": 2, "control": 1}, {"a": 2, "control": 1}) == pytest.approx(1)
    assert sample_ratio_p_value({}, fair) == 1


def test_planned_looks_have_the_published_bounds() -> None:
    assert group_sequential_bounds([1]) == pytest.approx([1.95996], abs=1e-4)
    # Lan and DeMets' O'Brien-Fleming spending, as tables of five equal looks have it.
    assert group_sequential_bounds([0.2, 0.4, 0.6, 0.8, 1]) == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-3)
    with pytest.raises(ConfigError, match="ascending"):
        group_sequential_bounds([0.5, 0.5])


def test_an_always_valid_p_value_is_below_its_level_where_its_interval_excludes_0() -> None:
    mixing = mixing_variance(1.0)
    edge = -always_valid(0.0, 1.0, mixing).low
    found = always_valid(edge, 1.0, mixing)
    assert found.p_value == pytest.approx(0.05)
    assert found.low == pytest.approx(0, abs=1e-12)
    assert math.isnan(always_valid(1.0, math.nan, mixing).p_value)


def test_ten_peeks_rarely_find_what_is_not_there() -> None:
    rng = np.random.default_rng(7)
    n_runs, looks = 2_000, np.arange(1, 11)
    sums = rng.normal(0, 1, (n_runs, 10)).cumsum(axis=1)
    z, errors = sums / np.sqrt(looks), 1 / np.sqrt(looks)
    mixing = mixing_variance(float(errors[-1]))
    peeked = [any(always_valid(d, e, mixing).p_value < 0.05 for d, e in zip(row * errors, errors, strict=True)) for row in z]
    planned = (np.abs(z) > group_sequential_bounds(list(looks / 10))).any(axis=1)
    sigma = math.sqrt(0.05 * 0.95 / n_runs)
    assert (np.abs(z) > 1.96).any(axis=1).mean() > 0.15  # what peeking does without either
    assert np.mean(peeked) <= 0.05
    assert planned.mean() == pytest.approx(0.05, abs=3 * sigma)


def test_corrections_leave_out_what_was_no_test() -> None:
    assert family_wise([0.01, math.nan, 0.04])[::2] == pytest.approx([0.02, 0.04])
    assert false_discovery([0.01, math.nan, 0.04, 0.03])[::2] == pytest.approx([0.03, 0.04])
    assert family_wise([]) == false_discovery([]) == []


def test_a_plan_finds_what_it_was_made_for() -> None:
    plan = plan_from(Moments.from_counts(1_200, 10_000))
    n_users = plan.users(0.01)
    z = 1.959964 + 0.841621
    assert n_users == pytest.approx(4 * z**2 * 0.12 * 0.88 / 0.01**2, rel=1e-3)  # n = 4 (z_a + z_b)^2 variance / effect^2
    assert plan.smallest_effect(n_users) == pytest.approx(0.01, rel=1e-3)
    assert plan.days(0.01, [n_users // 4] * 5) == 5
    assert plan.days(0.01, [n_users], share=1.0) == 1
    with pytest.raises(ConfigError, match="users in 2 days"):
        plan.days(0.01, [10, 10])
    with pytest.raises(ConfigError, match="other than 0"):
        plan.users(0.0)
