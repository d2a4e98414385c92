"""The gate over the tables: who is judged, what is written, who is served."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import MissingInput
from mapping_spark.evaluation.gate import (
    REJECTED,
    ROLLBACK,
    GateConfig,
    Measured,
    champion_run,
    decide,
    measured_runs,
    previous_champion,
    same_recipe,
    served_in_turn,
)
from mapping_spark.models.base import ModelConfig
from mapping_spark.models.fitting import latest_runs
from mapping_spark.recommend.settings import CHAMPION, RecommendConfig
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import METRIC_REPLICATES, MODEL_DISTRIBUTIONS, MODEL_METRICS, MODEL_RUNS, PROMOTIONS
from mapping_spark.tables.runs import content_hash
from mapping_spark.tables.store import Store


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gate reads."""

    runs: DataFrame
    """gold.model_runs."""
    measures: DataFrame
    """gold.model_metrics."""
    replicates: DataFrame
    """gold.metric_replicates."""
    distributions: DataFrame
    """gold.model_distributions."""
    promotions: DataFrame
    """gold.promotions."""

    def of(self, run_ids: list[str], config: GateConfig) -> list[Measured]:
        """What is known of these runs."""
        return measured_runs(run_ids, self.measures, self.replicates, self.distributions, config)


def judge(evidence: Evidence, configs: Mapping[str, ModelConfig], as_of: dt.date, config: GateConfig) -> DataFrame:
    """Rows of gold.promotions: the configured models' latest runs of the date against the champion and the baselines.

    No rows where nobody was counted: a date without a future decides nothing. Raises `MissingInput` where the champion has no
    run on the date, so that candidates could only be compared with baselines.
    """
    measured = evidence.of(list(latest_runs(evidence.runs, configs, as_of).values()), config)
    proven = champion_run(evidence.promotions)
    own = None if proven is None else same_recipe(proven, evidence.runs, as_of)
    champion = next((run for run in measured if run.run_id == own), None)
    if proven is not None and champion is None:
        fix = "Configure the champion's settings as they were promoted, or roll back."
        raise MissingInput(f"gold.model_metrics as of {as_of}", f"no measures of the champion {proven}'s recipe", "a run of it", fix)
    before = next(iter(evidence.of([proven], config)), None) if proven is not None and proven != own else None
    decided_at = dt.datetime.now(dt.UTC)
    decisions = [each.row(config.compared, as_of, decided_at) for each in decide(measured, champion, before, config)]
    return rows(evidence.runs.sparkSession, PROMOTIONS, *decisions)


def roll_back(store: Store) -> dict[str, str]:
    """Make the previous champion the champion again, as one more row of gold.promotions; returns model and run of both.

    Raises `MissingInput` where no champion was before this one.
    """
    promotions, runs = store.read(PROMOTIONS), store.read(MODEL_RUNS)
    present, previous = champion_run(promotions), previous_champion(promotions)
    found = {row.run_id: row for row in runs.where(F.col("run_id").isin(present, previous)).collect()}  # two rows
    if previous not in found:
        raise MissingInput("gold.model_runs", f"no run {previous}: the table was built anew since", "the previous champion", "Fit again.")
    facts = {
        "candidate_run_id": previous,
        "champion_run_id": present,
        "verdict": ROLLBACK,
        "reason": "rolled back by hand",
        "metric": "",
        "checks": "[]",
        "model": found[previous].model,
        "as_of_date": found[previous].as_of_date,
        "decided_at": dt.datetime.now(dt.UTC),
    }
    nothing = {"delta": None, "ci_low": None, "ci_high": None}
    store.insert_new(PROMOTIONS, rows(store.spark, PROMOTIONS, facts | nothing | {"decision_id": content_hash(facts)}))
    return {"from": found[present].model if present in found else str(present), "to": found[previous].model}


def pinned_inputs(store: Store) -> list[dict[str, Any]]:
    """What the champion and the one before it were fitted on: table name to version (of a deep model: the name of its training)."""
    if not (store.exists(PROMOTIONS) and store.exists(MODEL_RUNS)):
        return []
    standing = served_in_turn(store.read(PROMOTIONS))[:2]
    found = store.read(MODEL_RUNS).where(F.col("run_id").isin(standing)).select("input_versions").collect()  # two rows
    return [json.loads(row["input_versions"]) for row in found]


def serving(config: RecommendConfig, evidence: Evidence, configs: Mapping[str, ModelConfig], as_of: dt.date) -> RecommendConfig:
    """The settings with the model to serve: the champion, unless `recommend.model` names one.

    Raises `MissingInput` where there is no champion, where its recipe has no run on the date among the configured models, and
    where the gate rejected that run.
    """
    if config.model != CHAMPION:
        return config
    proven, fix = (
        champion_run(evidence.promotions),
        "Run evaluate_models and promote_models on a date with a future, or set recommend.model.",
    )
    if proven is None:
        raise MissingInput("gold.promotions", "no champion", "a model that passed the gate", fix)
    own = same_recipe(proven, evidence.runs, as_of)
    model = {run_id: name for name, run_id in latest_runs(evidence.runs, configs, as_of).items()}.get(own or "")
    if model is None:
        found = f"no run of the champion {proven}'s recipe among the configured models as of {as_of}"
        raise MissingInput("gold.model_runs", found, "its settings as they were promoted", "Configure and fit them, or roll back.")
    of_run = evidence.promotions.where(F.col("candidate_run_id") == F.lit(own))
    verdicts = of_run.orderBy(F.desc("decided_at"), "decision_id").limit(1).collect()  # one row
    if verdicts and verdicts[0].verdict == REJECTED:
        found = f"the champion's run was rejected: {verdicts[0].reason}"
        raise MissingInput("gold.promotions", found, "a run within the limits", "Roll back, or set recommend.model.")
    return config.model_copy(update={"model": model})


TABLES = (MODEL_RUNS, MODEL_METRICS, METRIC_REPLICATES, MODEL_DISTRIBUTIONS)
"""What `Evidence` is read from, in order, before gold.promotions itself."""
