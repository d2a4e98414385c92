"""Lists in, three tables of gold out: against an oracle in numpy, and the edge cases."""

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
from mapping_spark.evaluation.evaluate import RunLists, Truth, by_history, evaluate, user_metrics
from mapping_spark.evaluation.metrics import ACCURACY, EXPOSURE
from mapping_spark.evaluation.settings import EvaluationConfig
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.gold import METRIC_REPLICATES, MODEL_DISTRIBUTIONS, MODEL_METRICS
from mapping_spark.tables.silver import INTERACTIONS

AS_OF = dt.date(2017, 12, 1)
ALWAYS = ("novelty", "popularity", "tail_share", "user_coverage")
Pairs = list[tuple[int, int]]  # user, item
Lists = dict[int, list[int]]  # user: items, best first


def oracle(shown: list[int], relevant: set[int], k: int) -> dict[str, float]:
    """Accuracy of one list, from the textbook definitions; a repeated item is a miss at its later ranks."""
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


def run(spark: SparkSession, lists: Lists, run_id: str = "a", protocol: str = "all_items") -> RunLists:
    """Ranked lists; the model carries the run's name, and the score falls with the rank."""
    records = [(user, item, rank, 1.0 / rank) for user, items in lists.items() for rank, item in enumerate(items, start=1)]
    # what models hand over is no declared table
    return RunLists(run_id, run_id, protocol, small(spark, records, "user_idx bigint, item_idx bigint, rank int, score double"))


def relevant_of(spark: SparkSession, pairs: Pairs, protocol: str = "all_items") -> DataFrame:
    return small(spark, [(protocol, user, item) for user, item in pairs], "protocol string, user_idx bigint, item_idx bigint")


def train(spark: SparkSession, pairs: Pairs) -> DataFrame:
    return rows(spark, INTERACTIONS, *(dict(user_idx=user, item_idx=item) for user, item in pairs))


def metrics(runs: list[RunLists], truth: Truth, ks: tuple[int, ...] = (2,), n_replicates: int = 20) -> dict[Any, Row]:
    found = evaluate(runs, truth, EvaluationConfig(ks=ks, n_replicates=n_replicates), as_of=AS_OF, seed=7).metrics
    assert tuple(found.columns) == MODEL_METRICS.column_names
    collected = found.collect()
    assert all(row.as_of_date == AS_OF for row in collected)
    return {(row.run_id, row.protocol, row.metric, row.k, row.segment): row for row in collected}


def short(found: dict[Any, Row], run: str = "a", protocol: str = "all_items", k: int = 2, segment: str = "all") -> dict[str, Any]:
    """metric: (value, n_users, n_users_skipped) of one run."""
    return {
        key[2]: (row.value, row.n_users, row.n_users_skipped)
        for key, row in found.items()
        if key[:2] == (run, protocol) and key[3:] == (k, segment)
    }


def test_user_metrics_equal_the_oracle_on_random_lists(spark: SparkSession) -> None:
    draw = random.Random(11)
    lists = {user: draw.choices(range(12), k=draw.randint(1, 15)) for user in range(40)}  # with repeats, some shorter than k
    relevant = {user: set(draw.sample(range(12), draw.randint(1, 8))) for user in range(45)}  # users 40 to 44 have no list
    holders = {0: 64} | {item: draw.randint(1, 30) for item in range(1, 10)}  # of 64 users; nobody has items 10 and 11
    interactions = train(spark, [(user, item) for item, n_users in holders.items() for user in range(n_users)])
    pairs = [(user, item) for user, items in relevant.items() for item in items]
    found = user_metrics([run(spark, lists)], Truth(relevant_of(spark, pairs), interactions), ks=(1, 5, 10)).collect()
    assert sorted(row.user_idx for row in found) == list(range(64))
    for row in found:
        user = row.user_idx
        for k in (1, 5, 10):
            expected = oracle(lists.get(user, []), relevant[user], k) if user in relevant else dict.fromkeys(("ndcg", "mrr"), None)
            assert {name: row[f"{name}@{k}"] for name in expected} == pytest.approx(expected)
            surprises = [-np.log2(holders.get(item, 1) / 64) for item in dict.fromkeys(lists.get(user, [])[:k])]
            assert row[f"novelty@{k}"] == (pytest.approx(np.mean(surprises)) if surprises else None)


