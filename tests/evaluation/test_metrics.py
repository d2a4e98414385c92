"""Each metric by hand, and the properties that hold for any list."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.evaluation.metrics import ACCURACY, coverage, novelty, self_information
from mapping_spark.tables.frames import small

Case = tuple[list[int], int | None]  # hit ranks, number of relevant items
KS = (1, 3, 10, 20)


def accuracy(spark: SparkSession, cases: list[Case], ks: tuple[int, ...] = KS) -> list[dict[str, float | None]]:
    """All metrics of all cases in one Spark action, in the order of the cases."""
    numbered = [(number, ranks, n_relevant) for number, (ranks, n_relevant) in enumerate(cases)]
    frame = small(spark, numbered, "number int, hit_ranks array<int>, n_relevant bigint")  # no declared table
    columns = [metric(F.col("hit_ranks"), F.col("n_relevant"), k).alias(f"{name}@{k}") for name, metric in ACCURACY.items() for k in ks]
    found = frame.select("number", *columns).collect()
    return [row.asDict() for row in sorted(found, key=lambda row: int(row.number))]


def test_hits_at_ranks_2_and_5_of_3_relevant_items(spark: SparkSession) -> None:
    (found,) = accuracy(spark, [([2, 5], 3)], ks=(4, 10))
    best = 1 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    expected = {
        "ndcg@4": (1 / math.log2(3)) / best,
        "ndcg@10": (1 / math.log2(3) + 1 / math.log2(6)) / best,
        "hit_rate@4": 1,
        "hit_rate@10": 1,
        "precision@4": 1 / 4,
        "precision@10": 2 / 10,
        "recall@4": 1 / 3,
        "recall@10": 2 / 3,
        "map@4": (1 / 2) / 3,
        "map@10": (1 / 2 + 2 / 5) / 3,
        "mrr@4": 1 / 2,
        "mrr@10": 1 / 2,
    }
    assert found == pytest.approx({"number": 0, **expected})


def test_a_perfect_list_reaches_1_also_where_more_is_relevant_than_k(spark: SparkSession) -> None:
    (found,) = accuracy(spark, [([1, 2, 3], 7)], ks=(3,))
    assert found == pytest.approx(
        {"number": 0, "recall@3": 3 / 7, **dict.fromkeys(("ndcg@3", "map@3", "mrr@3", "precision@3", "hit_rate@3"), 1)}
    )


def test_no_hit_is_0_and_nothing_relevant_is_null(spark: SparkSession) -> None:
    missed, beyond, nothing, unknown = accuracy(spark, [([], 2), ([11], 2), ([], 0), ([], None)], ks=(10,))
    names = [f"{name}@10" for name in ACCURACY]
    assert [missed[name] for name in names] == [beyond[name] for name in names] == [0.0] * 6
    assert [nothing[name] for name in names] == [unknown[name] for name in names] == [None] * 6


def test_k_above_the_length_of_the_list_counts_the_missing_places_as_misses(spark: SparkSession) -> None:
    (found,) = accuracy(spark, [([1], 1)], ks=(20,))
    assert found == {"number": 0, "ndcg@20": 1, "hit_rate@20": 1, "precision@20": 1 / 20, "recall@20": 1, "map@20": 1, "mrr@20": 1}


cases = st.tuples(st.sets(st.integers(1, 30), max_size=20), st.integers(0, 15)).filter(lambda case: bool(case[0]) or case[1] > 0)
many_cases = st.lists(cases.map(lambda case: (sorted(case[0]), len(case[0]) + case[1])), min_size=30, max_size=60)


@settings(max_examples=3, deadline=None)
@given(drawn=many_cases)
def test_bounds_and_growth_with_k(spark: SparkSession, drawn: list[Case]) -> None:
    for found in accuracy(spark, drawn):
        assert all(0 <= value <= 1 + 1e-12 for name, value in found.items() if name != "number" and value is not None)
        for name in ("hit_rate", "recall", "mrr"):
            assert all(found[f"{name}@{low}"] <= found[f"{name}@{high}"] for low, high in pairwise(KS))  # type: ignore[operator]


@settings(max_examples=3, deadline=None)
@given(drawn=many_cases)
def test_a_hit_one_rank_higher_never_lowers_a_metric(spark: SparkSession, drawn: list[Case]) -> None:
    movable = [(ranks, n, rank) for ranks, n in drawn for rank in ranks if rank > 1 and rank - 1 not in ranks]
    better = [(sorted({*ranks, rank - 1} - {rank}), n) for ranks, n, rank in movable]
    found = accuracy(spark, [(ranks, n) for ranks, n, _ in movable] + better)
    for before, after in zip(found[: len(movable)], found[len(movable) :], strict=True):
        assert all(after[name] >= before[name] - 1e-12 for name in before)  # type: ignore[operator]


def test_self_information_is_the_bits_of_the_share_of_users(spark: SparkSession) -> None:
    frame = small(spark, [(4,), (1,), (0,), (None,)], "holders bigint")  # no declared table
    found = [row[0] for row in frame.select(self_information(F.col("holders"), F.lit(8))).collect()]
    assert found == [math.log2(8 / 4), 3, 3, 3]  # an item nobody has: as if one user had it


def test_novelty_is_the_mean_over_the_first_k_items(spark: SparkSession) -> None:
    places = F.expr("array(named_struct('rank', 1, 'information', 2D), named_struct('rank', 3, 'information', 5D))")
    row = (
        spark.range(1).select(novelty(places, 1), novelty(places, 3), novelty(F.filter(places, lambda place: place["rank"] > 1), 1)).first()
    )
    assert row is not None
    assert tuple(row) == (2, (2 + 5) / 2, None)


def test_coverage_is_the_share_of_the_catalogue_shown_within_k(spark: SparkSession) -> None:
    frame = small(spark, [(1, 8), (2, 8), (7, 8)], "best_rank int, n_items bigint")  # no declared table
    row = frame.agg(*(coverage(F.col("best_rank"), F.col("n_items"), k) for k in (1, 5, 10))).first()
    assert row is not None
    assert tuple(row) == (1 / 8, 2 / 8, 3 / 8)
