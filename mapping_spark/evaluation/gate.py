"""Lets only better models through: rules with numbers and limits, one row of gold.promotions per decision.

A champion is a recipe, proven by a run: on a later date the run of the same model with the same settings takes its place. A
candidate replaces it where the paired interval of the declared metric lies above the margin, where it beats every named
baseline, and where coverage, the gap between segments, drift and scoring time stay within their limits. The champion's own
later runs are judged by the limits alone. Where there is no champion, the best candidate that passes is promoted, and the best
baseline where none does.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import nan
from typing import Any

import numpy as np
from pydantic import Field, field_validator
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.config import Section
from mapping_spark.errors import ConfigError, MissingInput
from mapping_spark.evaluation import metrics
from mapping_spark.evaluation.bootstrap import holm, paired_difference
from mapping_spark.evaluation.evaluate import ALL, LARGEST_GAP
from mapping_spark.evaluation.splits import NEW_ITEMS, PROTOCOLS
from mapping_spark.models.fitting import without_trials
from mapping_spark.tables.distances import population_stability_index
from mapping_spark.tables.runs import content_hash

PROMOTED, REJECTED, KEPT, ROLLBACK = "promoted", "rejected", "kept", "rollback"
SIGNIFICANCE = 0.05
"""Family-wise level of all comparisons of one decision."""


class GateConfig(Section):
    """What a model must show before it is served."""

    metric: str = "ndcg"
    """What is compared; higher is better."""
    k: int = Field(10, ge=1)
    """Its cut-off, one of evaluation.ks."""
    protocol: str = NEW_ITEMS
    """Under which protocol."""
    margin: float = Field(0.0, ge=0)
    """The paired 95 % interval of candidate less champion must lie above it."""
    baselines: tuple[str, ...] = ("popularity", "repeat", "als")
    """Models that a candidate must beat, with Holm's correction over all comparisons; those that are not configured do not count."""
    min_coverage: float = Field(0.002, ge=0, le=1)
    """Least share of the catalogue shown."""
    max_segment_gap: float = Field(0.2, ge=0)
    """Largest difference of the metric between two segments of users."""
    max_item_psi: float = Field(0.25, ge=0)
    """Most drift of how popular the shown items are, against an earlier run of the same model."""
    max_score_psi: float = Field(0.25, ge=0)
    """Most drift of the scores, against an earlier run of the same model: scores of different models cannot be compared."""
    max_scoring_seconds: float = Field(3_600.0, gt=0)
    """Most seconds that making all lists may take."""

    @field_validator("metric")
    @classmethod
    def _is_accuracy(cls, name: str) -> str:
        try:
            metrics.known(name, "gate.metric")
        except ConfigError as fault:
            raise ValueError(fault.found) from None
        if name not in metrics.ACCURACY:
            raise ValueError(f"{name} says nothing of what was right; use one of {list(metrics.ACCURACY)}")
        return name

    @field_validator("protocol")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in PROTOCOLS:
            raise ValueError(f"no protocol is called {name!r}; use one of {list(PROTOCOLS)}")
        return name

    @property
    def compared(self) -> str:
        """The metric as a row names it."""
        return f"{self.metric}@{self.k} {self.protocol}"


@dataclass(frozen=True, slots=True)
class Measured:
    """What gold says of one run, as far as the gate looks."""

    run_id: str
    model: str
    means: tuple[float, ...] = ()
    """The metric and its replicates; empty where nobody was counted."""
    coverage: float | None = None
    segment_gap: float | None = None
    scoring_seconds: float | None = None
    distributions: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """Places by bin: `item_popularity`, `score`."""

    @property
    def value(self) -> float:
        """The metric itself; NaN where there is none."""
        return self.means[0] if self.means else nan


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one decision."""

    name: str
    number: float | None
    """What was measured; null where it could not be compared, which breaks no rule."""
    limit: float
    held: bool
    wanted: str = "at most"

    def __str__(self) -> str:
        number = "not comparable" if self.number is None else f"{self.number:.4g}"
        return f"{self.name} {number} ({'held' if self.held else 'broken'}: {self.wanted} {self.limit:g})"


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on one run; the columns of gold.promotions but for the date."""

    candidate: Measured
    champion_run_id: str | None
    verdict: str
    reason: str
    delta: float | None
    ci_low: float | None
    ci_high: float | None
    rules: tuple[Rule, ...]

    def row(self, compared: str, as_of: dt.date, decided_at: dt.datetime) -> dict[str, Any]:
        """As gold.promotions holds it; `decision_id` is the same for the same decision."""
        facts = {
            "candidate_run_id": self.candidate.run_id,
            "champion_run_id": self.champion_run_id,
            "verdict": self.verdict,
            "reason": self.reason,
            "metric": compared,
            "delta": self.delta,
            "ci_low": self.ci_low,
            "ci_high": self.ci_high,
            "checks": json.dumps([asdict(rule) for rule in self.rules]),
            "model": self.candidate.model,
            "as_of_date": as_of,
        }
        return facts | {"decision_id": content_hash(facts), "decided_at": decided_at}


