"""Effects of experiments: as other libraries compute them, and what must hold whichever group is called the control."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest

from mapping_spark.campaign.effects import mean_effect, pooled_z, proportion_effect, sample_ratio_p_value
from mapping_spark.campaign.experiments import Columns, Experiment, grouped, groups_of
from mapping_spark.campaign.moments import SUMS, Moments, cuped, estimate

COUNTS = st.integers(2, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=50, deadline=None)
@given(COUNTS, COUNTS)
def test_shares_are_compared_as_by_statsmodels_and_mirrored_when_the_groups_are(new: tuple[int, int], control: tuple[int, int]) -> None:
    one, two = Moments.from_counts(*new), Moments.from_counts(*control)
    found, mirrored = proportion_effect(one, two), proportion_effect(two, one)
    if 0 < new[0] + control[0] < new[1] + control[1]:
        z, p_value = proportions_ztest([new[0], control[0]], [new[1], control[1]])
        assert (pooled_z(one, two), found.p_value) == pytest.approx((z, p_value), abs=1e-9)
    else:
        assert (pooled_z(one, two), found.p_value) == (0, 1)
    assert (mirrored.difference, mirrored.ci_low, mirrored.ci_high) == pytest.approx((-found.difference, -found.ci_high, -found.ci_low))
    assert mirrored.p_value == pytest.approx(found.p_value)
    assert found.ci_low - 1e-12 <= found.difference <= found.ci_high + 1e-12
    assert -1 <= found.ci_low <= found.ci_high <= 1  # a difference of shares


VALUES = st.lists(st.integers(0, 50), min_size=2, max_size=12)


@settings(max_examples=50, deadline=None)
@given(VALUES, VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_means_are_compared_as_by_scipy_at_any_level(new: list[int], control: list[int], alpha: float) -> None:
    one, two = (Moments.of(np.array(values, float)) for values in (new, control))
    found = mean_effect(estimate(one), estimate(two), alpha=alpha)
    assert found.difference == pytest.approx(np.mean(new) - np.mean(control))
    if len(set(new)) == 1 or len(set(control)) == 1:
        assert math.isnan(found.p_value)  # a group without spread says nothing of its error
        return
    theirs = stats.ttest_ind(new, control, equal_var=False)
    interval = theirs.confidence_interval(1 - alpha)
    assert (found.p_value, found.ci_low, found.ci_high) == pytest.approx((theirs.pvalue, interval.low, interval.high), abs=1e-9)
    if np.mean(control) > 0:
        assert found.relative == pytest.approx(np.mean(new) / np.mean(control) - 1)
        # Delta method: var(a / b) = (var a + (a / b)^2 var b) / b^2
        a, b, n, m = np.mean(new), np.mean(control), len(new), len(control)
        error = math.sqrt(np.var(new, ddof=1) / n + (a / b) ** 2 * np.var(control, ddof=1) / m) / b
        width = (interval.high - interval.low) / found.standard_error  # as many standard errors
        assert found.relative_high - found.relative_low == pytest.approx(width * error)


def test_a_lift_on_a_control_of_nothing_or_less_is_no_number() -> None:
    gain = estimate(Moments.of(np.array([1.0, 2, 3])))
    for control in ([0.0, 0, 0], [-1.0, 1, 0], [-2.0, -3, -4]):
        found = mean_effect(gain, estimate(Moments.of(np.array(control))))
        assert (math.isnan(found.relative), math.isnan(found.relative_low)) == (True, True)


@pytest.mark.parametrize(
    ("counts", "shares", "chi_square"),
    [
        ({"a": 60, "control": 40}, {"a": 0.5, "control": 0.5}, 10**2 / 50 * 2),
        ({"a": 60, "control": 40}, {"a": 3, "control": 2}, 0),  # shares of any whole
        ({"a": 30, "b": 30, "control": 30}, {"a": 1, "b": 1, "control": 2}, 2 * 7.5**2 / 22.5 + 15**2 / 45),
        ({"control": 40}, {"a": 0.5, "control": 0.5}, 20**2 / 20 * 2),  # a variant nobody came into
    ],
)
def test_users_per_variant_against_their_shares(counts: dict[str, int], shares: dict[str, float], chi_square: float) -> None:
    assert sample_ratio_p_value(counts, shares) == pytest.approx(stats.chi2.sf(chi_square, len(shares) - 1))


def test_a_single_share_or_no_users_are_no_test_and_users_without_a_share_fail_it() -> None:
    assert sample_ratio_p_value({"a": 5}, {"a": 1}) == 1
    assert sample_ratio_p_value({"a": 0, "control": 0}, {"a": 1, "control": 1}) == 1
    assert sample_ratio_p_value({"a": 5, "control": 5}, {"a": 1, "control": 0}) == 0
    assert sample_ratio_p_value({"a": 5, "b": 0}, {"a": 1}) == 1  # a variant without users needs no share


PAIRS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=3, max_size=10)


@settings(max_examples=50, deadline=None)
@given(PAIRS, PAIRS)
def test_the_adjustment_is_the_slope_of_a_regression_with_a_level_for_each_group(
    one: list[tuple[int, int]], two: list[tuple[int, int]]
) -> None:
    y, c = (np.array([pair[at] for pair in (*one, *two)], float) for at in (0, 1))
    is_two = np.arange(len(y)) >= len(one)
    groups = [Moments.of(y[of], covariate=c[of]) for of in (~is_two, is_two)]
    found = cuped(groups)
    within = c - np.where(is_two, c[is_two].mean(), c[~is_two].mean())
    if not within.any():
        assert (found.theta, found.variance_reduction) == (0, 0)
        return
    design = np.stack([c, ~is_two, is_two], axis=1).astype(float)
    slope, *levels = np.linalg.lstsq(design, y, rcond=None)[0]
    assert found.theta == pytest.approx(slope, abs=1e-9)
    adjusted = [found.estimate(group).value for group in groups]
    assert adjusted[1] - adjusted[0] == pytest.approx(levels[1] - levels[0], abs=1e-9)
    assert 0 <= found.variance_reduction <= 1


def test_a_segment_of_the_totals_name_does_not_count_twice() -> None:
    groups = {"control": Moments.from_counts(10, 100), "new": Moments.from_counts(20, 100)}
    rows = [
        {"metric": "m", "segment": segment, "variant": variant} | {name: getattr(group, name) for name in SUMS}
        for segment in ("all", "s")
        for variant, group in groups.items()
    ]
    assert grouped(rows)["m"]["all"]["new"] == Moments.from_counts(40, 200)
    users = pd.DataFrame({"user_id": list("abc"), "variant": ["new"] * 3, "segment": ["all", "s", None], "y": [1, 0, 1]})
    assert groups_of(users, {"m": Columns("y")})["m"]["all"]["new"] == Moments.from_counts(2, 3)


@pytest.mark.parametrize(
    ("facts", "n_users", "information"),
    [
        ({"looks": (0.5, 1.0), "is_running": True}, 300, [0.3]),
        ({"looks": (0.5, 1.0), "is_running": True}, 500, [0.5]),  # at the look itself
        ({"looks": (0.5, 1.0), "is_running": True}, 501, [0.5, 0.501]),
        ({"looks": (0.5, 1.0), "is_running": True}, 2_000, [0.5, 1]),  # more than were planned
        ({"looks": (0.5, 1.0)}, 300, [0.5, 1]),  # it has ended: all the information there will be
        ({"looks": (0.5, 1.0)}, 0, []),
        ({"is_running": True}, 300, []),
    ],
)
def test_how_much_of_the_information_was_there_at_each_look(facts: dict[str, object], n_users: int, information: list[float]) -> None:
    experiment = Experiment(metrics=(), planned_users=1_000, **facts)  # type: ignore[arg-type]
    assert experiment.information(n_users) == information
    assert experiment.is_sequential == bool(facts)
