"""How probable it is that a variant is the best, and what choosing it may cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import integrate, special, stats

from mapping_spark.campaign.moments import Estimate, Moments
from mapping_spark.evaluation.metrics import Numbers

_GRID = 4_001
"""Points of the numerical integration: probabilities are right to 10^-4."""
_TAIL_LOGIT = 20.0
"""Logit of the probability beyond each end of the grid: 2 x 10^-9."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What the posterior says of one group among all."""

    probability_best: float
    expected_loss: float
    """By how much the best group is expected to lie above this one, in the metric's unit."""


def proportion_posterior(group: Moments) -> Any:
    """Beta(1 + successes, 1 + failures): the posterior of a share of users from a uniform prior."""
    return stats.beta(1 + group.numerator, 1 + group.denominator - group.numerator)


def mean_posterior(estimate: Estimate) -> Any | None:
    """Normal around the estimate: the posterior of a mean from a flat prior, for large samples. None without a standard error."""
    return stats.norm(estimate.value, estimate.standard_error) if estimate.standard_error > 0 else None


def beliefs(posteriors: Mapping[str, Any], *, higher_is_better: bool = True) -> dict[str, Belief]:
    """Of each group, by integration over the posteriors (frozen distributions of scipy.stats): no draws, no seed.

    P(best) is the integral of f_i times the product of the others' F_j. The expected loss is E[max] less E[group] (of the
    negated metric where lower is better). Probabilities sum to 1.
    """
    grid = _grid(list(posteriors.values()), higher_is_better)
    sign = 1 if higher_is_better else -1
    below_GN = np.array([p.cdf(grid) if higher_is_better else p.sf(-grid) for p in posteriors.values()])
    expected_best = grid[-1] - float(integrate.trapezoid(below_GN.prod(axis=0), grid))
    chances = [_chance_of_best(below_GN, at) for at in range(len(below_GN))]
    return {
        name: Belief(chance / sum(chances), max(expected_best - sign * float(posterior.mean()), 0.0))
        for (name, posterior), chance in zip(posteriors.items(), chances, strict=True)
    }


def _grid(posteriors: Sequence[Any], higher_is_better: bool) -> Numbers:
    """Points at quantiles of every posterior, where the mass is, however unlike the widths are."""
    levels = special.expit(np.linspace(-_TAIL_LOGIT, _TAIL_LOGIT, _GRID))
    points = np.unique(np.concatenate([posterior.ppf(levels) for posterior in posteriors]))
    ascending: Numbers = points if higher_is_better else -points[::-1]
    return ascending


def _chance_of_best(below_GN: Numbers, at: int) -> float:
    others = np.delete(below_GN, at, axis=0).prod(axis=0)
    middle = (others[1:] + others[:-1]) / 2
    return float(middle @ np.diff(below_GN[at]))


NOTHING = Belief(math.nan, math.nan)
"""Where a posterior is missing."""
