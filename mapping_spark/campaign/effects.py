"""The effect of a variant against its control: difference and relative lift with intervals, from the estimates of the two groups."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from mapping_spark.campaign.moments import Estimate, Moments, estimate

SIGNIFICANCE = 0.05
"""Two-sided level of tests and of the intervals (95 %) that belong to them."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Variant minus control. NaN where the data says nothing."""

    difference: float
    standard_error: float
    ci_low: float
    ci_high: float
    p_value: float
    """Two-sided, of no difference."""
    relative: float
    """Difference as a share of the control's value; NaN where that is not positive."""
    relative_low: float
    relative_high: float


def mean_effect(treated: Estimate, control: Estimate, *, alpha: float = SIGNIFICANCE) -> Effect:
    """By Welch's t-test (1947), for means, ratios and adjusted estimates of two independent groups of users."""
    difference = treated.value - control.value
    error = math.hypot(treated.standard_error, control.standard_error)
    degrees = _welch_degrees(treated, control)
    half = stats.t.ppf(1 - alpha / 2, degrees) * error
    p_value = float(2 * stats.t.sf(abs(difference) / error, degrees)) if error > 0 else math.nan
    relative, relative_error = _relative(treated, control)
    half_relative = stats.t.ppf(1 - alpha / 2, degrees) * relative_error
    return Effect(
        difference,
        error,
        float(difference - half),
        float(difference + half),
        p_value,
        relative,
        float(relative - half_relative),
        float(relative + half_relative),
    )


def proportion_effect(treated: Moments, control: Moments, *, alpha: float = SIGNIFICANCE) -> Effect:
    """Of a share of users: the pooled two-proportion z-test, and Newcombe's hybrid score interval (1998, method 10).

    The interval is defined where nobody or everybody succeeded, too; the relative lift is by the delta method.
    """
    by_delta = mean_effect(estimate(treated), estimate(control), alpha=alpha)
    if not treated.n_users or not control.n_users:
        return by_delta
    low, high = confint_proportions_2indep(
        treated.numerator, treated.n_users, control.numerator, control.n_users, method="newcomb", alpha=alpha
    )
    z = pooled_z(treated, control)
    return Effect(
        by_delta.difference,
        by_delta.standard_error,
        float(low),
        float(high),
        float(2 * stats.norm.sf(abs(z))),
        by_delta.relative,
        by_delta.relative_low,
        by_delta.relative_high,
    )


def pooled_z(treated: Moments, control: Moments) -> float:
    """z of the two-proportion test with the pooled share: positive where the treated are above. 0 where all users are alike."""
    both = treated + control
    variance = both.value * (1 - both.value) * (1 / treated.n_users + 1 / control.n_users)
    return (treated.value - control.value) / math.sqrt(variance) if variance > 0 else 0.0


def _welch_degrees(treated: Estimate, control: Estimate) -> float:
    """Welch and Satterthwaite's degrees of freedom."""
    variances = np.array([treated.standard_error, control.standard_error]) ** 2
    sizes = np.array([treated.n_users, control.n_users], float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(variances.sum() ** 2 / (variances**2 / (sizes - 1)).sum())


def _relative(treated: Estimate, control: Estimate) -> tuple[float, float]:
    """Relative lift and its standard error by the delta method."""
    if not control.value > 0:
        return math.nan, math.nan
    ratio = treated.value / control.value
    return ratio - 1, math.hypot(treated.standard_error, ratio * control.standard_error) / control.value


def sample_ratio_p_value(counts: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """Pearson's chi-square test of users per variant against the shares they were assigned by; 0 where a share of 0 has users.

    A small one says that assignment or logging is broken, and that no other number of the experiment can be trusted (Fabijan
    et al. 2019). 1 where there are no users, or only one variant has a share.
    """
    planned = {name: share for name, share in shares.items() if share > 0}
    if any(n for name, n in counts.items() if name not in planned):
        return 0.0
    n_users, whole = sum(counts.values()), sum(planned.values())
    if not n_users or len(planned) < 2:
        return 1.0
    observed = [counts.get(name, 0) for name in planned]
    return float(stats.chisquare(observed, [n_users * share / whole for share in planned.values()]).pvalue)
