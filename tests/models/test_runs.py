"""Runs of models: fitted once, saved whole, found again by model, settings and date; deep models by their snapshots."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.errors import ConfigError, MissingInput
from mapping_spark.evaluation.gate import same_recipe
from mapping_spark.models.base import ModelConfig, TrainingData
from mapping_spark.models.deep_runs import deep_models, deep_vector_models, plans, trainings
from mapping_spark.models.fitting import Fitted, Inputs, fit_all, latest_runs, load_all, load_run
from mapping_spark.models.registry import parse_configs
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import MODEL_RUNS
from mapping_spark.tables.ops import SNAPSHOTS
from mapping_spark.tables.store import Store
from mapping_spark.training.settings import TrainingConfig

from .checkerboard import AS_OF, training_data

NOW, EARLIER = dt.datetime(2018, 1, 1, tzinfo=dt.UTC), AS_OF - dt.timedelta(days=30)
CONFIGS = parse_configs({"popularity": {"window_days": 7}, "hybrid": {"history_from": [0], "weights": {"popularity": [1]}}})
DEEP = parse_configs({"popularity": {}, "mf_bpr": {}, "ncf": {}, "lstm": {}})


def test_a_run_is_fitted_once_and_comes_back_as_it_was_saved(spark: SparkSession, tmp_path: Path) -> None:
    """Two users chose item 0 and one of them item 1: popularity scores 2 + 2/3 and 1 + 1/3."""
    store = Store(spark, str(tmp_path))
    store.create(MODEL_RUNS)
    inputs = Inputs(training_data(spark, ((0, 0), (1, 0), (1, 1))), {"silver.interactions": 4}, {})
    run_ids = fit_all(store, CONFIGS, inputs, seed=7)
    assert fit_all(store, CONFIGS, inputs, seed=7) == run_ids
    runs = {row.run_id: row for row in store.read(MODEL_RUNS).collect()}
    assert set(runs) == set(run_ids.values())  # the second time nothing was added
    popularity, hybrid = runs[run_ids["popularity"]], runs[run_ids["hybrid"]]
    assert (popularity.n_parameters, hybrid.n_parameters) == (2 + 2, 0)  # a fusion has nothing but its settings
    assert (popularity.train_rows, popularity.seed, popularity.artifact_uri) == (3, 7, f"models/{popularity.run_id}")
    assert json.loads(popularity.input_versions) == {"silver.interactions": 4}
    models = load_all(store, store.read(MODEL_RUNS), CONFIGS, AS_OF)
    assert list(models) == ["popularity", "hybrid"]
    items = {row.item_idx: row["values"][0] for row in models["popularity"].retrieving.items.collect()}
    assert items == pytest.approx({0: 2 + 2 / 3, 1: 1 + 1 / 3})
    assert models["hybrid"].fusion is not None
    assert (models["hybrid"].vectors, models["hybrid"].fusion.members) == (None, ("popularity",))
    assert load_run(store, "popularity", CONFIGS["popularity"], popularity.run_id).run_id == popularity.run_id
    with pytest.raises(MissingInput, match="gold.model_runs: no run gone; expected the run fitted. Fit the model again."):
        load_run(store, "popularity", CONFIGS["popularity"], "gone")
    for configs, as_of in [(parse_configs({"popularity": {"window_days": 8}}), AS_OF), (CONFIGS, EARLIER)]:
        with pytest.raises(MissingInput, match=r"no run of \['.*popularity'\] with these settings.*Run fit_models"):
            load_all(store, store.read(MODEL_RUNS), configs, as_of)


def test_a_fusion_has_no_vectors_of_its_own() -> None:
    with pytest.raises(ConfigError, match="run r1: a fusion model; expected a model with vectors"):
        _ = Fitted("r1").retrieving


def run(run_id: str, hours: int, as_of: dt.date = AS_OF, days: int = 30, versions: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Of popularity with a window of so many days."""
    config, told = json.dumps({"window_days": days}), json.dumps(versions or {"silver.events": 3})
    ended = NOW + dt.timedelta(hours=hours)
    return {"run_id": run_id, "model": "popularity", "config": config, "input_versions": told, "as_of_date": as_of, "ended_at": ended}


