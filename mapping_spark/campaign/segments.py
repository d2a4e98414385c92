"""Does the effect differ between segments? Each segment's effect, drawn towards that of all as far as its own data is weak."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from mapping_spark.campaign.effects import SIGNIFICANCE, Effect


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A segment's effect after shrinkage."""

    difference: float
    ci_low: float
    ci_high: float
    weight: float
    """Weight of the segment's own data, 0 (only the common effect counts) to 1."""


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """How unlike the segments are."""

    variance: float
    """Between segments, of the true effects (Paule and Mandel 1982); 0 where the differences are what chance gives."""
    p_value: float
    """Cochran's Q test that all segments have one effect; NaN for fewer than two."""
    segments: Mapping[str, Shrunk]


def shrink(effects: Mapping[str, Effect], *, alpha: float = SIGNIFICANCE) -> Heterogeneity:
    """Empirical Bayes over segments of different users: effects are normal around a common one (Morris 1983).

    A segment's weight is tau^2 / (tau^2 + its variance); the interval also holds that the common effect is estimated. Segments
    without a standard error are left out. Segments must have been chosen before the data was seen.
    """
    known = {name: effect for name, effect in effects.items() if effect.standard_error > 0}
    if len(known) < 2:
        return Heterogeneity(0.0, math.nan, {n: Shrunk(e.difference, e.ci_low, e.ci_high, 1.0) for n, e in known.items()})
    differences = np.array([effect.difference for effect in known.values()])
    variances = np.array([effect.standard_error for effect in known.values()]) ** 2
    unit = float(variances.mean())  # the iteration's limits are absolute: money squared and shares squared alike
    pooled = combine_effects(differences / math.sqrt(unit), variances / unit, method_re="iterated")
    between = max(float(pooled.tau2), 0.0) * unit
    precision = 1 / (variances + between)
    common = float(precision @ differences / precision.sum())
    weights = between / (between + variances)
    centres = common + weights * (differences - common)
    halves = stats.norm.isf(alpha / 2) * np.sqrt(weights * variances + (1 - weights) ** 2 / precision.sum())
    parts = zip(known, centres, halves, weights, strict=True)
    shrunk = {name: Shrunk(float(c), float(c - h), float(c + h), float(w)) for name, c, h, w in parts}
    return Heterogeneity(between, float(stats.chi2.sf(pooled.q, len(known) - 1)), shrunk)
