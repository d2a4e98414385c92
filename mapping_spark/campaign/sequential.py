"""Looking at an experiment before its end without fooling oneself: always-valid p-values, or bounds for planned looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from scipy import integrate, optimize, special, stats

from mapping_spark.campaign.effects import SIGNIFICANCE
from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.metrics import Numbers

_LEVELS = (1e-6, 1e-4, 0.001, 0.01, 0.025, 0.1, 0.2, 0.5)
"""Levels between which p-values of planned looks are read; above the last they are 1, below the first they are the first."""
_GRID = 801
"""Points of the numerical integration; bounds of 20 looks are right to 0.001."""
_FARTHEST = 40.0
"""|z| beyond which doubles hold no probability: the bound of a look so early that nothing may be spent there."""


@dataclass(frozen=True, slots=True)
class AlwaysValid:
    """What may be read at any time, any number of times."""

    p_value: float
    low: float
    high: float


def always_valid(difference: float, standard_error: float, mixing_variance: float, *, alpha: float = SIGNIFICANCE) -> AlwaysValid:
    """p-value and interval of the mixture sequential probability ratio test (Robbins 1970; Johari, Pekelis and Walsh 2017).

    The likelihood ratio against no difference is averaged over effects from N(0, `mixing_variance`), in the metric's unit
    squared, which must not be chosen from the data it judges. Valid while users come in over time and what one user adds stays
    as it is; large samples. All NaN where the standard error is.
    """
    variance = standard_error**2
    if not variance > 0:
        return AlwaysValid(math.nan, math.nan, math.nan)
    both = variance + mixing_variance
    log_ratio = 0.5 * math.log(variance / both) + difference**2 * mixing_variance / (2 * variance * both)
    half = math.sqrt(2 * variance * both / mixing_variance * (math.log(1 / alpha) + 0.5 * math.log(both / variance)))
    return AlwaysValid(min(1.0, math.exp(-log_ratio)), difference - half, difference + half)


def planned_look(difference: float, standard_error: float, information: Sequence[float], *, alpha: float = SIGNIFICANCE) -> AlwaysValid:
    """p-value and interval of the latest of planned looks, `information` at each so far: valid at all of them together.

    The interval reaches as many standard errors as the bound at `alpha`; the p-value is the smallest level whose bound |z| reaches
    ("repeated", Jennison and Turnbull 1989), read between the levels of `_LEVELS` and never below what it would be exactly at
    `alpha`. All NaN where the standard error is.
    """
    if not standard_error > 0:
        return AlwaysValid(math.nan, math.nan, math.nan)
    z = abs(difference) / standard_error
    levels = tuple(sorted({*_LEVELS, alpha}))
    bounds = _last_bounds(tuple(information), levels)
    half = bounds[levels.index(alpha)] * standard_error
    # log p is nearly a straight line in the bound squared
    p_value = math.exp(float(np.interp(-(z**2), [-(bound**2) for bound in bounds], np.log(levels)))) if z > bounds[-1] else 1.0
    return AlwaysValid(p_value, difference - half, difference + half)


@cache
def _last_bounds(information: tuple[float, ...], levels: tuple[float, ...]) -> list[float]:
    """The bound of the last look at each level, ascending levels: descending bounds."""
    return [group_sequential_bounds(information, alpha=level)[-1] for level in levels]


def mixing_variance(planned_standard_error: float, *, alpha: float = SIGNIFICANCE) -> float:
    """The one whose interval is narrowest when the standard error has come down to what was planned (Howard et al. 2021, eq. 3.7)."""
    return -(float(special.lambertw(-(alpha**2) / math.e, -1).real) + 1) * planned_standard_error**2


def group_sequential_bounds(information: Sequence[float], *, alpha: float = SIGNIFICANCE) -> list[float]:
    """|z| at which each planned look may stop: Lan and DeMets (1983) with O'Brien and Fleming's spending, two-sided.

    `information` is the share of the final information (users) at each look, ascending to at most 1. Looks may be added or
    moved later: what was spent stays spent. For one look at 1 the bound is the usual one.
    """
    shares = np.asarray(information, float)
    if not len(shares) or shares[0] <= 0 or shares[-1] > 1 or (np.diff(shares) <= 0).any():
        raise ConfigError("looks", f"information {list(information)}", "ascending shares above 0 and up to 1", "Mend the plan.")
    spent = 2 * spent_by(shares, alpha / 2)
    bounds = [min(float(stats.norm.isf(spent[0] / 2)), _FARTHEST)]
    grid, density = _inside(bounds[0] * math.sqrt(shares[0]), partial(stats.norm.pdf, scale=math.sqrt(shares[0])))
    for before, now, to_spend in zip(shares, shares[1:], np.diff(spent), strict=False):
        step = math.sqrt(now - before)
        bound = _bound(grid, density, step, float(to_spend), math.sqrt(now))
        bounds.append(bound)
        grid, density = _inside(bound * math.sqrt(now), partial(_moved, grid=grid, density=density, step=step))
    return bounds


def spent_by(shares: Numbers, alpha: float) -> Numbers:
    """One-sided error spent when a share of the information is there: 2 - 2 Phi(z / sqrt(share)), z of alpha / 2."""
    spent: Numbers = 2 * stats.norm.sf(stats.norm.isf(alpha / 2) / np.sqrt(shares))
    return spent


def _inside(edge: float, density: Callable[[Numbers], Numbers]) -> tuple[Numbers, Numbers]:
    """Points between the bounds of a look, and the density there of the sums of experiments that go on."""
    grid = np.linspace(-edge, edge, _GRID)
    return grid, density(grid)


def _moved(at: Numbers, grid: Numbers, density: Numbers, step: float) -> Numbers:
    """The density after the next increment, N(0, step^2), of those that went on."""
    moved: Numbers = integrate.simpson(density * stats.norm.pdf(at[:, None], grid, step), x=grid, axis=1)
    return moved


def _bound(grid: Numbers, density: Numbers, step: float, to_spend: float, root: float) -> float:
    """|z| beyond which the next look rejects with the probability that may be spent there."""

    def over(bound: float) -> float:
        beyond = stats.norm.sf((bound * root - grid) / step) + stats.norm.cdf((-bound * root - grid) / step)
        return float(integrate.simpson(density * beyond, x=grid)) - to_spend

    return float(optimize.brentq(over, 0.5, _FARTHEST)) if over(_FARTHEST) < 0 else _FARTHEST
