"""Lists in, gold.model_metrics out: against an oracle in numpy, and the edge cases."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, Row, SparkSession

from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.evaluate import evaluate, user_metrics
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.gold import MODEL_METRICS
from mapping_spark.tables.silver import INTERACTIONS

AS_OF = dt.date(2017, 12, 1)
Pairs = list[tuple[int, int]]  # user, item
Lists = dict[int, list[int]]  # user: items, best first


def oracle(shown: list[int], relevant: set[int], k: int) -> dict[str, float]:
    """All accuracy metrics of one list, from their textbook definitions; a repeated item is a miss at its later ranks."""
    gains = np.zeros(k)
    for place, item in enumerate(shown[:k]):
        gains[place] = item in relevant and item not in shown[:place]
    discounts = 1 / np.log2(np.arange(k) + 2)
    hits = gains.sum()
    reachable = min(k, len(relevant))
    precisions = np.cumsum(gains) / (np.arange(k) + 1)
    return {
        "ndcg": float(gains @ discounts / discounts[:reachable].sum()),
        "hit_rate": float(hits > 0),
        "precision": float(hits / k),
        "recall": float(hits / len(relevant)),
        "map": float(gains @ precisions / reachable),
        "mrr": float(1 / (gains.argmax() + 1)) if hits else 0.0,
    }


def lists_of(spark: SparkSession, runs: dict[tuple[str, str], Lists]) -> DataFrame:
    """Ranked lists by (run, protocol); the model carries the run's name."""
    records = [
        (run, run, protocol, user, item, rank)
        for (run, protocol), lists in runs.items()
        for user, items in lists.items()
        for rank, item in enumerate(items, start=1)
    ]
    # what models hand over is no declared table
    return small(spark, records, "run_id string, model string, protocol string, user_idx bigint, item_idx bigint, rank int")


def relevant_of(spark: SparkSession, pairs: Pairs, protocol: str = "all_items") -> DataFrame:
    return small(spark, [(protocol, user, item) for user, item in pairs], "protocol string, user_idx bigint, item_idx bigint")


def train(spark: SparkSession, pairs: Pairs) -> DataFrame:
    return rows(spark, INTERACTIONS, *(dict(user_idx=user, item_idx=item) for user, item in pairs))


def metrics(lists: DataFrame, relevant: DataFrame, interactions: DataFrame, ks: tuple[int, ...] = (2,), **more: int) -> dict[Any, Row]:
    settings = {"n_replicates": 20, "seed": 7} | more
    found = evaluate(lists, relevant, interactions, as_of_date=AS_OF, ks=ks, **settings)
    assert tuple(found.columns) == MODEL_METRICS.column_names
    collected = found.collect()
    assert all((row.segment, row.as_of_date) == ("all", AS_OF) for row in collected)
    return {(row.run_id, row.protocol, row.metric, row.k): row for row in collected}


def short(found: dict[Any, Row], run: str = "a", protocol: str = "all_items", k: int = 2) -> dict[str, tuple[Any, ...]]:
    """metric: (value, n_users, n_users_skipped) of one run."""
    return {
        key[2]: (row.value, row.n_users, row.n_users_skipped)
        for key, row in found.items()
        if key[0] == run and key[1] == protocol and key[3] == k
    }


def test_user_metrics_equal_the_oracle_on_random_lists(spark: SparkSession) -> None:
    draw = random.Random(11)
    lists = {user: draw.choices(range(12), k=draw.randint(1, 15)) for user in range(40)}  # with repeats, some shorter than k
    relevant = {user: set(draw.sample(range(12), draw.randint(1, 8))) for user in range(45)}  # users 40 to 44 have no list
    holders = {0: 64} | {item: draw.randint(1, 30) for item in range(1, 10)}  # of 64 users; nobody has items 10 and 11
    interactions = train(spark, [(user, item) for item, n_users in holders.items() for user in range(n_users)])
    ks = (1, 5, 10)
    pairs = [(user, item) for user, items in relevant.items() for item in items]
    found = user_metrics(lists_of(spark, {("a", "all_items"): lists}), relevant_of(spark, pairs), interactions, ks=ks).collect()
    assert sorted(row.user_idx for row in found) == list(range(45))
    for row in found:
        user = row.user_idx
        for k in ks:
            expected = oracle(lists.get(user, []), relevant[user], k)
            assert {name: row[f"{name}@{k}"] for name in expected} == pytest.approx(expected)
            surprises = [-np.log2(holders.get(item, 1) / 64) for item in dict.fromkeys(lists.get(user, [])[:k])]
            assert row[f"novelty@{k}"] == (pytest.approx(np.mean(surprises)) if surprises else None)


