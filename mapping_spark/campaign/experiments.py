"""Reading experiments: from sums per (metric, variant, segment) to rows with effects, intervals and a verdict with its reason.

Pure functions on a few rows; the sums come from gold.experiment_sums (`grouped`), or from any small frame (`groups_of`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from mapping_spark.campaign import bayes, verdicts
from mapping_spark.campaign.comparisons import false_discovery, family_wise
from mapping_spark.campaign.effects import SIGNIFICANCE, Effect, mean_effect, proportion_effect, sample_ratio_p_value
from mapping_spark.campaign.moments import Adjustment, Estimate, Moments, cuped, total
from mapping_spark.campaign.segments import Shrunk, shrink
from mapping_spark.campaign.sequential import AlwaysValid, always_valid, mixing_variance, planned_look
from mapping_spark.campaign.verdicts import Evidence, Verdict
from mapping_spark.errors import ContractError

CONTROL = "control"
"""The variant of those held out."""
ALL = "all"
"""The segment of everyone."""
PRIMARY, SECONDARY, GUARDRAIL = "primary", "secondary", "guardrail"
PROPORTION, MEAN, RATIO = "proportion", "mean", "ratio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric of an experiment."""

    name: str
    kind: str
    """`proportion` (0 or 1 per user), `mean` (over users) or `ratio` (of two sums over users)."""
    role: str = SECONDARY
    """`primary` decides, `guardrail` must not be harmed, `secondary` explains."""
    higher_is_better: bool = True
    margin: float = 0.0
    """Of a guardrail: by which share of the control's value it may be worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What was planned before the data came."""

    metrics: tuple[Metric, ...]
    shares: Mapping[str, float] = field(default_factory=dict)
    """Share of the users each variant was assigned, control included; empty where nobody declared them: then no check."""
    planned_users: int = 10_000
    """Users it will have at its end, about: an always-valid interval is narrowest there. Never chosen after a look, or it is not valid."""
    is_running: bool = False
    """While it runs, always-valid p-values and intervals decide, so that looking does no harm."""
    looks: tuple[float, ...] = ()
    """Shares of `planned_users` at which it is looked at, the last 1: then group-sequential bounds decide, at its end, too."""
    alpha: float = SIGNIFICANCE
    sample_ratio_level: float = 0.001
    """A sample-ratio p-value below it blocks every verdict."""

    @property
    def is_sequential(self) -> bool:
        """Whether what is read must hold at several looks."""
        return self.is_running or bool(self.looks)

    def information(self, n_users: int) -> list[float]:
        """Shares of the information at the planned looks up to now, this one the last: 1 where the experiment has ended. [] without any."""
        if not self.looks or not n_users:
            return []
        share = min(1.0, n_users / self.planned_users) if self.is_running else 1.0
        return [*(look for look in self.looks if look < share), share]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One variant against the control: one metric, one segment."""

    metric: Metric
    variant: str
    segment: str
    treated: Estimate
    control: Estimate
    effect: Effect
    sequential: AlwaysValid
    adjustment: Adjustment
    belief: bayes.Belief = bayes.NOTHING
    shrunk: Shrunk | None = None

    @property
    def is_headline(self) -> bool:
        """Whether it belongs to the family that decides."""
        return self.metric.role == PRIMARY and self.segment == ALL


Groups = Mapping[str, Mapping[str, Mapping[str, Moments]]]
"""Sums by metric, segment and variant."""


def grouped(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Moments]]]:
    """Rows of gold.experiment_sums of one experiment, by metric, segment and variant; the segment `all` is their sum."""
    groups: dict[str, dict[str, dict[str, Moments]]] = {}
    for row in rows:
        by_segment = groups.setdefault(row["metric"], {})
        for segment in dict.fromkeys((ALL, row["segment"])):  # users of a segment of that name count once
            by_variant = by_segment.setdefault(segment, {})
            by_variant[row["variant"]] = total([by_variant.get(row["variant"], total([])), Moments.from_row(row)])
    return groups


@dataclass(frozen=True, slots=True)
class Columns:
    """What a metric is made of in a frame with one row per user."""

    numerator: str
    denominator: str | None = None
    """Of a ratio; a mean or a proportion has none."""
    covariate: str | None = None
    """Known of the user before assignment (CUPED)."""


def groups_of(users: pd.DataFrame, metrics: Mapping[str, Columns]) -> dict[str, dict[str, dict[str, Moments]]]:
    """Sums of a frame with one row per user: user_id, variant, the columns of the metrics, and segment where there are any.

    Raises `ContractError` where a user has several rows: see `exposures.judge_exposures` for which of them counts.
    """
    n_repeated = int(users["user_id"].duplicated().sum())
    if n_repeated:
        fix = "Keep one row per user; leave out who was in two variants."
        raise ContractError("users of an experiment", f"{n_repeated} rows of users who have another", "one row per user", fix)
    parts = ({str(name): part for name, part in users.groupby("segment")} if "segment" in users else {}) | {ALL: users}
    return {
        metric: {name: {str(variant): _moments(own, of) for variant, own in part.groupby("variant")} for name, part in parts.items()}
        for metric, of in metrics.items()
    }


def _moments(users: pd.DataFrame, of: Columns) -> Moments:
    beside = (None if name is None else users[name].to_numpy(float) for name in (of.denominator, of.covariate))
    return Moments.of(users[of.numerator].to_numpy(float), *beside)


def read_experiment(experiment: Experiment, groups: Groups) -> list[dict[str, Any]]:
    """One row per (metric, comparison, segment), as gold.experiment_results holds them but for the campaign and the date.

    p-values are adjusted by Holm over the primary metrics of all variants, by Benjamini and Hochberg over everything else but
    guardrails, which must all hold. Numbers the data does not give are None.
    """
    barred = _barred(experiment, groups)
    comparisons = [
        comparison
        for metric in experiment.metrics
        if metric.name in groups
        for comparison in _of_metric(experiment, metric, groups[metric.name])
    ]
    adjusted = _adjusted(experiment, comparisons)
    return [_row(experiment, one, p, *barred[one.segment]) for one, p in zip(comparisons, adjusted, strict=True)]


def _barred(experiment: Experiment, groups: Groups) -> dict[str, tuple[Verdict | None, float | None]]:
    """By segment: why there is no verdict (the segment's own reason, else that of all), and the sample ratio's p-value."""
    found: dict[str, tuple[Verdict | None, float | None]] = {}
    by_segment = next(iter(groups.values()), {})  # every metric counts the same users
    for segment in (ALL, *(name for name in by_segment if name != ALL)):
        counts = {variant: moments.n_users for variant, moments in by_segment.get(segment, {}).items()}
        p_value = sample_ratio_p_value(counts, experiment.shares) if experiment.shares else None
        has_control = counts.get(CONTROL, 0) > 0
        reason = verdicts.blocked(has_control=has_control, sample_ratio_p=p_value, sample_ratio_level=experiment.sample_ratio_level)
        found[segment] = (reason or found.get(ALL, (None, None))[0], p_value)
    return found


def _of_metric(experiment: Experiment, metric: Metric, by_segment: Mapping[str, Mapping[str, Moments]]) -> list[Comparison]:
    """Every variant in every segment; those of the segments get their shrunk effects."""
    variants = sorted(({*by_segment[ALL], *experiment.shares} - {CONTROL}) or {CONTROL})
    n_users = sum(moments.n_users for moments in by_segment[ALL].values())
    information = experiment.information(n_users)
    comparisons = {(s, v): _compare(experiment, metric, by_segment[s], (s, v), information) for s in sorted(by_segment) for v in variants}
    shrunk = {v: shrink({s: c.effect for (s, of), c in comparisons.items() if of == v and s != ALL}).segments for v in variants}
    return [replace(comparison, shrunk=shrunk[v].get(s)) for (s, v), comparison in comparisons.items()]


def _compare(
    experiment: Experiment, metric: Metric, by_variant: Mapping[str, Moments], of: tuple[str, str], information: Sequence[float]
) -> Comparison:
    segment, variant = of
    adjustment = cuped(by_variant.values())
    nobody = total([])
    treated_sums, control_sums = by_variant.get(variant, nobody), by_variant.get(CONTROL, nobody)
    treated, control = adjustment.estimate(treated_sums), adjustment.estimate(control_sums)
    if metric.kind == PROPORTION and not adjustment.theta:
        effect = proportion_effect(treated_sums, control_sums, alpha=experiment.alpha)
    else:
        effect = mean_effect(treated, control, alpha=experiment.alpha)
    sequential = _sequential(experiment, effect, sum(moments.n_users for moments in by_variant.values()), information)
    belief = _beliefs(metric, by_variant, adjustment).get(variant, bayes.NOTHING)
    return Comparison(metric, variant, segment, treated, control, effect, sequential, adjustment, belief)


def _sequential(experiment: Experiment, effect: Effect, n_users: int, information: Sequence[float]) -> AlwaysValid:
    """By the bounds of the looks so far where they were planned, else valid at any time."""
    if information:
        return planned_look(effect.difference, effect.standard_error, information, alpha=experiment.alpha)
    planned = effect.standard_error * math.sqrt(n_users / experiment.planned_users)
    mixing = mixing_variance(planned, alpha=experiment.alpha)
    return always_valid(effect.difference, effect.standard_error, mixing, alpha=experiment.alpha)


def _beliefs(metric: Metric, by_variant: Mapping[str, Moments], adjustment: Adjustment) -> dict[str, bayes.Belief]:
    posteriors = {
        variant: bayes.proportion_posterior(moments)
        if metric.kind == PROPORTION and not adjustment.theta
        else bayes.mean_posterior(adjustment.estimate(moments))
        for variant, moments in by_variant.items()
    }
    known = {variant: posterior for variant, posterior in posteriors.items() if posterior is not None}
    return bayes.beliefs(known, higher_is_better=metric.higher_is_better) if len(known) == len(posteriors) > 1 else {}


def _adjusted(experiment: Experiment, comparisons: Sequence[Comparison]) -> list[float]:
    """Adjusted p-values, in the order of the comparisons."""
    p_values = [one.sequential.p_value if experiment.is_sequential else one.effect.p_value for one in comparisons]
    families: dict[str, list[int]] = {}
    for at, one in enumerate(comparisons):
        families.setdefault(PRIMARY if one.is_headline else GUARDRAIL if one.metric.role == GUARDRAIL else SECONDARY, []).append(at)
    adjusted = list(p_values)
    for family, correct in ((PRIMARY, family_wise), (SECONDARY, false_discovery)):
        places = families.get(family, [])
        for at, p in zip(places, correct([p_values[at] for at in places]), strict=True):
            adjusted[at] = p
    return adjusted


def _verdict(experiment: Experiment, one: Comparison, adjusted_p: float) -> Verdict:
    low, high = (one.sequential.low, one.sequential.high) if experiment.is_sequential else (one.effect.ci_low, one.effect.ci_high)
    evidence = Evidence(
        difference=one.effect.difference,
        ci_low=low,
        ci_high=high,
        p_value=adjusted_p,
        control_value=one.control.value,
        n_users=one.treated.n_users,
        n_control_users=one.control.n_users,
    )
    if one.metric.role == GUARDRAIL:
        return verdicts.guard(evidence, margin=one.metric.margin, higher_is_better=one.metric.higher_is_better)
    return verdicts.judge(evidence, higher_is_better=one.metric.higher_is_better, alpha=experiment.alpha)


def _row(
    experiment: Experiment, one: Comparison, adjusted_p: float, barred: Verdict | None, sample_ratio_p: float | None
) -> dict[str, Any]:
    verdict = barred or _verdict(experiment, one, adjusted_p)
    has_control = one.control.n_users > 0
    numbers: dict[str, float | None] = {
        "value": one.treated.value,
        "control_value": one.control.value,
        "difference": one.effect.difference,
        "ci_low": one.effect.ci_low,
        "ci_high": one.effect.ci_high,
        "relative_lift": one.effect.relative,
        "relative_low": one.effect.relative_low,
        "relative_high": one.effect.relative_high,
        "p_value": one.effect.p_value,
        "adjusted_p_value": adjusted_p,
        "always_valid_p_value": one.sequential.p_value,
        "always_valid_low": one.sequential.low,
        "always_valid_high": one.sequential.high,
        "variance_reduction": one.adjustment.variance_reduction,
        "probability_best": one.belief.probability_best,
        "expected_loss": one.belief.expected_loss,
        "shrunk_difference": one.shrunk.difference if one.shrunk else None,
        "shrunk_low": one.shrunk.ci_low if one.shrunk else None,
        "shrunk_high": one.shrunk.ci_high if one.shrunk else None,
        "sample_ratio_p_value": sample_ratio_p,
    }
    return {
        "metric": one.metric.name,
        "comparison": f"{one.variant} against {CONTROL}" if has_control else f"{one.variant} alone",
        "segment": one.segment,
        "variant": one.variant,
        "role": one.metric.role,
        "n_users": one.treated.n_users,
        "n_control_users": one.control.n_users,
        **{name: None if value is None or not math.isfinite(value) else value for name, value in numbers.items()},
        "verdict": verdict.verdict,
        "reason": verdict.reason,
    }
