"""Bounds and always-valid intervals against published tables, the normal distribution of several looks, and their own definition."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from mapping_spark.campaign.experiments import Experiment, Metric, grouped, read_experiment
from mapping_spark.campaign.moments import SUMS, Moments
from mapping_spark.campaign.sequential import always_valid, group_sequential_bounds, mixing_variance, planned_look, spent_by
from mapping_spark.errors import ConfigError


@pytest.mark.parametrize(
    "published",
    [  # Lan and DeMets' O'Brien-Fleming spending, two-sided 5 %, looks equally far apart
        [2.9626, 1.9686],
        [3.7103, 2.5114, 1.9930],
        [4.3326, 2.9631, 2.3590, 2.0141],
    ],
)
def test_bounds_of_equal_looks_are_the_published_ones(published: list[float]) -> None:
    looks = [(at + 1) / len(published) for at in range(len(published))]
    assert group_sequential_bounds(looks) == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("information", [[0.5, 1], [0.3, 0.8, 1], [0.4, 0.5]])
def test_without_an_effect_any_bound_is_passed_as_often_as_was_spent(information: list[float], alpha: float) -> None:
    bounds = np.array(group_sequential_bounds(information, alpha=alpha))
    # z at two looks correlate as the root of the ratio of their information
    covariance = [[math.sqrt(min(one, two) / max(one, two)) for two in information] for one in information]
    inside = stats.multivariate_normal.cdf(bounds, cov=covariance, lower_limit=-bounds, rng=np.random.default_rng(7))
    spent = 2 * (2 - 2 * stats.norm.cdf(stats.norm.isf(alpha / 4) / math.sqrt(information[-1])))
    assert 1 - inside == pytest.approx(spent, rel=2e-3, abs=2e-5)


def test_all_is_spent_at_the_end_and_little_before() -> None:
    assert spent_by(np.array([1.0]), 0.05)[0] == pytest.approx(0.05)
    assert spent_by(np.array([0.25]), 0.05)[0] == pytest.approx(2 * stats.norm.sf(2 * 1.959964), rel=1e-5)
    assert (np.diff(spent_by(np.linspace(0.01, 1, 50), 0.05)) > 0).all()


@pytest.mark.parametrize("information", [[], [0, 1], [0.5, 0.5, 1], [0.6, 0.4], [0.5, 1.1], [-0.1, 1]])
def test_looks_that_do_not_ascend_to_1_are_refused(information: list[float]) -> None:
    with pytest.raises(ConfigError, match=r"looks: information .*; expected ascending shares above 0 and up to 1\. Mend the plan"):
        group_sequential_bounds(information)


@pytest.mark.parametrize("information", [[0.05, 0.06], [0.01, 0.02], [0.001, 0.002, 1]])
def test_very_early_looks_stop_nothing_and_spend_nothing(information: list[float]) -> None:
    bounds = group_sequential_bounds(information)
    assert bounds[0] > 9
    if information[-1] == 1:
        assert bounds[-1] == pytest.approx(1.96, abs=0.01)
    found = planned_look(3.0, 1.0, information)
    assert found.p_value == pytest.approx(1 if information[-1] < 1 else 0.0027, rel=0.05)
    assert found.low < 0 or information[-1] == 1


def test_a_running_experiment_is_read_soon_after_its_first_look() -> None:
    # 600 of 10,000 users, a look planned at 500
    groups = {"control": Moments.from_counts(30, 300), "new": Moments.from_counts(40, 300)}
    rows = [
        {"metric": "conversion", "segment": "s", "variant": variant} | {name: getattr(group, name) for name in SUMS}
        for variant, group in groups.items()
    ]
    metric = Metric(name="conversion", kind="proportion", role="primary")
    experiment = Experiment(metrics=(metric,), looks=(0.05, 1.0), planned_users=10_000, is_running=True)
    assert {row["verdict"] for row in read_experiment(experiment, grouped(rows))} == {"no_difference_shown"}


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([(0.5,), (0.5, 1.0)]), st.floats(-6, 6), st.just(0.05))
def test_a_planned_look_shows_a_difference_where_its_bound_is_passed(information: Sequence[float], z: float, alpha: float) -> None:
    bound = group_sequential_bounds(information, alpha=alpha)[-1]
    found = planned_look(2 * z, 2.0, information, alpha=alpha)
    assert (found.low, found.high) == pytest.approx((2 * (z - bound), 2 * (z + bound)), abs=1e-6)
    if abs(abs(z) - bound) > 1e-6:
        assert (found.p_value < alpha) == (abs(z) > bound) == (not found.low <= 0 <= found.high)
    assert 0 < found.p_value <= 1


def test_a_single_look_at_the_end_is_the_usual_test() -> None:
    for z in (1.5, 1.96, 2.5, 3.5):
        assert planned_look(z, 1.0, [1.0]).p_value == pytest.approx(2 * stats.norm.sf(z), rel=0.03)  # read between levels
    assert math.isnan(planned_look(1.0, math.nan, [1.0]).p_value)
    assert math.isnan(planned_look(1.0, 0.0, [1.0]).low)


@settings(max_examples=8, deadline=None)
@given(st.floats(-5, 5), st.floats(0.5, 3), st.floats(0.1, 3))
def test_the_always_valid_p_value_is_1_over_the_averaged_likelihood_ratio(difference: float, error: float, spread: float) -> None:
    def weighed(effect: float) -> float:
        ratio = stats.norm.logpdf(difference, effect, error) - stats.norm.logpdf(difference, 0, error)
        return math.exp(ratio) * float(stats.norm.pdf(effect, 0, spread))

    averaged = integrate.quad(weighed, -40, 40, points=[0, difference], limit=200)[0]
    found = always_valid(difference, error, spread**2)
    assert found.p_value == pytest.approx(min(1, 1 / averaged), rel=1e-4)
    # shown where 0 lies outside, at this level and another
    for alpha in (0.05, 0.3):
        at = always_valid(difference, error, spread**2, alpha=alpha)
        assert (at.p_value < alpha) == (not at.low <= 0 <= at.high) or abs(at.p_value - alpha) < 1e-9
        assert at.low + at.high == pytest.approx(2 * difference)


def test_the_mixing_variance_is_narrowest_at_what_was_planned() -> None:
    for planned, alpha in ((1.0, 0.05), (0.02, 0.05), (1.0, 0.2)):
        best = mixing_variance(planned, alpha=alpha)
        widths = {factor: always_valid(0.0, planned, factor * best, alpha=alpha).high for factor in (0.8, 0.95, 1, 1.05, 1.25)}
        assert min(widths, key=widths.__getitem__) == 1
    assert mixing_variance(3.0) == pytest.approx(9 * mixing_variance(1.0))