def test_means_and_counts_by_hand(spark: SparkSession) -> None:
    """User 1 hits at rank 2, user 2 has no list, user 3 a list and nothing relevant, user 4 neither."""
    interactions = train(spark, [(1, 10), (2, 10), (3, 10), (4, 10), (1, 11), (2, 11), (3, 12)])
    lists = lists_of(spark, {("a", "all_items"): {1: [10, 11], 3: [11, 11]}})
    found = metrics(lists, relevant_of(spark, [(1, 11), (2, 10), (2, 12)]), interactions)
    both, listed = (2, 2), (2, 0)  # n_users and n_users_skipped: known users with something relevant; users with a list
    assert short(found) == {
        "ndcg": (pytest.approx((1 / np.log2(3) / 1 + 0) / 2), *both),
        "hit_rate": ((1 + 0) / 2, *both),
        "precision": ((1 / 2 + 0) / 2, *both),
        "recall": ((1 / 1 + 0) / 2, *both),
        "map": ((1 / 2 + 0) / 2, *both),
        "mrr": ((1 / 2 + 0) / 2, *both),
        "novelty": (((np.log2(4 / 4) + np.log2(4 / 2)) / 2 + np.log2(4 / 2)) / 2, *listed),
        "coverage": (2 / 3, *listed),
    }
    intervals = {key[2]: (row.ci_low, row.ci_high) for key, row in found.items()}
    assert intervals["coverage"] == (None, None)
    assert all(low <= high for name, (low, high) in intervals.items() if name != "coverage")


def test_runs_and_protocols_stay_apart(spark: SparkSession) -> None:
    interactions = train(spark, [(1, 10), (2, 11)])
    lists = lists_of(spark, {("a", "all_items"): {1: [10]}, ("a", "new_items"): {1: [11]}, ("b", "all_items"): {1: [11], 2: [11]}})
    relevant = relevant_of(spark, [(1, 10)]).union(relevant_of(spark, [(1, 11), (2, 10)], "new_items"))
    found = metrics(lists, relevant, interactions, ks=(1, 2))
    assert len(found) == 3 * 8 * 2
    assert short(found, "a", k=1)["recall"] == (1, 1, 1)
    assert short(found, "a", "new_items", k=1)["recall"] == ((1 + 0) / 2, 2, 0)
    assert short(found, "b", k=1)["recall"] == (0, 1, 1)
    assert short(found, "b", k=2)["coverage"] == (1 / 2, 2, 0)


def test_one_user_one_item_and_k_above_the_list(spark: SparkSession) -> None:
    found = metrics(lists_of(spark, {("a", "all_items"): {1: [10]}}), relevant_of(spark, [(1, 10)]), train(spark, [(1, 10)]), ks=(20,))
    perfect = dict.fromkeys(("ndcg", "hit_rate", "recall", "map", "mrr", "coverage"), (1, 1, 0))
    assert short(found, k=20) == {**perfect, "precision": (1 / 20, 1, 0), "novelty": (0, 1, 0)}
    ndcg = found["a", "all_items", "ndcg", 20]
    assert (ndcg.ci_low, ndcg.ci_high) == (1, 1)


def test_nothing_relevant_is_null_and_counts_the_skipped(spark: SparkSession) -> None:
    lists = lists_of(spark, {("a", "all_items"): {1: [99]}})
    found = short(metrics(lists, relevant_of(spark, []), train(spark, [(1, 10), (2, 10)])))
    assert (found["ndcg"], found["recall"]) == ((None, 0, 2), (None, 0, 2))
    assert found["coverage"] == (0, 1, 0)  # item 99 is outside the catalogue
    assert found["novelty"] == (np.log2(2 / 1), 1, 0)


def test_empty_lists_and_empty_train(spark: SparkSession) -> None:
    nothing = lists_of(spark, {})
    assert metrics(nothing, relevant_of(spark, [(1, 10)]), train(spark, [(1, 10)])) == {}
    found = short(metrics(lists_of(spark, {("a", "all_items"): {1: [10]}}), relevant_of(spark, []), train(spark, [])))
    assert set(found.values()) == {(None, 0, 0)}


@pytest.mark.parametrize("ks", [(), (0, 5), (5, 5)])
def test_wrong_cut_offs_are_refused(spark: SparkSession, ks: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="different cut-offs, each 1 or more"):
        metrics(lists_of(spark, {}), relevant_of(spark, []), train(spark, []), ks=ks)


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_order_of_rows_and_the_names_of_items_do_not_matter(spark: SparkSession, seed: int) -> None:
    """The same lists and relevant sets under two protocols, one with its rows shuffled and its items renamed."""
    draw = random.Random(seed)
    lists = {user: draw.sample(range(9), 6) for user in range(30)}
    pairs = [(user, item) for user in range(30) for item in draw.sample(range(9), 3)]
    renamed = dict(zip(range(9), draw.sample(range(100, 200), 9), strict=True))
    other = {user: [renamed[item] for item in lists[user]] for user in reversed(range(30))}
    shuffled = draw.sample([(user, renamed[item]) for user, item in pairs], len(pairs))
    relevant = relevant_of(spark, pairs).union(relevant_of(spark, shuffled, "new_items"))
    both = lists_of(spark, {("a", "all_items"): lists, ("a", "new_items"): other})
    found = user_metrics(both, relevant, train(spark, [(user, 0) for user in range(30)]), ks=(5,))
    accuracy = [name for name in found.columns if "@" in name and not name.startswith("novelty")]
    values = {(row.protocol, row.user_idx): [row[name] for name in accuracy] for row in found.collect()}
    assert all(values["all_items", user] == values["new_items", user] for user in range(30))
