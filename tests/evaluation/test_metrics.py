"""Each metric by hand, and the properties that hold for any list."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.metrics import (
    ACCURACY,
    RankedLists,
    auc,
    calibration,
    category_diversity,
    coverage,
    cut_offs,
    entropy,
    gini,
    graded_ndcg,
    known,
    novelty,
    popularity,
    serendipity,
    tail_share,
    user_coverage,
    vector_diversity,
)

from .lists import ranked

HITS_AT_2_AND_5 = ranked([[9, 1, 8, 7, 2]], [{1: 1, 2: 1, 3: 1}])
"""Of 3 relevant items."""


def accuracy(lists: RankedLists, *ks: int) -> dict[str, list[float]]:
    """Of the first user."""
    return {name: metric(lists, np.array(ks))[0].tolist() for name, metric in ACCURACY.items()}


def test_hits_at_places_2_and_5_of_3_relevant_items() -> None:
    best = 1 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    ndcg = [(1 / math.log2(3)) / best, (1 / math.log2(3) + 1 / math.log2(6)) / best]
    assert accuracy(HITS_AT_2_AND_5, 4, 5) == {
        "ndcg": pytest.approx(ndcg),
        "graded_ndcg": pytest.approx(ndcg),
        "hit_rate": [1, 1],
        "precision": [1 / 4, 2 / 5],
        "recall": [1 / 3, 2 / 3],
        "map": pytest.approx([(1 / 2) / 3, (1 / 2 + 2 / 5) / 3]),
        "mrr": [1 / 2, 1 / 2],
        "auc": pytest.approx([2 / 3, 2 / 6]),  # pairs (hit above miss): 2 of 1 * 3, then 2 of 2 * 3
        "serendipity": [1 / 4, 2 / 5],
    }


def test_a_perfect_list_reaches_1_also_where_more_is_relevant_than_k() -> None:
    found = accuracy(ranked([[1, 2, 3]], [dict.fromkeys(range(1, 8), 1.0)]), 3)
    assert found == {**{name: [pytest.approx(1)] for name in ACCURACY}, "recall": [3 / 7]}


def test_no_hit_is_0_and_nothing_relevant_is_no_number() -> None:
    lists = ranked([[1], [1], [None]], [{2: 1}, {}, {2: 1}])
    for name, metric in ACCURACY.items():
        assert np.nan_to_num(metric(lists, np.array([1]))[:, 0], nan=-1).tolist() == [0, -1, 0], name


def test_graded_gains_count_by_their_size() -> None:
    lists = ranked([[1, 2]], [{1: 1, 2: 3}])
    assert graded_ndcg(lists, np.array([2]))[0, 0] == pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)))


def test_a_list_of_hits_alone_has_auc_1() -> None:
    assert auc(ranked([[1, 2], [3, 1]], [{1: 1, 2: 1}] * 2), np.array([1, 2])).tolist() == [[1, 1], [0, 0]]


def test_serendipity_leaves_out_what_is_among_the_k_most_popular() -> None:
    lists = ranked([[1, 2, 3, 4]], [{1: 1, 2: 1, 3: 1}], popular=[1, 4, 2])
    assert serendipity(lists, np.array([1, 2, 4])).tolist() == [[0, 1 / 2, 1 / 4]]  # at k = 4, only 3 is not popular


def test_popularity_of_what_is_shown() -> None:
    lists = ranked([[1, 2], [None, 2], [None, None]], [{}] * 3, holders={1: 8, 2: 2}, n_known_users=8, tail=[2])
    ks = np.array([1, 2])
    assert np.nan_to_num(novelty(lists, ks), nan=-1).tolist() == [[0, 1], [-1, 2], [-1, -1]]  # -log2(8/8), -log2(2/8)
    assert np.nan_to_num(popularity(lists, ks), nan=-1).tolist() == [[8, 5], [-1, 2], [-1, -1]]
    assert np.nan_to_num(tail_share(lists, ks), nan=-1).tolist() == [[0, 0.5], [-1, 1], [-1, -1]]
    assert user_coverage(lists, ks).tolist() == [[1, 1], [0, 1], [0, 0]]


def test_an_item_that_nobody_has_surprises_as_if_one_had_it() -> None:
    assert novelty(ranked([[5]], [{}], holders={}, n_known_users=8), np.array([1]))[0, 0] == 3


def test_diversity_counts_pairs_of_different_categories() -> None:
    lists = ranked([[1, 2, 3, 4]], [{}], categories={1: 0, 2: 0, 3: 1})  # item 4 has none and is like no other
    assert np.nan_to_num(category_diversity(lists, np.array([1, 2, 3, 4])), nan=-1).tolist() == [[-1, 0, pytest.approx(2 / 3), 1 - 1 / 6]]


def test_diversity_by_vectors_is_one_less_the_mean_cosine() -> None:
    lists = ranked([[1, 2, 3]], [{}], vectors={1: (1, 0), 2: (1, 0), 3: (0, 1)})
    assert np.nan_to_num(vector_diversity(lists, np.array([1, 2, 3])), nan=-1).tolist() == [[-1, 0, pytest.approx(2 / 3)]]


def test_calibration_is_the_divergence_from_the_history() -> None:
    lists = ranked([[1, 2], [1, 2]], [{}] * 2, categories={1: 0, 2: 1}, history=[{0: 1, 1: 1}, {0: 3, 1: 1}])
    found = calibration(lists, np.array([2]))[:, 0]
    tilted = 0.75 * math.log2(0.75 / (0.99 * 0.5 + 0.01 * 0.75)) + 0.25 * math.log2(0.25 / (0.99 * 0.5 + 0.01 * 0.25))
    assert found.tolist() == pytest.approx([0, tilted])
    assert np.isnan(calibration(ranked([[1]], [{}], categories={1: 0}, history=[{}]), np.array([1]))).all()


def test_exposure_over_the_catalogue() -> None:
    once, uneven = (np.array([2]), np.array([4]), 4), (np.array([3]), np.array([1]), 4)
    assert [metric(*once) for metric in (coverage, gini, entropy)] == [1, 0, 2]
    assert [metric(*uneven) for metric in (coverage, gini, entropy)] == [1 / 4, 3 / 4, 0]
    # items in 0, 1, 1 and 2 lists: mean difference 7 / 8 over twice the mean 1, with 16 pairs
    assert gini(np.array([1, 2]), np.array([2, 1]), 4) == pytest.approx((2 * (1 + 1 + 2 + 0 + 1 + 1)) / (2 * 4 * 4 * 1))


def test_a_mistyped_name_and_wrong_cut_offs_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'ndgc' \(did you mean 'ndcg'\?\)"):
        known("ndgc", "gate.metric")
    for ks in [(), (0, 5), (5, 5)]:
        with pytest.raises(ConfigError, match="different cut-offs, each 1 or more"):
            cut_offs(ks)


@given(shown=st.lists(st.integers(0, 20), min_size=8, max_size=8, unique=True), n=st.integers(1, 12))
def test_accuracy_lies_in_0_to_1_and_grows_with_a_better_list(shown: list[int], n: int) -> None:
    relevant = [dict.fromkeys(range(n), 1.0)]
    better = sorted(shown, key=lambda item: item >= n)
    ks = np.array([1, 3, 8])
    for name, metric in ACCURACY.items():
        value, best = metric(ranked([shown], relevant), ks)[0], metric(ranked([better], relevant), ks)[0]
        assert ((value >= 0) & (best <= 1 + 1e-9)).all(), name
        assert (value <= best + 1e-9).all(), name


@given(shown=st.lists(st.integers(0, 20), min_size=8, max_size=8, unique=True), n=st.integers(1, 12))
def test_a_longer_list_finds_no_less(shown: list[int], n: int) -> None:
    found = accuracy(ranked([shown], [dict.fromkeys(range(n), 1.0)]), 1, 3, 8)
    for name in ("hit_rate", "recall", "mrr"):
        assert all(shorter <= longer for shorter, longer in pairwise(found[name]))
