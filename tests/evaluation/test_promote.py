"""The gate over tables: who is judged on a date, which rows come of it, and what a rollback brings back."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from mapping_spark.errors import MissingInput
from mapping_spark.evaluation.gate import GateConfig, served_in_turn
from mapping_spark.evaluation.promote import Evidence, judge, pinned_inputs, roll_back
from mapping_spark.models.registry import parse_configs
from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import METRIC_REPLICATES, MODEL_DISTRIBUTIONS, MODEL_METRICS, MODEL_RUNS, PROMOTIONS
from mapping_spark.tables.store import Store

BEFORE, TODAY, NOW = dt.date(2017, 11, 1), dt.date(2017, 12, 1), dt.datetime(2018, 1, 1, tzinfo=dt.UTC)
CONFIGS = parse_configs({"popularity": {}, "repeat": {}, "item_knn": {}})
GATE = GateConfig(baselines=("popularity", "repeat"))
Values = dict[str, float]
"""Run id to its metric. The id's first part is the model, the rest the date: `repeat today`."""
TODAYS: Values = {"popularity today": 0.125, "repeat today": 0.25, "item_knn today": 0.5}


def of_run(run_id: str) -> dict[str, Any]:
    model, _, day = run_id.partition(" ")
    return {"run_id": run_id, "model": model, "as_of_date": TODAY if day.startswith("today") else BEFORE}


def fitted(run_id: str, **more: Any) -> dict[str, Any]:
    """A row of gold.model_runs, with the settings as they are configured."""
    config = json.dumps(CONFIGS[of_run(run_id)["model"]].model_dump(mode="json"), sort_keys=True)
    return of_run(run_id) | {"config": config, "ended_at": NOW} | more


def told(run_id: str, value: float) -> dict[str, Any]:
    return of_run(run_id) | {"metric": "ndcg", "protocol": "new_items", "k": 10, "segment": "all", "value": value}


def promoted(run_id: str, hour: int = 0, verdict: str = "promoted") -> dict[str, Any]:
    return {"decision_id": f"{hour}", "candidate_run_id": run_id, "verdict": verdict, "decided_at": NOW + dt.timedelta(hours=hour)}


def judged(
    spark: SparkSession,
    values: Values,
    *promotions: dict[str, Any],
    runs: tuple[str, ...] = (),
    bins: dict[str, dict[int, int]] | None = None,
) -> dict[str, Row]:
    """The decisions of today by model. `runs`: fitted and never measured; `bins`: how the scores of a run lie."""
    scores = [
        of_run(run_id) | dict(protocol="new_items", quantity="score", k=10, bin=at, n=n)
        for run_id, counts in (bins or {}).items()
        for at, n in counts.items()
    ]
    replicates = [told(run_id, value) | {"means": [value] * 3} for run_id, value in values.items()]
    content: dict[Table, list[dict[str, Any]]] = {
        MODEL_RUNS: [fitted(run_id) for run_id in (*values, *runs)],
        MODEL_METRICS: [told(run_id, value) for run_id, value in values.items()],
        METRIC_REPLICATES: [{name: row[name] for name in row if name != "value"} for row in replicates],
        MODEL_DISTRIBUTIONS: scores,
        PROMOTIONS: list(promotions),
    }
    evidence = Evidence(*(rows(spark, table, *records) for table, records in content.items()))
    found = judge(evidence, CONFIGS, TODAY, GATE)
    assert tuple(found.columns) == PROMOTIONS.column_names
    return {row.model: row for row in found.collect()}


def test_the_first_champion_beats_every_baseline_of_its_date(spark: SparkSession) -> None:
    (decision,) = judged(spark, TODAYS | {"item_knn before": 0.9}).values()
    assert (decision.candidate_run_id, decision.verdict, decision.champion_run_id) == ("item_knn today", "promoted", None)
    assert (decision.delta, decision.ci_low, decision.ci_high) == (0.25, 0.25, 0.25)  # over repeat, the better baseline
    assert (decision.metric, decision.as_of_date) == ("ndcg@10 new_items", TODAY)
    held = {rule["name"]: rule["held"] for rule in json.loads(decision.checks)}
    assert held["over popularity by 0.3750, adjusted p"]
    assert all(held.values())