def test_means_and_counts_by_hand(spark: SparkSession) -> None:
    """User 1 hits at rank 2, user 2 has no list, user 3 a list and nothing relevant, user 4 neither."""
    interactions = train(spark, [(1, 10), (2, 10), (3, 10), (4, 10), (1, 11), (2, 11), (3, 12)])
    truth = Truth(relevant_of(spark, [(1, 11), (2, 10), (2, 12)]), interactions)
    found = metrics([run(spark, {1: [10, 11], 3: [11, 11]})], truth)
    both, listed = (2, 2), (2, 2)  # n_users and n_users_skipped: known users with something relevant; users with a list
    assert short(found) == {
        "ndcg": (pytest.approx((1 / np.log2(3) / 1 + 0) / 2), *both),
        "graded_ndcg": (pytest.approx((1 / np.log2(3) / 1 + 0) / 2), *both),
        "hit_rate": ((1 + 0) / 2, *both),
        "precision": ((1 / 2 + 0) / 2, *both),
        "recall": ((1 / 1 + 0) / 2, *both),
        "map": ((1 / 2 + 0) / 2, *both),
        "mrr": ((1 / 2 + 0) / 2, *both),
        "auc": (0, *both),  # the hit stands below the miss
        "serendipity": (0, *both),  # items 10 and 11 are the most popular
        "novelty": (((np.log2(4 / 4) + np.log2(4 / 2)) / 2 + np.log2(4 / 2)) / 2, *listed),
        "popularity": (((4 + 2) / 2 + 2) / 2, *listed),
        "tail_share": (0, *listed),  # of 7 interactions the tail holds at most 1.4: item 12, which nobody is shown
        "user_coverage": (2 / 4, 4, 0),
        "coverage": (2 / 3, 4, 0),
        "gini": (pytest.approx(1 - (0 + 1 + 4) / (3 * 3)), 4, 0),  # items in 0, 1 and 2 lists
        "entropy": (pytest.approx(np.log2(3) - 2 / 3), 4, 0),
    }
    without = {key[2] for key, row in found.items() if row.ci_low is None}
    assert without == set(EXPOSURE)
    assert all(row.ci_low <= row.value <= row.ci_high for row in found.values() if row.metric not in without)


def test_runs_and_protocols_stay_apart(spark: SparkSession) -> None:
    relevant = relevant_of(spark, [(1, 10)]).union(relevant_of(spark, [(1, 11), (2, 10)], "new_items"))
    truth = Truth(relevant, train(spark, [(1, 10), (2, 11)]))
    runs = [run(spark, {1: [10]}), run(spark, {1: [11]}, "a", "new_items"), run(spark, {1: [11], 2: [11]}, "b")]
    found = metrics(runs, truth, ks=(1, 2))
    assert len(found) == 3 * len((*ACCURACY, *ALWAYS, *EXPOSURE)) * 2
    assert short(found, "a", k=1)["recall"] == (1, 1, 1)
    assert short(found, "a", "new_items", k=1)["recall"] == ((1 + 0) / 2, 2, 0)
    assert short(found, "b", k=1)["recall"] == (0, 1, 1)
    assert short(found, "b", k=2)["coverage"] == (1 / 2, 2, 0)


def test_segments_and_the_largest_gap_between_them(spark: SparkSession) -> None:
    interactions = train(spark, [(1, 10), (2, 10), (2, 11), (3, 10), (3, 11)])
    segments = by_history(interactions, (2,))
    assert {row.user_idx: row.segment for row in segments.collect()} == {1: "items 1-1", 2: "items 2+", 3: "items 2+"}
    truth = Truth(relevant_of(spark, [(1, 12), (2, 12), (3, 12)]), interactions, segments=segments)
    found = metrics([run(spark, {1: [12], 2: [12], 3: [10]})], truth, ks=(1,))
    by_segment = {segment: short(found, k=1, segment=segment)["recall"] for segment in ("all", "items 1-1", "items 2+", "largest_gap")}
    assert by_segment == {"all": (2 / 3, 3, 0), "items 1-1": (1, 1, 0), "items 2+": (0.5, 2, 0), "largest_gap": (0.5, 3, 0)}


def test_categories_and_vectors_of_the_catalogue(spark: SparkSession) -> None:
    categories = small(spark, [(10, "tea"), (11, "tea"), (12, "milk")], "item_idx bigint, category string")
    vectors = small(spark, [(10, [3.0, 0.0]), (11, [1.0, 0.0]), (12, [0.0, 2.0])], "item_idx bigint, vector array<float>")
    interactions = train(spark, [(1, 10), (2, 11), (2, 12)])
    truth = Truth(relevant_of(spark, [(1, 12)]), interactions, categories=categories, vectors=vectors)
    found = short(metrics([run(spark, {1: [10, 11], 2: [11, 12]})], truth))
    assert found["category_diversity"] == ((0 + 1) / 2, 2, 0)
    assert found["vector_diversity"] == ((0 + 1) / 2, 2, 0)
    assert found["calibration"] == (pytest.approx(0), 2, 0)  # user 1 had and gets tea alone, user 2 half and half


def test_replicates_pair_two_runs_and_hold_the_value_first(spark: SparkSession) -> None:
    truth = Truth(relevant_of(spark, [(user, 1) for user in range(30)]), train(spark, [(user, 0) for user in range(30)]))
    half = {user: [user % 2] for user in range(30)}
    found = evaluate([run(spark, half), run(spark, half, "b")], truth, EvaluationConfig(ks=(1,), n_replicates=20), as_of=AS_OF, seed=7)
    assert tuple(found.replicates.columns) == METRIC_REPLICATES.column_names
    first, second = (row.means for row in found.replicates.where("metric = 'recall'").orderBy("run_id").collect())
    assert first == second
    assert (len(first), first[0]) == (21, 0.5)
    assert len(set(first)) > 5


