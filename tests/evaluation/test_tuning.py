"""The search for settings: rounds by hand, and a search on a tiny shop that reads no day of the test period."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pyspark.sql import SparkSession

from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.evaluate import Truth
from mapping_spark.evaluation.gate import GateConfig
from mapping_spark.evaluation.settings import EvaluationConfig
from mapping_spark.evaluation.tuning import TuningConfig, Validation, best, search, space_of
from mapping_spark.models.base import TrainingData
from mapping_spark.models.space import Choice, Span
from mapping_spark.recommend.settings import Grid
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.gold import MODEL_METRICS, MODEL_RUNS
from mapping_spark.tables.silver import INTERACTIONS
from mapping_spark.tables.store import Store

SPACE = {"x": Choice(tuple(range(100)))}


def by_x(settings: Mapping[str, Any], share: float) -> tuple[float, str]:
    """The larger x the better; on few users an even x seems better by 1.5."""
    return settings["x"] + (1.5 if share < 1 and settings["x"] % 2 == 0 else 0), f"{settings['x']}@{share:.2f}"


def test_each_round_keeps_the_better_third_on_three_times_the_users() -> None:
    trials = search(SPACE, {"x": 0}, by_x, TuningConfig(trials=9), seed=7)
    rounds = {share: [trial for trial in trials if trial.share == share] for share in TuningConfig().shares}
    assert [len(found) for found in rounds.values()] == [9, 3, 1]
    assert list(rounds) == pytest.approx([1 / 9, 1 / 3, 1])
    first, second, last = ([trial.settings["x"] for trial in found] for found in rounds.values())
    assert sorted(second) == sorted(sorted(first, key=lambda x: -by_x({"x": x}, 0.1)[0])[:3])
    assert best(trials).settings["x"] == last[0]


def test_random_search_measures_each_settings_once_on_everyone_and_begins_with_those_configured() -> None:
    trials = search(SPACE, {"x": 3}, by_x, TuningConfig(trials=5, smallest_share=1), seed=7)
    assert [trial.share for trial in trials] == [1.0] * 5
    assert trials[0].settings == {"x": 3}
    assert best(trials).value == max(trial.settings["x"] for trial in trials)
    assert trials == search(SPACE, {"x": 3}, by_x, TuningConfig(trials=5, smallest_share=1), seed=7)


def test_a_span_draws_each_octave_as_often() -> None:
    rng, span = random.Random(7), Span(1.0, 16.0)
    drawn = [span.draw(rng) for _ in range(4_000)]
    assert all(1 <= value <= 16 for value in drawn)
    assert sum(value < 2 for value in drawn) == pytest.approx(1_000, abs=120)  # 4 standard deviations of 27
    assert {Span(1, 3).draw(rng) for _ in range(50)} == {1, 2, 3}
    assert min(Span(0.0, 1.0).draw(rng) for _ in range(100)) < 0.1


def test_names_without_a_space_are_refused_and_shares_end_at_everyone() -> None:
    with pytest.raises(ConfigError, match=r"the model 'hybrid'; expected a model with a declared space, one of \['als'"):
        space_of("hybrid")
    assert TuningConfig(smallest_share=0.5, reduction=3).shares == (0.5, 1.0)
    with pytest.raises(ValidationError):
        TuningConfig(reduction=1)


def test_trials_are_runs_with_metrics_and_a_share_of_users_is_a_run_of_its_own(spark: SparkSession, tmp_path: Path) -> None:
    """Ten users take item 2 next: four had it long ago, which only popularity over a long window counts; three had item 3 lately."""
    lately, long_ago = dt.datetime(2017, 10, 30, 12, tzinfo=dt.UTC), dt.datetime(2017, 10, 1, 12, tzinfo=dt.UTC)
    had = [(1, lately, range(10)), (2, long_ago, range(10, 14)), (3, lately, range(14, 17))]
    pairs = [dict(user_idx=user, item_idx=item, last_at=at) for item, at, users in had for user in users]
    interactions = rows(spark, INTERACTIONS, *pairs)
    texts = small(spark, [(1, None), (2, None), (3, None)], "item_idx bigint, text string")
    relevant = small(spark, [("new_items", user, 2) for user in range(10)], "protocol string, user_idx bigint, item_idx bigint")
    store = Store(spark, str(tmp_path / "warehouse"))
    gate, evaluation = GateConfig(k=1), EvaluationConfig(ks=(1, 3))
    for table in (MODEL_RUNS, MODEL_METRICS):
        store.create(table)
    data = TrainingData(interactions, texts, dt.date(2017, 11, 1))
    validation = Validation(store, data, {}, Truth(relevant, interactions), evaluation, gate, Grid(), seed=7)
    short, whole = validation.measure("popularity", {"window_days": 7}, 1.0), validation.measure("popularity", {"window_days": 60}, 1.0)
    assert (short[0], whole[0]) == (0, 1)
    part = validation.measure("popularity", {"window_days": 60}, 0.5)
    assert part[1] != whole[1]
    assert {row.run_id for row in store.read(MODEL_RUNS).collect()} == {short[1], whole[1], part[1]}
    assert {row.as_of_date for row in store.read(MODEL_METRICS).collect()} == {dt.date(2017, 11, 1)}
