"""The gate's rules on numbers by hand, and its decisions over tiny tables."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.errors import MissingInput
from mapping_spark.evaluation.gate import GateConfig, Measured, champion_run, decide, measured_runs, previous_champion, same_recipe
from mapping_spark.evaluation.promote import Evidence, serving
from mapping_spark.models.registry import parse_configs
from mapping_spark.recommend.settings import RecommendConfig
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import METRIC_REPLICATES, MODEL_DISTRIBUTIONS, MODEL_METRICS, MODEL_RUNS, PROMOTIONS

CONFIG = GateConfig(baselines=("popularity", "als"))
TODAY, NOW = dt.date(2017, 12, 1), dt.datetime(2018, 1, 1, tzinfo=dt.UTC)


def run(model: str, value: float, *, spread: float = 0.01, run_id: str = "", **more: Any) -> Measured:
    """A run whose 200 replicates lie evenly within `spread` of its value; two runs of one spread differ by the same everywhere."""
    means = (value, *(value + spread * np.linspace(-1, 1, 200)))
    return Measured(run_id or model, model, means, **({"coverage": 0.5, "segment_gap": 0.01} | more))


POPULARITY, ALS = run("popularity", 0.10), run("als", 0.12)


def verdicts(
    *runs: Measured, champion: Measured | None = None, before: Measured | None = None, config: GateConfig = CONFIG
) -> dict[str, str]:
    return {each.candidate.run_id: each.verdict for each in decide(runs, champion, before, config)}


def test_the_best_candidate_that_beats_every_baseline_is_promoted() -> None:
    found = verdicts(POPULARITY, ALS, run("good", 0.14), run("better", 0.15), run("middling", 0.11))
    assert found == {"good": "kept", "better": "promoted", "middling": "rejected"}


def test_without_a_candidate_that_passes_the_best_baseline_is_the_first_champion() -> None:
    assert verdicts(POPULARITY, ALS, run("weak", 0.09)) == {"weak": "rejected", "als": "promoted"}


def test_a_deep_model_that_does_not_beat_the_baselines_is_rejected_and_the_row_says_so() -> None:
    (_, decision) = decide([POPULARITY, ALS, run("sasrec", 0.1201, spread=0.05)], ALS, None, CONFIG)
    assert decision.verdict == "rejected"
    assert "over champion als, lower end -0.03" in decision.reason
    assert decision.delta == pytest.approx(0.0001)
    row = decision.row(CONFIG.compared, TODAY, NOW)
    assert (row["metric"], row["champion_run_id"]) == ("ndcg@10 new_items", "als")
    assert row["decision_id"] == decision.row(CONFIG.compared, TODAY, NOW + dt.timedelta(days=1))["decision_id"]


def test_a_candidate_must_lie_above_the_margin_over_the_champion() -> None:
    champion, candidate = run("hybrid", 0.20), run("sasrec", 0.21)
    runs = (POPULARITY, ALS, champion, candidate)
    assert verdicts(*runs, champion=champion) == {"hybrid": "kept", "sasrec": "promoted"}
    assert verdicts(*runs, champion=champion, config=CONFIG.model_copy(update={"margin": 0.02}))["sasrec"] == "rejected"


@pytest.mark.parametrize("breach", [{"coverage": 0.001}, {"segment_gap": 0.9}, {"scoring_seconds": 9_999.0}])
def test_a_limit_that_is_broken_rejects(breach: dict[str, Any]) -> None:
    assert verdicts(POPULARITY, ALS, run("good", 0.2, **breach))["good"] == "rejected"


def test_many_comparisons_need_smaller_p_values() -> None:
    """Two-sided p of 0.03 for one candidate: enough for one comparison, not for eight."""
    near = Measured("near", "near", (0.1 + 2.17 * 0.05, *np.tile([0.05, 0.15], 100)), coverage=1.0)  # 2.17 standard errors
    flat = Measured("flat", "popularity", (0.1, *([0.1] * 200)), coverage=1.0)
    config = GateConfig(baselines=("popularity",))
    assert verdicts(flat, near, config=config) == {"near": "promoted"}
    others = [Measured(f"o{at}", f"o{at}", near.means, coverage=0.0) for at in range(7)]
    assert verdicts(flat, near, *others, config=config)["near"] == "rejected"


def test_drift_is_measured_between_runs_of_one_model() -> None:
    shown = {"item_popularity": {0: 50, 5: 50}, "score": {1: 100}}
    moved = {"item_popularity": {0: 5, 5: 95}, "score": {1: 100}}
    before, same, drifted = (run("als", 0.2, run_id=name, distributions=d) for name, d in (("b", shown), ("s", shown), ("d", moved)))
    assert verdicts(same, champion=same, before=before) == {"s": "kept"}
    (decision,) = decide([drifted], drifted, before, CONFIG)
    assert decision.verdict == "rejected"
    assert decision.reason == "the champion's run of the date: item_popularity PSI 1.272 (broken: at most 0.25)"
    other = run("item_knn", 0.2, run_id="o", distributions=moved)
    assert verdicts(other, champion=other, before=before) == {"o": "kept"}


def test_where_nobody_was_counted_nothing_is_decided() -> None:
    assert decide([Measured("a", "als"), Measured("p", "popularity")], None, None, CONFIG) == []


def test_settings_name_the_nearest_metric() -> None:
    with pytest.raises(ValidationError, match=r"'ndgc' \(did you mean 'ndcg'\?\)"):
        GateConfig(metric="ndgc")
    with pytest.raises(ValidationError, match="novelty says nothing of what was right"):
        GateConfig(metric="novelty")
    with pytest.raises(ValidationError, match="no protocol is called 'new'"):
        GateConfig(protocol="new")


def promotions(spark: SparkSession, *decided: tuple[str, str]) -> DataFrame:
    """(verdict, candidate), one day after the other."""
    return rows(
        spark,
        PROMOTIONS,
        *(
            dict(decision_id=f"{at}", verdict=verdict, candidate_run_id=run_id, decided_at=NOW + dt.timedelta(days=at))
            for at, (verdict, run_id) in enumerate(decided)
        ),
    )


def test_the_champion_is_the_last_promoted_and_rollback_takes_it_out_of_the_line(spark: SparkSession) -> None:
    line = [("promoted", "a"), ("rejected", "x"), ("promoted", "b"), ("promoted", "c"), ("kept", "y")]
    assert champion_run(promotions(spark)) is None
    assert (champion_run(promotions(spark, *line)), previous_champion(promotions(spark, *line))) == ("c", "b")
    back = promotions(spark, *line, ("rollback", "b"))
    assert (champion_run(back), previous_champion(back)) == ("b", "a")
    with pytest.raises(MissingInput, match=r"1 champion\(s\) in turn"):
        previous_champion(promotions(spark, ("promoted", "a")))


def model_runs(spark: SparkSession, *runs: tuple[str, str, str, dt.date]) -> DataFrame:
    """(run_id, model, config, date)."""
    return rows(spark, MODEL_RUNS, *(dict(run_id=r, model=m, config=c, as_of_date=d) for r, m, c, d in runs))


def test_a_recipe_is_found_again_on_another_date(spark: SparkSession) -> None:
    runs = model_runs(spark, ("a1", "als", "{}", dt.date(2017, 11, 1)), ("a2", "als", "{}", TODAY), ("b2", "als", "{other}", TODAY))
    assert same_recipe("a1", runs, TODAY) == "a2"
    assert same_recipe("b2", runs, dt.date(2017, 11, 1)) is None
    with pytest.raises(MissingInput, match="no champion gone: the table was built anew since"):
        same_recipe("gone", runs, TODAY)


def test_measures_are_read_at_the_metric_and_cut_off_alone(spark: SparkSession) -> None:
    shared = dict(run_id="a", model="als", protocol="new_items", k=10, segment="all")
    measures = rows(
        spark,
        MODEL_METRICS,
        shared | dict(metric="ndcg", value=0.25),
        shared | dict(metric="ndcg", value=0.5, k=5),
        shared | dict(metric="ndcg", value=0.75, protocol="all_items"),
        shared | dict(metric="ndcg", value=0.125, segment="largest_gap"),
        shared | dict(metric="coverage", value=0.3),
        shared | dict(metric="scoring_seconds", value=7.0, k=20),
    )
    replicates = rows(spark, METRIC_REPLICATES, shared | dict(metric="ndcg", means=[0.25, 0.2, None, 0.3]))  # nobody was drawn once
    shown = {key: value for key, value in shared.items() if key != "segment"}
    distributions = rows(spark, MODEL_DISTRIBUTIONS, shown | dict(quantity="score", bin=2, n=9, k=20))
    (found,) = measured_runs(["a", "unknown"], measures, replicates, distributions, CONFIG)
    assert np.array(found.means) == pytest.approx([0.25, 0.2, np.nan, 0.3], nan_ok=True)
    assert replace(found, means=()) == Measured("a", "als", (), 0.3, 0.125, 7.0, {"score": {2: 9}})


def test_what_is_served(spark: SparkSession) -> None:
    configs = parse_configs({"popularity": {}})
    text = configs["popularity"].model_dump_json().replace(":", ": ").replace(",", ", ")
    runs = model_runs(spark, ("p1", "popularity", text, TODAY), ("old", "als", "{}", TODAY))
    nothing = [rows(spark, table) for table in (MODEL_METRICS, METRIC_REPLICATES, MODEL_DISTRIBUTIONS)]

    def served(*decided: tuple[str, str], model: str = "champion") -> str:
        evidence = Evidence(*[runs, *nothing, promotions(spark, *decided)])
        return serving(RecommendConfig(model=model), evidence, configs, TODAY).model

    assert served(("promoted", "p1")) == "popularity"
    assert served(("promoted", "p1"), model="als") == "als"
    for decided, told in [
        ([], "no champion"),
        ([("promoted", "old")], "no run of the champion old's recipe among the configured models"),
        ([("promoted", "p1"), ("rejected", "p1")], "the champion's run was rejected"),
    ]:
        with pytest.raises(MissingInput, match=told):
            served(*decided)