def test_distributions_count_every_place_once(spark: SparkSession) -> None:
    truth = Truth(relevant_of(spark, []), train(spark, [(1, 10), (2, 10), (1, 11)]))
    found = evaluate([run(spark, {1: [10, 11, 11], 2: [10, 99]})], truth, EvaluationConfig(ks=(1, 3)), as_of=AS_OF, seed=7).distributions
    assert tuple(found.columns) == MODEL_DISTRIBUTIONS.column_names
    counts = {(row.quantity, row.k, row.bin): row.n for row in found.collect()}
    assert {key: n for key, n in counts.items() if key[0] == "item_popularity"} == {  # 2 users: bin 2, 1 user: bin 0
        ("item_popularity", 1, 2): 2,
        ("item_popularity", 3, 2): 2,
        ("item_popularity", 3, 0): 1,
    }
    assert sum(n for key, n in counts.items() if key[0] == "score") == 4


def test_one_user_one_item_and_k_above_the_list(spark: SparkSession) -> None:
    truth = Truth(relevant_of(spark, [(1, 10)]), train(spark, [(1, 10)]))
    found = metrics([run(spark, {1: [10]})], truth, ks=(20,))
    perfect = dict.fromkeys(("ndcg", "hit_rate", "recall", "map", "mrr", "coverage"), (1, 1, 0))
    values = short(found, k=20)
    assert {name: values[name] for name in perfect} == perfect
    assert values["precision"] == (1 / 20, 1, 0)
    ndcg = found["a", "all_items", "ndcg", 20, "all"]
    assert (ndcg.ci_low, ndcg.ci_high) == (1, 1)


def test_two_items_at_one_rank_holes_and_null_ranks(spark: SparkSession) -> None:
    """Of two lists for one user the smaller items stay, a missing rank is an empty place, a null rank is none."""
    lists = small(spark, [(1, 12, 1), (1, 11, 1), (1, 10, 3), (1, 13, None)], "user_idx bigint, item_idx bigint, rank int")
    truth = Truth(relevant_of(spark, [(1, 10), (1, 12), (1, 13)]), train(spark, [(1, 10)]))
    found = short(metrics([RunLists("a", "a", "all_items", lists)], truth, ks=(3,)), k=3)
    assert (found["mrr"][0], found["precision"][0], found["auc"][0]) == (1 / 3, 1 / 3, 0)


def test_nothing_relevant_is_null_and_counts_the_skipped(spark: SparkSession) -> None:
    found = short(metrics([run(spark, {1: [99]})], Truth(relevant_of(spark, []), train(spark, [(1, 10), (2, 10)]))))
    assert (found["ndcg"], found["recall"]) == ((None, 0, 2), (None, 0, 2))
    assert (found["coverage"][0], found["gini"][0]) == (0, None)  # item 99 is outside the catalogue
    assert found["novelty"] == (np.log2(2 / 1), 1, 1)


def test_ids_too_large_to_be_packed_beside_a_user(spark: SparkSession) -> None:
    large = 2**62
    truth = Truth(relevant_of(spark, [(1, large), (2, large + 1)]), train(spark, [(1, 10), (2, 10)]))
    assert short(metrics([run(spark, {1: [large], 2: [large]})], truth))["recall"] == (0.5, 2, 0)


def test_a_run_without_lists_and_an_empty_train(spark: SparkSession) -> None:
    missed = short(metrics([run(spark, {})], Truth(relevant_of(spark, [(1, 10)]), train(spark, [(1, 10)]))))
    assert (missed["recall"], missed["coverage"], missed["novelty"]) == ((0, 1, 0), (0, 1, 0), (None, 0, 1))
    nothing = metrics([run(spark, {1: [10]})], Truth(relevant_of(spark, []), train(spark, [])))
    assert short(nothing)["ndcg"] == (None, 0, 0)


def test_no_runs_the_same_run_twice_and_wrong_cut_offs_are_refused(spark: SparkSession) -> None:
    truth, one = Truth(relevant_of(spark, []), train(spark, [])), run(spark, {})
    for runs in ([], [one, one]):
        with pytest.raises(ConfigError, match="each protocol of a run once"):
            metrics(runs, truth)
    with pytest.raises(ConfigError, match="different cut-offs, each 1 or more"):
        metrics([one], truth, ks=(5, 5))


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
    truth = Truth(
        relevant_of(spark, pairs).union(relevant_of(spark, shuffled, "new_items")), train(spark, [(user, 300) for user in range(30)])
    )
    found = user_metrics([run(spark, lists), run(spark, other, "a", "new_items")], truth, ks=(5,))
    accuracy = [f"{name}@5" for name in ACCURACY]
    values = {(row.protocol, row.user_idx): [row[name] for name in accuracy] for row in found.collect()}
    assert all(values["all_items", user] == values["new_items", user] for user in range(30))
