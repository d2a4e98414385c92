"""How well scores find the users whom a treatment moves: Qini, area under the uplift curve, calibration, from sums per bin.

The users of an experiment are ranked by score, best first, and folded to bins of equal scores (or of neighbouring ones). A bin's
sums add up over users and bins, so that a billion users cost one aggregation. Shapes: B bins, best first; 4 sums (see `Sums`);
R = 1 + replicates, the first of which is the plain one (evaluation/bootstrap.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

import numpy as np
from scipy import stats

from mapping_spark.errors import ContractError
from mapping_spark.evaluation.bootstrap import interval, poisson_weights
from mapping_spark.evaluation.metrics import Flags, Ints, Numbers

_Z_95 = float(stats.norm.ppf(0.975))


class Sums(IntEnum):
    """What is summed in a bin, in the order of the second axis."""

    N_TREATED = 0
    N_CONTROL = 1
    TREATED = 2
    """Outcomes of the treated."""
    CONTROL = 3
    """Outcomes of those held out."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with its 95 % bootstrap interval, in the number's unit; NaN where there is none."""

    value: float
    ci_low: float
    ci_high: float


def sums_of_scores(score_U: Numbers, is_treated_U: Flags, outcome_U: Numbers, weights_UR: Numbers | None = None) -> Numbers:
    """(B, 4, R): one bin per distinct score, best first; R = 1 without weights. The exact ranking, for users who fit in memory."""
    scores, bins_U = np.unique(-np.asarray(score_U, float), return_inverse=True)
    return sums_of_bins(bins_U, len(scores), np.asarray(is_treated_U, bool), np.asarray(outcome_U, float), weights_UR)


def sums_of_bins(
    bins_U: Ints, n_bins: int, is_treated_U: Flags, outcome_U: Numbers, weights_UR: Numbers | None = None
) -> Numbers:  # fmt: skip
    """(n_bins, 4, R) of users with a bin from 0 (best) on. Weights: how often each replicate draws each user; all 1 if not given."""
    weights = np.ones((len(bins_U), 1)) if weights_UR is None else weights_UR
    sums = np.zeros((n_bins, len(Sums), weights.shape[1]))
    for arm, (count, total) in ((True, (Sums.N_TREATED, Sums.TREATED)), (False, (Sums.N_CONTROL, Sums.CONTROL))):
        of_arm = is_treated_U == arm
        np.add.at(sums[:, count], bins_U[of_arm], weights[of_arm])
        np.add.at(sums[:, total], bins_U[of_arm], weights[of_arm] * outcome_U[of_arm, None])
    return sums


def qini_curve(sums_B4R: Numbers) -> tuple[Numbers, Numbers]:
    """(share of users targeted, incremental outcomes per treated user), each (B + 1, R), from (0, 0) on.

    After the first bins: (Y_t - Y_c N_t / N_c) / N_t of all, where Y and N are the outcomes and users of both arms so far
    (Radcliffe 2007, "Using control groups to target on predicted lift"). Y_t alone where no one held out was met yet.
    """
    n_t, n_c, y_t, y_c = np.moveaxis(_cumulated(sums_B4R), 1, 0)
    expected = np.divide(y_c * n_t, n_c, out=np.zeros_like(y_c), where=n_c > 0)
    return _share(n_t + n_c), _ratio(y_t - expected, n_t[-1])


def uplift_curve(sums_B4R: Numbers) -> tuple[Numbers, Numbers]:
    """(share of users targeted, gain per user of the whole population), each (B + 1, R), from (0, 0) on.

    After the first bins: (mean outcome of the treated - mean of those held out) times the share (Gutierrez and Gerardy 2016).
    """
    n_t, n_c, y_t, y_c = np.moveaxis(_cumulated(sums_B4R), 1, 0)
    share = _share(n_t + n_c)
    return share, (_or_zero(y_t, n_t) - _or_zero(y_c, n_c)) * share


def qini(sums_B4R: Numbers) -> Numbers:
    """(R,): area between the Qini curve and the straight line to its end, in outcomes per treated user; 0 is a random ranking.

    Not divided by a perfect ranking's area: that depends on outcomes no one can rank by. NaN where an arm is empty.
    """
    share, gain = qini_curve(sums_B4R)
    return _where_both_arms(sums_B4R, np.trapz(gain, share, axis=0) - gain[-1] / 2)


def auuc(sums_B4R: Numbers) -> Numbers:
    """(R,): area under the uplift curve, in outcomes per user; NaN where an arm is empty. Half the average effect is a random ranking."""
    share, gain = uplift_curve(sums_B4R)
    return _where_both_arms(sums_B4R, np.trapz(gain, share, axis=0))


