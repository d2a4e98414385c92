"""Fit the configured models, save them, and find them again: gold.model_runs says what was fitted on what."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError, MissingInput
from mapping_spark.models import artifact, registry
from mapping_spark.models.base import FusionModel, ModelConfig, TrainingData, VectorModel, Vectors
from mapping_spark.side_by_side import as_finished
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import MODEL_RUNS
from mapping_spark.tables.runs import as_json, code_version, content_hash
from mapping_spark.tables.store import Store


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model as it was fitted: exactly one of `vectors` (retrieves) and `fusion` (ranks its members' lists) is set."""

    run_id: str
    vectors: Vectors | None = None
    fusion: FusionModel | None = None

    @property
    def retrieving(self) -> Vectors:
        """Its vectors. Raises `ConfigError` for a fusion model, which has none of its own."""
        if self.vectors is None:
            raise ConfigError(f"run {self.run_id}", "a fusion model", "a model with vectors", "Choose als, item_knn or tfidf.")
        return self.vectors


def fit_all(store: Store, configs: Mapping[str, ModelConfig], data: TrainingData, versions: Mapping[str, Any], seed: int) -> None:
    """Fit each model, save its artifact, then write its row: a model whose row exists is whole and is not fitted again.

    A run's id is a hash of model, settings, date, seed, input versions and code: equal runs have one id and one row. Two
    models are fitted at a time, so a run's `train_seconds` holds waiting for the other one.
    """
    done = {row["run_id"] for row in _of_date(store.read(MODEL_RUNS), data.as_of).select("run_id").collect()}  # one row per run
    settings = {name: _as_text(config) for name, config in configs.items()}
    ids = {name: content_hash([name, text, data.as_of, seed, dict(versions), code_version()]) for name, text in settings.items()}
    wanted = [name for name in configs if ids[name] not in done]
    if not wanted:
        return
    shared = {
        "as_of_date": data.as_of,
        "seed": seed,
        "input_versions": as_json(versions),
        "code_version": code_version(),
        "train_rows": data.interactions.count(),
    }
    fits = [partial(_run, registry.build(name, configs[name], seed), ids[name], settings[name], data, store) for name in wanted]
    for run in as_finished(fits):
        store.insert_new(MODEL_RUNS, rows(store.spark, MODEL_RUNS, shared | run))


def _run(model: registry.Model, run_id: str, settings: str, data: TrainingData, store: Store) -> dict[str, Any]:
    """Fit and save; what gold.model_runs says of it."""
    started_at, began = dt.datetime.now(dt.UTC), time.monotonic()
    uri = f"models/{run_id}"
    n_parameters = _fit(model, data, f"{store.root}/{uri}", store)
    return {
        "run_id": run_id,
        "model": model.name,
        "config": settings,
        "started_at": started_at,
        "ended_at": dt.datetime.now(dt.UTC),
        "artifact_uri": uri,
        "n_parameters": n_parameters,
        "train_seconds": time.monotonic() - began,
    }


def _fit(model: registry.Model, data: TrainingData, path: str, store: Store) -> int:
    """Fit and save; returns the numbers stored. A fusion model has nothing to store but its settings."""
    if not isinstance(model, VectorModel):
        return 0
    artifact.save(model.fit(data), path)
    return artifact.n_parameters(artifact.load(store.spark, path))


def load_all(store: Store, runs: DataFrame, configs: Mapping[str, ModelConfig], as_of: dt.date) -> dict[str, Fitted]:
    """The latest run of each model with these settings for the date. Raises `MissingInput` naming the models without one."""
    run = F.struct("run_id", "seed", "artifact_uri")
    latest = _of_date(runs, as_of).groupBy("model", "config").agg(F.max_by(run, F.struct("ended_at", "run_id")).alias("run"))
    found = {(row["model"], row["config"]): row["run"] for row in latest.collect()}  # one row per model and settings
    wanted = {name: (name, _as_text(config)) for name, config in configs.items()}
    missing = sorted(name for name, key in wanted.items() if key not in found)
    if missing:
        raise MissingInput(f"gold.model_runs as of {as_of}", f"no run of {missing} with these settings", "one run each", "Run fit_models.")
    return {name: _load(store, registry.build(name, configs[name], found[key]["seed"]), found[key]) for name, key in wanted.items()}


def _load(store: Store, model: registry.Model, run: Any) -> Fitted:
    if isinstance(model, VectorModel):
        return Fitted(run["run_id"], vectors=artifact.load(store.spark, f"{store.root}/{run['artifact_uri']}"))
    return Fitted(run["run_id"], fusion=model)


def _of_date(runs: DataFrame, as_of: dt.date) -> DataFrame:
    return runs.where(F.col("as_of_date") == F.lit(as_of))


def _as_text(config: ModelConfig) -> str:
    return json.dumps(config.model_dump(mode="json"), sort_keys=True)