def test_a_champion_of_an_earlier_date_is_judged_by_its_recipes_run_of_today(spark: SparkSession) -> None:
    values = TODAYS | {"repeat before": 0.25}
    found = judged(spark, values, promoted("repeat before"), bins={"repeat before": {1: 90, 2: 10}, "repeat today": {1: 10, 2: 90}})
    assert (found["repeat"].candidate_run_id, found["repeat"].verdict) == ("repeat today", "rejected")
    assert found["repeat"].reason.startswith("the champion's run of the date: score PSI 3.4")  # 2 * (90.5 - 10.5) / 101 * ln(90.5 / 10.5)
    assert (found["item_knn"].verdict, found["item_knn"].champion_run_id, found["item_knn"].delta) == ("promoted", "repeat today", 0.25)
    assert set(found) == {"repeat", "item_knn"}


def test_the_run_that_was_promoted_has_not_drifted_from_itself(spark: SparkSession) -> None:
    found = judged(spark, TODAYS, promoted("item_knn today"), bins={"item_knn today": {1: 5}})
    assert {model: row.verdict for model, row in found.items()} == {"item_knn": "kept"}
    drift = {rule["name"]: rule["number"] for rule in json.loads(found["item_knn"].checks)}
    assert drift["score PSI"] is None


def test_a_date_without_measures_decides_nothing(spark: SparkSession) -> None:
    assert judged(spark, {}, runs=tuple(TODAYS)) == {}


@pytest.mark.parametrize(
    ("champion", "runs", "found"),
    [
        ("item_knn before", ("item_knn before", "item_knn today"), "no measures of the champion item_knn before's recipe"),
        ("item_knn before", ("item_knn before",), "no measures of the champion item_knn before's recipe"),
        ("item_knn gone", ("item_knn today",), "no champion item_knn gone: the table was built anew since"),
    ],
)
def test_a_champion_without_measures_on_the_date_stops_the_gate(
    spark: SparkSession, champion: str, runs: tuple[str, ...], found: str
) -> None:
    with pytest.raises(MissingInput, match=found):
        judged(spark, {"popularity today": 0.125}, promoted(champion), runs=runs)


def test_rolling_back_serves_the_one_before_and_pins_what_both_were_fitted_on(spark: SparkSession, tmp_path: Path) -> None:
    store = Store(spark, str(tmp_path))
    assert pinned_inputs(store) == []  # before anything was promoted
    for table in (MODEL_RUNS, PROMOTIONS):
        store.create(table)
    names = ("popularity before", "repeat before", "item_knn today")
    runs = [fitted(run_id, input_versions=json.dumps({"silver.interactions": at})) for at, run_id in enumerate(names)]
    store.insert_new(MODEL_RUNS, rows(spark, MODEL_RUNS, *runs))
    store.insert_new(PROMOTIONS, rows(spark, PROMOTIONS, *(promoted(run_id, hour) for hour, run_id in enumerate(names))))
    assert sorted(versions["silver.interactions"] for versions in pinned_inputs(store)) == [1, 2]
    assert roll_back(store) == {"from": "item_knn", "to": "repeat"}
    (row,) = store.read(PROMOTIONS).where("verdict = 'rollback'").collect()
    assert (row.candidate_run_id, row.champion_run_id, row.as_of_date) == ("repeat before", "item_knn today", BEFORE)
    assert (row.delta, row.checks, row.reason) == (None, "[]", "rolled back by hand")
    assert served_in_turn(store.read(PROMOTIONS)) == ["repeat before", "popularity before"]
    assert sorted(versions["silver.interactions"] for versions in pinned_inputs(store)) == [0, 1]
