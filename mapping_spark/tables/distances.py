"""How far two binned distributions lie apart. Counts in, one number out; loads no pyspark.

Each takes the counts of the same bins in a reference and in a later sample: arrays of equal length B, not negative.
Spark counts the bins; what is compared here is a few hundred numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mapping_spark.errors import ContractError

PRIOR = 0.5
"""Counts added to every bin before a logarithm is taken: the Jeffreys prior of a multinomial distribution."""

MIN_EXPECTED = 5.0
"""Expected count below which the chi-square approximation is not trusted (Cochran 1954)."""


def population_stability_index(reference: ArrayLike, later: ArrayLike) -> float:
    """PSI = sum over bins of (q - p) * ln(q / p), from 0 on without an upper bound.

    p and q are the shares of reference and later sample, smoothed: (n + 1/2) / (N + B / 2). It is the symmetric
    divergence of Jeffreys (1946); the customary reading is stable below 0.1, moved below 0.25, and shifted from there
    on (Siddiqi 2006, "Credit Risk Scorecards"). Samples of one distribution give about (B - 1) * (1 / N + 1 / M), so
    that small samples in many bins seem to drift (Yurdakul 2018).
    """
    reference_B, later_B = _counts(reference, later)
    p_B, q_B = _smoothed(reference_B), _smoothed(later_B)
    return float(np.sum((q_B - p_B) * np.log(q_B / p_B)))


def jensen_shannon_divergence(reference: ArrayLike, later: ArrayLike) -> float:
    """JSD = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2 and logarithms to base 2, in [0, 1] (Lin 1991).

    Nothing is smoothed: an empty bin adds 0. 1 means that the two share no bin.
    """
    reference_B, later_B = _counts(reference, later)
    p_B, q_B = reference_B / reference_B.sum(), later_B / later_B.sum()
    middle_B = (p_B + q_B) / 2
    return min(1.0, max(0.0, (_relative_entropy(p_B, middle_B) + _relative_entropy(q_B, middle_B)) / 2))


def jensen_shannon_distance(reference: ArrayLike, later: ArrayLike) -> float:
    """The square root of the divergence, in [0, 1]: a metric (Endres and Schindelin 2003)."""
    return math.sqrt(jensen_shannon_divergence(reference, later))


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A test that two samples come from one distribution: statistic, degrees of freedom, p-value in [0, 1]."""

    statistic: float
    freedom: int
    p_value: float


def chi_square(reference: ArrayLike, later: ArrayLike, min_expected: float = MIN_EXPECTED) -> ChiSquare:
    """Pearson's test of homogeneity: sum over both samples and all bins of (observed - expected)^2 / expected.

    Expected is total of the sample * total of the bin / total of both (Pearson 1900), without a continuity correction.
    Bins whose expected count is below `min_expected` in either sample are pooled into one; where that one is still
    below it, the smallest other bin joins. A single bin that is left says nothing: 0, 0 degrees of freedom, p = 1. The
    p-value says how sure a difference is, not how large: of a million rows every one is sure. Samples must not share
    rows.
    """
    counts_2B = np.stack(_counts(reference, later))
    pooled_2B = _pooled(counts_2B, min_expected)
    freedom = pooled_2B.shape[1] - 1
    if freedom == 0:
        return ChiSquare(0.0, 0, 1.0)
    expected_2B = np.outer(pooled_2B.sum(axis=1), pooled_2B.sum(axis=0)) / pooled_2B.sum()
    statistic = float(np.sum((pooled_2B - expected_2B) ** 2 / expected_2B))
    return ChiSquare(statistic, freedom, chi_square_tail(statistic, freedom))


def chi_square_tail(statistic: float, freedom: int) -> float:
    """P(X >= statistic) for X of a chi-square distribution with `freedom` >= 1 degrees, exactly.

    Q(k / 2, h) with h = statistic / 2 is a finite sum for a whole k: it starts with 0 (even k) or erfc(sqrt(h)) (odd
    k) and grows by h^a * exp(-h) / gamma(a + 1) for a in steps of 1 up to k / 2 - 1, from 0 or 1/2 (Abramowitz and
    Stegun 26.4.4 and 26.4.5).
    """
    half = statistic / 2
    if half <= 0:
        return 1.0
    is_odd = freedom % 2
    steps = (is_odd / 2 + n for n in range(freedom // 2))
    tail = math.erfc(math.sqrt(half)) if is_odd else 0.0
    return min(1.0, tail + sum(math.exp(a * math.log(half) - half - math.lgamma(a + 1)) for a in steps))


def _counts(reference: ArrayLike, later: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first_B, second_B = np.asarray(reference, np.float64), np.asarray(later, np.float64)
    if first_B.ndim != 1 or first_B.shape != second_B.shape:
        raise ContractError("a distance", f"counts of shape {first_B.shape} and {second_B.shape}", "counts of the same bins", "Align them.")
    for counts_B in (first_B, second_B):
        if not (np.isfinite(counts_B).all() and (counts_B >= 0).all() and counts_B.sum() > 0):
            raise ContractError(
                "a distance", f"the counts {counts_B.tolist()}", "counts from 0 on, not all 0", "Leave an empty sample out."
            )
    return first_B, second_B


def _smoothed(counts_B: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((counts_B + PRIOR) / (counts_B.sum() + PRIOR * len(counts_B)))


def _relative_entropy(p_B: NDArray[np.float64], m_B: NDArray[np.float64]) -> float:
    has_mass = p_B > 0
    return float(np.sum(p_B[has_mass] * np.log2(p_B[has_mass] / m_B[has_mass])))


def _pooled(counts_2B: NDArray[np.float64], min_expected: float) -> NDArray[np.float64]:
    """Merge the bins that are too small, the smallest first; of equal totals the first bin is the smaller."""
    smaller_sample = counts_2B.sum(axis=1).min() / counts_2B.sum()
    ordered_2B = counts_2B[:, np.argsort(counts_2B.sum(axis=0), kind="stable")]
    expected_B = ordered_2B.sum(axis=0) * smaller_sample
    n_small = int(np.searchsorted(expected_B, min_expected))
    if n_small == 0:
        return ordered_2B
    while n_small < len(expected_B) and expected_B[:n_small].sum() < min_expected:
        n_small += 1
    return np.column_stack([ordered_2B[:, :n_small].sum(axis=1), ordered_2B[:, n_small:]])
