"""How sure a mean over users is: Poisson bootstrap, in the pass that computes the metrics.

Each replicate gives each user a weight from Poisson(1), which for many users is the multinomial of drawing users with
replacement (Hanley and MacGibbon 2006; Chamandy et al. 2012, "Estimating uncertainty for massive data streams"). The weight is
a hash of (seed, user, replicate): the same in every run, on every partitioning and for every model. So the difference of two
models' replicates is the replicate of their paired difference, and only sums per replicate leave a partition.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapping_spark.evaluation.metrics import Numbers

INTERVAL = (2.5, 97.5)
"""Percentiles of the replicates' means that bound the 95 % percentile interval (Efron 1979)."""

_DRAWS_PER_WORD = 4
_LEVELS = 2**16


def _weights_by_level() -> NDArray[np.uint8]:
    """Poisson(1) by its inverse distribution function on 16 bits: each probability is right to 2^-16."""
    at_most = itertools.accumulate(math.exp(-1) / math.factorial(drawn) for drawn in range(12))
    return np.searchsorted([round(probability * _LEVELS) for probability in at_most], np.arange(_LEVELS), side="right").astype(np.uint8)


_WEIGHTS = _weights_by_level()


def poisson_weights(seed: int, users_U: NDArray[np.int64], n_replicates: int) -> Numbers:
    """How often each replicate draws each user: (U, 1 + n_replicates). Column 0 is all 1: its mean is the plain one."""
    words = np.arange(-(-n_replicates // _DRAWS_PER_WORD), dtype=np.uint64)
    with np.errstate(over="ignore"):
        drawn = _mixed(_mixed(users_U.astype(np.uint64) ^ _mixed(np.uint64(seed)))[:, None] + words)
    levels = np.ascontiguousarray(drawn).view(np.uint16)[:, :n_replicates]
    return np.concatenate([np.ones((len(users_U), 1)), _WEIGHTS[levels]], axis=1)


def _mixed(words: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea and Flood 2014): every bit of the result hangs on every bit of the word."""
    with np.errstate(over="ignore"):
        mixed = words + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def interval(means: Numbers) -> tuple[float, float]:
    """The 95 % interval of replicates' means (1 + R,), of which the first is the plain one.

    A replicate that drew no counting user is NaN and left out; both ends are NaN where no replicate is left.
    """
    drawn = means[1:][~np.isnan(means[1:])]
    low, high = np.percentile(drawn, INTERVAL) if len(drawn) else (math.nan, math.nan)
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus other on the same users."""

    delta: float
    ci_low: float
    ci_high: float
    p_value: float
    """Two-sided, of a normal distribution with the replicates' standard deviation: counting replicates could not tell p-values
    below 1 / R, and a correction over many comparisons needs these."""


def paired_difference(candidate: Numbers, other: Numbers) -> Difference:
    """From the replicates' means (1 + R,) of two runs on the same users, with one seed. Two equal runs: 0, [0, 0], p = 1."""
    means = candidate - other
    drawn = means[1:][~np.isnan(means[1:])]
    spread = float(drawn.std(ddof=1)) if len(drawn) > 1 else math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.float64(means[0]) / spread  # no spread: infinite, or no number where the difference is 0
    p_value = 1.0 if np.isnan(z) else math.erfc(abs(float(z)) / math.sqrt(2))
    return Difference(float(means[0]), *interval(means), p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the given order: at most the level where the family-wise error of all is (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for place, at in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[at]))
        adjusted[at] = largest
    return adjusted
