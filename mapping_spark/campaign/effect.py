"""What a campaign did where no one was held out: mailed users beside others, by difference-in-differences and a synthetic control.

This is no experiment. It rests on `ASSUMPTIONS`; placebo weeks, at whose beginning nothing began, show how far they fail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from mapping_spark.evaluation.metrics import Numbers

ASSUMPTIONS = (
    "not an experiment: without the campaign, mailed users' spending would have changed as that of the users they are compared with; "
    "those were not reached by it in another way; what else reached either group (other campaigns) is alike"
)
_Z_95 = float(stats.norm.ppf(0.975))


@dataclass(frozen=True, slots=True)
class Estimate:
    """Effect on a mailed user, in currency a week."""

    effect: float
    ci_low: float
    """Of the 95 % interval over users; NaN where the method gives none."""
    ci_high: float
    n_mailed: int
    """Mailed users compared."""
    n_others: int
    n_unmatched: int
    """Mailed users without anyone like them: left out."""
    fit_error: float = math.nan
    """Root mean squared difference to the synthetic control before the origin, currency a week; NaN elsewhere."""


def difference_in_differences(sums: pd.DataFrame) -> Estimate:
    """Mean change of the mailed less that of all others, users as they are (Card and Krueger 1994)."""
    pooled = sums.groupby("is_mailed", as_index=False)[["n_users", "change", "change_sq"]].sum().assign(stratum=0)
    return matched_difference(pooled)


def matched_difference(sums: pd.DataFrame) -> Estimate:
    """The same within each stratum, weighted by the mailed users in it (exact matching on strata: Iacus, King and Porro 2012).

    `sums`: (is_mailed, stratum, n_users, change, change_sq) of one origin. Strata that lack a group, or hold one user of it, are
    left out. The interval is normal, users independent.
    """
    groups = {mailed: part.set_index("stratum") for mailed, part in sums.groupby("is_mailed")}
    if set(groups) != {True, False}:
        return Estimate(math.nan, math.nan, math.nan, 0, 0, int(sums.loc[sums.is_mailed, "n_users"].sum()))
    both = groups[True].join(groups[False], how="inner", lsuffix="_m", rsuffix="_o").query("n_users_m > 1 and n_users_o > 1")
    n_mailed, n_others = int(both.n_users_m.sum()), int(both.n_users_o.sum())
    n_unmatched = int(groups[True].n_users.sum()) - n_mailed
    if not n_mailed:
        return Estimate(math.nan, math.nan, math.nan, 0, 0, n_unmatched)
    share = both.n_users_m / n_mailed
    effect = float((share * (both.change_m / both.n_users_m - both.change_o / both.n_users_o)).sum())
    half = _Z_95 * math.sqrt(float((share**2 * (_variance_of_mean(both, "m") + _variance_of_mean(both, "o"))).sum()))
    return Estimate(effect, effect - half, effect + half, n_mailed, n_others, n_unmatched)


def synthetic_control(sums: pd.DataFrame, n_before: int) -> Estimate:
    """The mailed users' mean week by week less that of a weighted mix of the others' strata, after the origin less before it.

    Weights are 0 or more, sum to 1 and follow the mailed over the `n_before` weeks of history, levels apart (Abadie, Diamond and
    Hainmueller 2010, with the intercept of Doudchenko and Imbens 2016). `sums` holds `week_0` ... as well. No interval: see `placebo`.
    """
    weeks = [f"week_{n}" for n in range(sum(column.startswith("week_") for column in sums.columns))]
    mailed, others = sums[sums.is_mailed], sums[~sums.is_mailed & (sums.n_users > 0)]
    if mailed.empty or others.empty:
        return Estimate(math.nan, math.nan, math.nan, 0, 0, int(mailed.n_users.sum()))
    target_W = mailed[weeks].sum().to_numpy(float) / mailed.n_users.sum()
    donors_WS = (others[weeks].to_numpy(float) / others.n_users.to_numpy(float)[:, None]).T
    gap_W = target_W - donors_WS @ simplex_weights(_centred(donors_WS[:n_before]), _centred(target_W[:n_before]))
    before = gap_W[:n_before]
    effect = float(gap_W[n_before:].mean() - before.mean())
    return Estimate(effect, math.nan, math.nan, int(mailed.n_users.sum()), int(others.n_users.sum()), 0, float(before.std()))


def simplex_weights(donors_WS: Numbers, target_W: Numbers) -> Numbers:
    """(S,) of 0 or more that sum to 1 and make donors_WS @ weights nearest to the target, by least squares."""
    scale = 1e3 * (np.abs(donors_WS).max() + np.abs(target_W).max() + 1e-12)  # the sum as one more, heavy equation
    system = np.vstack([donors_WS, np.full((1, donors_WS.shape[1]), scale)])
    weights, _ = optimize.nnls(system, np.append(target_W, scale))
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True, slots=True)
class Placebo:
    """How the effect stands beside what the same method finds where nothing began."""

    p_value: float
    """Share of all origins, the real one included, with an effect as far from 0 (Abadie et al. 2010); at least 1 / their number."""
    largest: float
    """Of the placebo effects, as far as it is from 0."""
    bears: float
    """How many times the largest placebo effect the assumptions may fail until the interval (or, without one, the effect) holds 0
    (after Rambachan and Roth 2023); 0 where it does from the start."""
    n: int


def placebo(real: Estimate, others: Sequence[Estimate]) -> Placebo:
    """Compare an effect with those of placebo origins of the same method. NaN where there are none."""
    sizes = [abs(other.effect) for other in others if not math.isnan(other.effect)]
    if not sizes or math.isnan(real.effect):
        return Placebo(math.nan, math.nan, math.nan, len(sizes))
    half = 0.0 if math.isnan(real.ci_low) else real.effect - real.ci_low
    spare = max(0.0, abs(real.effect) - half)
    p_value = (1 + sum(size >= abs(real.effect) for size in sizes)) / (1 + len(sizes))
    return Placebo(p_value, max(sizes), spare / max(sizes) if max(sizes) else math.inf, len(sizes))


def estimates(sums: pd.DataFrame, n_before: int) -> dict[str, dict[int, Estimate]]:
    """Every method at every origin: {method: {origin: estimate}}, from `panel.sums_by_stratum`."""
    found: dict[str, dict[int, Estimate]] = {"difference_in_differences": {}, "matched": {}, "synthetic_control": {}}
    for origin, part in sums.groupby("origin"):
        at = int(str(origin))
        found["difference_in_differences"][at] = difference_in_differences(part)
        found["matched"][at] = matched_difference(part)
        found["synthetic_control"][at] = synthetic_control(part, n_before)
    return found


def _variance_of_mean(both: pd.DataFrame, group: str) -> pd.Series:
    n, total, squares = (both[f"{name}_{group}"] for name in ("n_users", "change", "change_sq"))
    return (squares - total**2 / n).clip(lower=0) / (n - 1) / n


def _centred(series: Numbers) -> Numbers:
    return np.asarray(series - series.mean(axis=0))
