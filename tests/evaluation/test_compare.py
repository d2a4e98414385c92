"""Lists of models and of their fusion, searched once per protocol, and what judging them says."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping

import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.evaluation.compare import Protocol, Timed, compare, lists_of_all, truth_of
from mapping_spark.evaluation.settings import EvaluationConfig
from mapping_spark.models.base import Vectors
from mapping_spark.models.fitting import Fitted
from mapping_spark.models.hybrid import Hybrid, HybridConfig
from mapping_spark.recommend.settings import Grid
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.silver import INTERACTIONS

ONE, AS_OF = Grid(1, 1), dt.date(2017, 12, 1)
FUSION = HybridConfig(history_from=(0,), weights={"popularity": (1.0,), "als": (1.0,)}, rank_constant=0, depth=2)
"""Score: 1 / place in the one list + 1 / place in the other, of the first two places."""
Lists = dict[int, list[int]]


@pytest.fixture(scope="module")
def interactions(spark: SparkSession) -> DataFrame:
    return rows(spark, INTERACTIONS, *(dict(user_idx=user, item_idx=item) for user, item in [(1, 10), (2, 20), (2, 30)])).localCheckpoint()


def crowd(spark: SparkSession, scores: Mapping[int, float]) -> Vectors:
    """The same scores of items for users 1 and 2."""
    vector = "indices array<int>, values array<float>"
    users = small(spark, [(user, None, [1.0]) for user in (1, 2)], f"user_idx bigint, {vector}")
    return Vectors(users, small(spark, [(item, None, [score]) for item, score in scores.items()], f"item_idx bigint, {vector}"))


@pytest.fixture(scope="module")
def models(spark: SparkSession) -> dict[str, Fitted]:
    return {
        "hybrid": Fitted("h1", fusion=Hybrid(FUSION, seed=7)),
        "popularity": Fitted("p1", vectors=crowd(spark, {10: 4, 20: 3, 30: 2, 40: 1})),
        "als": Fitted("a1", vectors=crowd(spark, {10: 1, 20: 2, 30: 4, 40: 3})),
    }


def shown(timed: Timed) -> Lists:
    lists: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row in timed.run.lists.collect():
        lists[row.user_idx].append((row["rank"], row.item_idx))
    return {user: [item for _, item in sorted(places)] for user, places in lists.items()}


def test_each_model_is_searched_as_deep_as_the_fusion_reads_and_new_items_are_full_lists(
    models: dict[str, Fitted], interactions: DataFrame
) -> None:
    found = lists_of_all(models, interactions, k=1, grid=ONE)
    assert {(timed.run.run_id, timed.run.model, timed.run.protocol): shown(timed) for timed in found} == {
        ("p1", "popularity", "all_items"): {1: [10, 20], 2: [10, 20]},
        ("a1", "als", "all_items"): {1: [30, 40], 2: [30, 40]},
        ("h1", "hybrid", "all_items"): {1: [10], 2: [10]},  # 10 and 30 have 1/1 each: the smaller item
        ("p1", "popularity", "new_items"): {1: [20, 30], 2: [10, 40]},  # 1 has 10; 2 has 20 and 30
        ("a1", "als", "new_items"): {1: [30, 40], 2: [40, 10]},
        ("h1", "hybrid", "new_items"): {1: [30], 2: [10]},  # 1/2 + 1/1 for 30; 10 and 40 have 1/1 + 1/2 each
    }
    seconds = {(timed.run.model, timed.run.protocol): timed.seconds for timed in found}
    for protocol in ("all_items", "new_items"):
        members = seconds["popularity", protocol], seconds["als", protocol]
        assert min(members) > 0
        assert seconds["hybrid", protocol] > sum(members)  # what its members took is part of it


def test_without_a_fusion_lists_end_at_k(models: dict[str, Fitted], interactions: DataFrame) -> None:
    found = lists_of_all({"als": models["als"]}, interactions, k=1, grid=ONE)
    assert [shown(timed) for timed in found] == [{1: [30], 2: [30]}, {1: [30], 2: [40]}]


def test_models_are_judged_by_the_future_with_the_seconds_their_lists_took(
    spark: SparkSession, models: dict[str, Fitted], interactions: DataFrame
) -> None:
    """User 1 takes 10 again and 30; user 2 takes 10; nobody knows user 9."""
    future = small(spark, [(1, 10), (1, 30), (2, 10), (9, 10)], "user_idx bigint, item_idx bigint")
    config = EvaluationConfig(ks=(1, 2), n_replicates=0, history_bounds=(2,))
    truth = truth_of(future, interactions, small(spark, [(10, "tea")], "item_idx bigint, category string"), config)
    found = compare({"popularity": models["popularity"]}, truth, Protocol(AS_OF, config, ONE, seed=7)).metrics.collect()
    recall = {(row.protocol, row.segment): row.value for row in found if (row.metric, row.k) == ("recall", 1)}
    assert recall == {
        ("all_items", "all"): (1 / 2 + 1) / 2,
        ("all_items", "items 1-1"): 1 / 2,
        ("all_items", "items 2+"): 1,
        ("all_items", "largest_gap"): 1 / 2,
        ("new_items", "all"): (0 + 1) / 2,  # 20 where 30 is taken; 10
        ("new_items", "items 1-1"): 0,
        ("new_items", "items 2+"): 1,
        ("new_items", "largest_gap"): 1,
    }
    took = [row for row in found if row.metric == "scoring_seconds"]
    assert {(row.protocol, row.k, row.segment, row.ci_low) for row in took} == {
        ("all_items", 2, "all", None),
        ("new_items", 2, "all", None),
    }
    assert all(row.value > 0 and row.as_of_date == AS_OF and row.run_id == "p1" for row in took)
