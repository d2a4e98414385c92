"""Fit the configured models, save them, and find them again: gold.model_runs says what was fitted on what."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.utils import is_remote

from mapping_spark.errors import ConfigError, MissingInput
from mapping_spark.files import filesystem, is_local
from mapping_spark.models import artifact, registry
from mapping_spark.models.base import DeepVectorModel, Fusion, FusionModel, ModelConfig, PairModel, TrainingData, VectorModel, Vectors
from mapping_spark.side_by_side import as_finished
from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import MODEL_RUNS
from mapping_spark.tables.runs import as_json, code_version, content_hash
from mapping_spark.tables.silver import ITEM_IDS, USER_IDS
from mapping_spark.tables.sizing import LimitsConfig, refuse_large_factors
from mapping_spark.tables.store import Store

if TYPE_CHECKING:
    from mapping_spark.models.deep import Trained


TRIAL_SHARE = "share of users"
"""Among the versions of its inputs, what tells the run of a trial (a search for settings) from a date's own run."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model as it was fitted: exactly one of `vectors` (retrieves) and `fusion` (ranks its members' lists) is set."""

    run_id: str
    vectors: Vectors | None = None
    fusion: Fusion | None = None

    @property
    def retrieving(self) -> Vectors:
        """Its vectors. Raises `ConfigError` for a fusion model, which has none of its own."""
        if self.vectors is None:
            raise ConfigError(f"run {self.run_id}", "a fusion model", "a model with vectors", "Choose als, item_knn or tfidf.")
        return self.vectors


@dataclass(frozen=True, slots=True)
class Inputs:
    """What models are fitted on: the data and the versions of its tables, and the weights of the deep ones."""

    data: TrainingData
    versions: Mapping[str, Any]
    trained: Mapping[str, Trained]


def fit_all(store: Store, configs: Mapping[str, ModelConfig], inputs: Inputs, seed: int) -> dict[str, str]:
    """Fit each model, save its artifact, then write its row: a model whose row exists is whole and is not fitted again.
    Returns the run of each model.

    A run's id is a hash of model, settings, date, seed, inputs and code: equal runs have one id and one row. A deep model
    is fitted by reading the vectors out of its trained weights. Two models are fitted at a time, so a run's `train_seconds`
    holds waiting for the other one.
    """
    data = inputs.data
    done = {row["run_id"] for row in _of_date(store.read(MODEL_RUNS), data.as_of).select("run_id").collect()}  # one row per run
    fits = [_Fit(registry.build(name, config, seed), config, seed, inputs) for name, config in configs.items()]
    wanted = [fit for fit in fits if fit.run_id not in done]
    run_ids = {fit.model.name: fit.run_id for fit in fits}
    if not wanted:
        return run_ids
    shared = {"as_of_date": data.as_of, "seed": seed, "code_version": code_version(), "train_rows": data.interactions.count()}
    with spark_checkpoints(store):
        for run in as_finished(store.spark, (partial(fit.run, store) for fit in wanted)):
            store.insert_new(MODEL_RUNS, rows(store.spark, MODEL_RUNS, shared | run))
    return run_ids


@contextmanager
def spark_checkpoints(store: Store) -> Iterator[None]:
    """A place for Spark's checkpoints (ALS makes some) under the root, which all executors see, while models are fitted.

    A session that has a place of its own keeps it; over Spark Connect it is the server's.
    """
    place = f"{store.root}/spark_checkpoints"
    if is_remote() or not _is_ours(store.spark.sparkContext.getCheckpointDir(), place):
        yield
        return
    store.spark.sparkContext.setCheckpointDir(place)
    folder = PurePosixPath(store.spark.sparkContext.getCheckpointDir() or "").name  # Spark's own, so that two sessions may share the place
    try:
        yield
    finally:
        files, path = filesystem(f"{place}/{folder}")
        files.delete_dir_contents(path, missing_dir_ok=True)
        if is_local(files):  # elsewhere an empty folder is none
            files.delete_dir(path)


def _is_ours(directory: str | None, place: str) -> bool:
    return directory is None or directory.removeprefix("file:").startswith(place)


def load_run(store: Store, name: str, config: ModelConfig, run_id: str) -> Fitted:
    """One run of a model. Raises `MissingInput` where gold.model_runs has no such run."""
    found = store.read(MODEL_RUNS).where(F.col("run_id") == run_id).collect()  # one row: run_id is the key
    if not found:
        raise MissingInput("gold.model_runs", f"no run {run_id}", "the run fitted", "Fit the model again.")
    return _load(store, registry.build(name, config, found[0]["seed"]), found[0])


@dataclass(frozen=True, slots=True)
class _Fit:
    """One model to fit."""

    model: registry.Model
    config: ModelConfig
    seed: int
    inputs: Inputs

    @property
    def trained(self) -> Trained | None:
        return self.inputs.trained.get(self.model.name)

    @property
    def versions(self) -> dict[str, Any]:
        return dict(self.inputs.versions) if self.trained is None else {"training": self.trained.training_id}

    @property
    def run_id(self) -> str:
        as_of = self.inputs.data.as_of
        return content_hash([self.model.name, _as_text(self.config), as_of, self.seed, self.versions, code_version()])

    def run(self, store: Store) -> dict[str, Any]:
        """Fit and save; what gold.model_runs says of it."""
        started_at, began, trained = dt.datetime.now(dt.UTC), time.monotonic(), self.trained
        uri = f"models/{self.run_id if trained is None else trained.training_id}"
        n_parameters = _fit(self.model, self.inputs.data, f"{store.root}/{uri}", store) if trained is None else _read_out(trained, store)
        return {
            "run_id": self.run_id,
            "model": self.model.name,
            "config": _as_text(self.config),
            "input_versions": as_json(self.versions),
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


def _read_out(trained: Trained, store: Store) -> int:
    """Save the vectors beside the weights, unless the model scores pairs; returns the weights' numbers."""
    from mapping_spark.models import deep  # torch: only where a deep model is configured

    if isinstance(trained.model, DeepVectorModel):
        artifact.save(deep.vectors(store.spark, trained, trained.model), trained.weights.folder)
    return sum(weight.numel() for weight in trained.weights.load().parameters())