METRICS: Mapping[str, Callable[[Numbers], Numbers]] = MappingProxyType({"qini": qini, "auuc": auuc})
"""Measures of a ranking by name: (B, 4, R) to (R,)."""


def with_interval(metric: Callable[[Numbers], Numbers], sums_B4R: Numbers) -> Interval:
    """A metric and its 95 % percentile interval over the replicates."""
    values = metric(sums_B4R)
    return Interval(float(values[0]), *interval(values))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was predicted and seen in each of B bins, (B,) each, in the outcome's unit; NaN where an arm is empty."""

    predicted_B: Numbers
    observed_B: Numbers
    """Mean outcome of the treated less that of those held out."""
    ci_low_B: Numbers
    ci_high_B: Numbers


def calibration(sums_B4: Numbers, squares_B2: Numbers, uplift_B: Numbers) -> Calibration:
    """Per bin, best first, with 95 % intervals of the difference of two independent means (normal, unequal variances).

    `squares_B2`: sums of squared outcomes of the treated and of the control; `uplift_B`: sums of the predicted effect.
    """
    if not len(sums_B4) == len(squares_B2) == len(uplift_B):
        found = f"{len(sums_B4)}, {len(squares_B2)} and {len(uplift_B)} bins"
        raise ContractError("calibration of uplift", found, "the same bins in all three", "Sum them together.")
    n_t, n_c, y_t, y_c = sums_B4.T
    variance = _variance_of_mean(n_t, y_t, squares_B2[:, 0]) + _variance_of_mean(n_c, y_c, squares_B2[:, 1])
    observed, half = _ratio(y_t, n_t) - _ratio(y_c, n_c), _Z_95 * np.sqrt(variance)
    return Calibration(_ratio(uplift_B, n_t + n_c), observed, observed - half, observed + half)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The scored users of an experiment, (U,) each, in memory; a notebook's or a benchmark's door to the metrics."""

    user_U: Ints
    """Integers that tell users apart: the seed of their bootstrap weights."""
    score_U: Numbers
    is_treated_U: Flags
    outcome_U: Numbers

    def sums(self, seed: int, n_replicates: int) -> Numbers:
        """(B, 4, 1 + n_replicates) by exact ranking. Rankings of the same users have the same replicates: they can be paired."""
        weights = poisson_weights(seed, np.asarray(self.user_U, np.int64), n_replicates)
        return sums_of_scores(self.score_U, self.is_treated_U, self.outcome_U, weights)

    def calibration(self, n_bins: int = 10) -> Calibration:
        """What the scores predict (effects, in the outcome's unit) and what was seen, in so many bins of scores, best first."""
        scores, bins_U = np.unique(-self.score_U, return_inverse=True)
        treated_U, n = np.asarray(self.is_treated_U, bool), len(scores)
        outcome_U = np.asarray(self.outcome_U, np.float64)
        powers: tuple[Numbers, ...] = (outcome_U, np.square(outcome_U))
        sums, squares = (sums_of_bins(bins_U, n, treated_U, values)[:, :, 0] for values in powers)
        uplift = np.bincount(bins_U, self.score_U, n).astype(float)
        return calibration(merged(sums, n_bins), merged(squares[:, Sums.TREATED :], n_bins), merged(uplift, n_bins))


def merged(sums_B: Numbers, n_bins: int) -> Numbers:
    """Sums of neighbouring bins, so that `n_bins` (10: deciles) of about as many bins each are left; the axes behind are kept."""
    groups = np.arange(len(sums_B)) * n_bins // max(len(sums_B), 1)
    out = np.zeros((min(n_bins, len(sums_B)), *sums_B.shape[1:]))
    np.add.at(out, np.unique(groups, return_inverse=True)[1], sums_B)
    return out


def _cumulated(sums_B4R: Numbers) -> Numbers:
    return np.concatenate([np.zeros((1, *sums_B4R.shape[1:])), np.cumsum(sums_B4R, axis=0)])


def _share(n: Numbers) -> Numbers:
    return _ratio(n, n[-1])


def _ratio(numerator: Numbers, denominator: Numbers) -> Numbers:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)


def _or_zero(numerator: Numbers, denominator: Numbers) -> Numbers:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _variance_of_mean(n: Numbers, total: Numbers, squares: Numbers) -> Numbers:
    centred = np.maximum(squares - n * _ratio(total, n) ** 2, 0)
    return _ratio(_ratio(centred, n - 1), n)


def _where_both_arms(sums_B4R: Numbers, values_R: Numbers) -> Numbers:
    users = sums_B4R[:, : Sums.TREATED].sum(axis=0)
    return np.where((users > 0).all(axis=0), values_R, np.nan)