def decide(measured: Sequence[Measured], champion: Measured | None, before: Measured | None, config: GateConfig) -> list[Decision]:
    """One decision per run, the champion's first.

    `measured`: all runs of the date. `champion`: the champion's run among them, None where there is none yet. `before`: the
    run by which the champion was promoted, where it is another one; drift is measured against it. No decision where nobody
    was counted. Raises `ConfigError` where a model is there twice.
    """
    runs = {run.model: run for run in measured}
    if len(runs) < len(measured):
        raise ConfigError("gate", f"the models {[run.model for run in measured]}", "each model once", "Judge one run per model.")
    if not any(run.means for run in measured):
        return []
    baselines = {name: runs[name] for name in config.baselines if name in runs}
    tried = [run for run in measured if run.model not in baselines and (champion is None or run.run_id != champion.run_id)]
    compared = _compared(tried, champion, baselines, config)
    rules = {run.run_id: (*compared[run.run_id], *_limits(run, None, config)) for run in tried}
    passed = [run for run in tried if all(rule.held for rule in rules[run.run_id])]
    best = max(passed, key=lambda run: run.value, default=None)
    against = champion or max(baselines.values(), key=lambda run: run.value, default=None)
    decisions = [_champions_own(champion, _limits(champion, before, config))] if champion is not None else []
    for run in tried:
        verdict = PROMOTED if run is best else (KEPT if run in passed else REJECTED)
        decisions.append(_decision(run, champion, against, verdict, rules[run.run_id]))
    if champion is None and best is None and against is not None:
        decisions.append(
            Decision(against, None, PROMOTED, "no champion yet and no candidate passed: the best baseline", None, None, None, ())
        )
    return decisions


def _compared(
    tried: Sequence[Measured], champion: Measured | None, baselines: Mapping[str, Measured], config: GateConfig
) -> dict[str, list[Rule]]:
    """The rules that compare: against the champion by the margin, against baselines by Holm-adjusted p-values over all of them."""
    pairs = [(run, other) for run in tried for other in baselines.values()]
    differences = [paired_difference(np.array(run.means), np.array(other.means)) for run, other in pairs]
    adjusted = holm([difference.p_value for difference in differences])
    rules: dict[str, list[Rule]] = {run.run_id: [] for run in tried}
    for run in tried:
        if champion is not None:
            found = paired_difference(np.array(run.means), np.array(champion.means))
            rules[run.run_id].append(
                Rule(f"over champion {champion.model}, lower end", found.ci_low, config.margin, found.ci_low > config.margin)
            )
    for (run, other), difference, p_value in zip(pairs, differences, adjusted, strict=True):
        p_value = p_value if difference.delta > 0 else 1.0  # significantly worse is not better
        name = f"over {other.model} by {difference.delta:.4f}, adjusted p"
        rules[run.run_id].append(Rule(name, p_value, SIGNIFICANCE, p_value < SIGNIFICANCE, "below"))
    return rules


def _limits(run: Measured, before: Measured | None, config: GateConfig) -> list[Rule]:
    """The rules that each run meets or breaks by itself. Drift is there where an earlier run of the same model is."""
    rules = [
        Rule("coverage", run.coverage, config.min_coverage, run.coverage is None or run.coverage >= config.min_coverage, "at least"),
        _at_most("segment gap", run.segment_gap, config.max_segment_gap),
        _at_most("scoring seconds", run.scoring_seconds, config.max_scoring_seconds),
    ]
    for quantity, limit in (("item_popularity", config.max_item_psi), ("score", config.max_score_psi)):
        rules.append(_at_most(f"{quantity} PSI", _psi(run, before, quantity), limit))
    return rules


def _at_most(name: str, number: float | None, limit: float) -> Rule:
    return Rule(name, number, limit, number is None or number <= limit)


def _psi(run: Measured, before: Measured | None, quantity: str) -> float | None:
    if before is None or before.model != run.model or quantity not in run.distributions or quantity not in before.distributions:
        return None
    now, then = run.distributions[quantity], before.distributions[quantity]
    bins = sorted(set(now) | set(then))
    return population_stability_index([then.get(each, 0) for each in bins], [now.get(each, 0) for each in bins])


def _champions_own(champion: Measured, rules: Sequence[Rule]) -> Decision:
    broken = [rule for rule in rules if not rule.held]
    reason = "the champion's run of the date: " + "; ".join(map(str, broken or rules))
    return Decision(champion, champion.run_id, REJECTED if broken else KEPT, reason, 0.0, 0.0, 0.0, tuple(rules))