def test_a_dates_run_is_the_latest_with_the_settings_and_no_trial_of_a_search(spark: SparkSession) -> None:
    """A search measures the configured settings too, on a share of the users, and ends later."""
    runs = rows(
        spark,
        MODEL_RUNS,
        run("old", 1),
        run("new", 2),
        run("other settings", 3, days=8),
        run("other date", 4, EARLIER),
        run("trial", 5, versions={"silver.events": 3, "share of users": 1 / 9}),
    )
    configs = parse_configs({"popularity": {}, "repeat": {}})
    assert latest_runs(runs, configs, AS_OF) == {"popularity": "new"}  # repeat has none
    assert latest_runs(runs, configs, EARLIER) == {"popularity": "other date"}
    assert same_recipe("other date", runs, AS_OF) == "new"


def test_of_two_runs_that_ended_together_one_is_taken_always(spark: SparkSession) -> None:
    runs = rows(spark, MODEL_RUNS, run("b", 1), run("a", 1), run("c", 0))
    assert latest_runs(runs, parse_configs({"popularity": {}}), AS_OF) == {"popularity": "b"}
    assert same_recipe("a", runs, AS_OF) == "b"


def test_deep_models_are_those_that_train() -> None:
    assert set(deep_models(DEEP, seed=7)) == {"mf_bpr", "ncf", "lstm"}
    assert [model.seed for model in deep_models(DEEP, seed=7, only="ncf").values()] == [7]
    assert deep_vector_models(DEEP, seed=7) == {name: DEEP[name] for name in ("mf_bpr", "lstm")}  # ncf ranks what others found
    for name in ("popularity", "sasrec"):
        with pytest.raises(ConfigError, match=rf"model: '{name}'; expected a configured deep model, \['lstm', 'mf_bpr', 'ncf'\]"):
            deep_models(DEEP, seed=7, only=name)


def snapshot(name: str, shape: str, hours: int, as_of: dt.date = AS_OF) -> dict[str, Any]:
    return {"snapshot_id": name, "shape": shape, "as_of_date": as_of, "created_at": NOW + dt.timedelta(hours=hours)}


def test_each_deep_model_is_trained_on_the_dates_latest_snapshot_of_its_shape(spark: SparkSession) -> None:
    told = [snapshot("old", "interactions", 1), snapshot("new", "interactions", 2), snapshot("walks", "sequences", 0)]
    snapshots = rows(spark, SNAPSHOTS, *told, snapshot("later", "sequences", 9, EARLIER))
    found = trainings("root", snapshots, deep_models(DEEP, seed=8), TrainingConfig(ranks=1), AS_OF)
    assert {name: each.snapshot for name, each in found.items()} == {
        "mf_bpr": "root/snapshots/new",
        "ncf": "root/snapshots/new",
        "lstm": "root/snapshots/walks",
    }
    assert {each.config.seed for each in found.values()} == {8}
    assert len({each.training_id for each in found.values()}) == 3
    assert found["ncf"].weights.folder == f"root/models/{found['ncf'].training_id}"
    with pytest.raises(MissingInput, match=r"no snapshot of \['sequences'\]; expected one of each shape. Run build_snapshot."):
        trainings("root", snapshots.where("shape = 'interactions'"), deep_models(DEEP, seed=8), TrainingConfig(ranks=1), AS_OF)
    assert trainings("root", snapshots, {}, TrainingConfig(ranks=1), AS_OF) == {}
    assert plans({}) == []


def test_without_choices_or_weights_it_says_which_step_is_missing(spark: SparkSession, tmp_path: Path) -> None:
    data = training_data(spark, ((0, 0),))
    with pytest.raises(MissingInput, match="training data: no choices; expected one row per event in order"):
        _ = TrainingData(data.interactions, data.items, data.as_of).in_order
    snapshots = rows(spark, SNAPSHOTS, snapshot("s", "interactions", 1))
    configs: dict[str, ModelConfig] = {"mf_bpr": DEEP["mf_bpr"]}
    (trained,) = trainings(str(tmp_path), snapshots, deep_models(configs, seed=7), TrainingConfig(ranks=1), AS_OF).values()
    with pytest.raises(MissingInput, match="weights of mf_bpr: none under .*; expected a finished training. Run train_deep."):
        trained.weights.facts()