def load_all(store: Store, runs: DataFrame, configs: Mapping[str, ModelConfig], as_of: dt.date) -> dict[str, Fitted]:
    """The latest run of each model with these settings for the date. Raises `MissingInput` naming the models without one."""
    found = _latest(runs, configs, as_of)
    missing = sorted(set(configs) - set(found))
    if missing:
        raise MissingInput(f"gold.model_runs as of {as_of}", f"no run of {missing} with these settings", "one run each", "Run fit_models.")
    return {name: _load(store, registry.build(name, configs[name], found[name]["seed"]), found[name]) for name in configs}


def latest_runs(runs: DataFrame, configs: Mapping[str, ModelConfig], as_of: dt.date) -> dict[str, str]:
    """Id of the latest run of each model with these settings for the date, by model; those without one are not in it."""
    return {name: run["run_id"] for name, run in _latest(runs, configs, as_of).items()}


def without_trials(runs: DataFrame) -> DataFrame:
    """Rows of gold.model_runs that a date's models are taken from: a trial has the settings of one, and a share of its users."""
    return runs.where(F.get_json_object("input_versions", f"$['{TRIAL_SHARE}']").isNull())


def _latest(runs: DataFrame, configs: Mapping[str, ModelConfig], as_of: dt.date) -> dict[str, Any]:
    run = F.struct("run_id", "seed", "artifact_uri")
    latest = (
        without_trials(_of_date(runs, as_of)).groupBy("model", "config").agg(F.max_by(run, F.struct("ended_at", "run_id")).alias("run"))
    )
    found = {(row["model"], row["config"]): row["run"] for row in latest.collect()}  # one row per model and settings
    wanted = {name: (name, _as_text(config)) for name, config in configs.items()}
    return {name: found[key] for name, key in wanted.items() if key in found}


def _load(store: Store, model: registry.Model, run: Any) -> Fitted:
    folder = f"{store.root}/{run['artifact_uri']}"
    if isinstance(model, PairModel):
        from mapping_spark.models.deep import Ranker, Weights

        return Fitted(run["run_id"], fusion=Ranker(Weights(model, folder), model))
    if isinstance(model, FusionModel):
        return Fitted(run["run_id"], fusion=model)
    return Fitted(run["run_id"], vectors=artifact.load(store.spark, folder))


def _of_date(runs: DataFrame, as_of: dt.date) -> DataFrame:
    return runs.where(F.col("as_of_date") == F.lit(as_of))


def _as_text(config: ModelConfig) -> str:
    return json.dumps(config.model_dump(mode="json"), sort_keys=True)


def describe_factors(models: Mapping[str, ModelConfig], limits: LimitsConfig, count: Callable[[Table], int]) -> list[str]:
    """A line per model that holds factors of all users and items. Raises `ConfigError` where they lie over the limit.

    `count`: rows of a table.
    """
    n_users, n_items = count(USER_IDS), count(ITEM_IDS)
    sizes = {name: size for name, config in models.items() if (size := config.factor_bytes(n_users, n_items))}
    for name, size in sizes.items():
        refuse_large_factors(name, size, limits)
    return [f"{name}: factors of {size / 1e6:,.1f} MB" for name, size in sizes.items()]