def _decision(run: Measured, champion: Measured | None, against: Measured | None, verdict: str, rules: Sequence[Rule]) -> Decision:
    told = [rule for rule in rules if not rule.held] if verdict == REJECTED else rules
    reason = ("passed, but another candidate is better: " if verdict == KEPT else "") + "; ".join(map(str, told))
    champion_run_id = None if champion is None else champion.run_id
    if against is None:
        return Decision(run, champion_run_id, verdict, reason, None, None, None, tuple(rules))
    found = paired_difference(np.array(run.means), np.array(against.means))
    return Decision(run, champion_run_id, verdict, reason, found.delta, found.ci_low, found.ci_high, tuple(rules))


def measured_runs(
    run_ids: Sequence[str], measures: DataFrame, replicates: DataFrame, distributions: DataFrame, config: GateConfig
) -> list[Measured]:
    """What gold says of these runs, in their order; runs without a row are left out.

    The three tables of `Evaluation`, of any dates: a run belongs to one. Collects a few rows per run.
    """
    of_runs = F.col("run_id").isin(list(run_ids)) & (F.col("protocol") == config.protocol)
    at_cut = of_runs & (F.col("k") == config.k)
    is_metric = (F.col("metric") == config.metric) & F.col("segment").isin(ALL, LARGEST_GAP)
    wanted = is_metric | F.col("metric").isin("coverage", metrics.SCORING_SECONDS)
    values: dict[str, dict[str, float | None]] = {}
    models: dict[str, str] = {}
    for row in measures.where(of_runs & wanted & ((F.col("k") == config.k) | (F.col("metric") == metrics.SCORING_SECONDS))).collect():
        values.setdefault(row.run_id, {})[row.metric if row.segment == ALL else LARGEST_GAP] = row.value
        models[row.run_id] = row.model
    means = {
        row.run_id: [nan if value is None else value for value in row.means]
        for row in replicates.where(at_cut & is_metric & (F.col("segment") == ALL)).collect()
    }
    counts: dict[str, dict[str, dict[int, int]]] = {}
    for row in distributions.where(of_runs & ((F.col("k") == config.k) | (F.col("quantity") == "score"))).collect():
        counts.setdefault(row.run_id, {}).setdefault(row.quantity, {})[row.bin] = row.n
    return [
        Measured(
            run_id=run_id,
            model=models[run_id],
            means=() if values[run_id].get(config.metric) is None else tuple(means.get(run_id, ())),
            coverage=values[run_id].get("coverage"),
            segment_gap=values[run_id].get(LARGEST_GAP),
            scoring_seconds=values[run_id].get(metrics.SCORING_SECONDS),
            distributions=counts.get(run_id, {}),
        )
        for run_id in run_ids
        if run_id in models
    ]


def champion_run(promotions: DataFrame) -> str | None:
    """The run that was promoted last, or to which was rolled back; None before the first promotion."""
    latest = served_in_turn(promotions)
    return latest[0] if latest else None


def previous_champion(promotions: DataFrame) -> str:
    """The run served before the champion: what a rollback brings back. Raises `MissingInput` where there was none.

    A rollback takes its champion out of the line: rolling back twice goes two champions back, not to and fro.
    """
    served = served_in_turn(promotions)
    if len(served) < 2:
        raise MissingInput("gold.promotions", f"{len(served)} champion(s) in turn", "a champion before this one", "Promote another first.")
    return served[1]


def served_in_turn(promotions: DataFrame) -> list[str]:
    """Champions still standing in line, the present one first."""
    rows = promotions.where(F.col("verdict").isin(PROMOTED, ROLLBACK)).orderBy("decided_at", "decision_id").collect()  # one per promotion
    line: list[str] = []
    for row in rows:
        line = line[:-1] if row.verdict == ROLLBACK else [*line, row.candidate_run_id]
    return line[::-1]


def same_recipe(run_id: str, runs: DataFrame, as_of: dt.date) -> str | None:
    """The latest run of the date with the model and settings of `run_id`; None where there is none.

    Raises `MissingInput` where gold.model_runs does not hold `run_id`: its tables were built anew since.
    """
    found = runs.where(F.col("run_id") == run_id).select("model", "config").collect()  # one row: run_id is the key
    if not found:
        fix = "Fit and promote again, or name a model with recommend.model."
        raise MissingInput("gold.model_runs", f"no champion {run_id}: the table was built anew since", "the run promoted", fix)
    proven = found[0]
    alike = (F.col("as_of_date") == F.lit(as_of)) & (F.col("model") == proven.model) & (F.col("config") == proven.config)
    latest = without_trials(runs).where(alike).orderBy(F.desc("ended_at"), F.desc("run_id")).limit(1).collect()  # one row
    return latest[0].run_id if latest else None
