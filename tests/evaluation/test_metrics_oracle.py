"""Every metric of random lists against the formula of its docstring in plain Python, one user and one cut-off at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.metrics import ACCURACY, BEYOND, EXPOSURE, known, ndcg

from .lists import ranked

DEPTH, N_KNOWN = 6, 16
HOLDERS = {0: 16.0, 1: 12, 2: 8, 3: 8, 4: 4, 5: 3, 6: 2, 7: 1, 8: 1}  # nobody has item 9
TAIL, POPULAR = (6, 7, 8, 9), (0, 1, 2, 3, 4, 5)
CATEGORIES = {item: item % 3 for item in range(8)}  # items 8 and 9 have none
VECTORS = {item: (math.cos(item), math.sin(item)) for item in range(9)}  # of length 1; item 9 has none
NOTHING = math.nan
Shown = Sequence[int | None]


def discount(place: int) -> float:
    return 1 / math.log2(place + 1)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else NOTHING


def accuracy(shown: Shown, gains: Mapping[int, float], k: int) -> dict[str, float]:
    if not gains:
        return dict.fromkeys(ACCURACY, NOTHING)
    places = [(place, item) for place, item in enumerate(shown[:k], start=1) if item is not None]
    hits = [place for place, item in places if item in gains]
    misses = [place for place, item in places if item not in gains]
    reachable = range(1, min(k, len(gains)) + 1)
    gained = sum(gains[item] * discount(place) for place, item in places if item in gains)
    most_gained = sum(gain * discount(place) for place, gain in zip(reachable, sorted(gains.values(), reverse=True), strict=False))
    pairs = [(hit, miss) for hit in hits for miss in misses]
    return {
        "ndcg": sum(map(discount, hits)) / sum(map(discount, reachable)),
        "graded_ndcg": gained / most_gained,
        "hit_rate": float(bool(hits)),
        "precision": len(hits) / k,
        "recall": len(hits) / len(gains),
        "map": sum(number / place for number, place in enumerate(hits, start=1)) / len(reachable),
        "mrr": 1 / hits[0] if hits else 0.0,
        "auc": mean([float(hit < miss) for hit, miss in pairs]) if pairs else float(bool(hits)),
        "serendipity": sum(item in gains and item not in POPULAR[:k] for _, item in places) / k,
    }


def beyond(shown: Shown, history: Mapping[int, int], k: int) -> dict[str, float]:
    items = [item for item in shown[:k] if item is not None]
    pairs = list(combinations(items, 2))
    alike = [float(CATEGORIES.get(a, -a) == CATEGORIES.get(b, -b)) for a, b in pairs]  # without a category: like no other
    cosines = [sum(x * y for x, y in zip(VECTORS.get(a, (0, 0)), VECTORS.get(b, (0, 0)), strict=True)) for a, b in pairs]
    return {
        "novelty": mean([math.log2(N_KNOWN / max(HOLDERS.get(item, 0), 1)) for item in items]),
        "popularity": mean([HOLDERS.get(item, 0) for item in items]),
        "tail_share": mean([float(item in TAIL) for item in items]),
        "user_coverage": float(bool(items)),
        "category_diversity": 1 - mean(alike),
        "vector_diversity": 1 - mean(cosines),
        "calibration": divergence([CATEGORIES[item] for item in items if item in CATEGORIES], history),
    }


def divergence(categories: Sequence[int], history: Mapping[int, int]) -> float:
    """KL(p || 0.99 q + 0.01 p) in bits, p of the history, q of the list."""
    if not categories or not history:
        return NOTHING
    shares = {kind: n / sum(history.values()) for kind, n in history.items()}
    q = {kind: n / len(categories) for kind, n in Counter(categories).items()}
    return sum(p * math.log2(p / (0.99 * q.get(kind, 0) + 0.01 * p)) for kind, p in shares.items())


SHOWN = st.permutations([*range(10), None, None, None]).map(lambda places: places[:DEPTH])
RELEVANT = st.dictionaries(st.integers(0, 12), st.sampled_from([0.5, 1.0, 3.0]), max_size=8)
HISTORY = st.dictionaries(st.integers(0, 3), st.integers(1, 4), max_size=3)
USERS = st.lists(st.tuples(SHOWN, RELEVANT, HISTORY), min_size=1, max_size=4)
CUTS = st.sets(st.integers(1, DEPTH), min_size=1).map(sorted)


@settings(max_examples=100, deadline=None)
@given(users=USERS, ks=CUTS)
def test_every_metric_at_every_cut_off_is_its_formula(users: list[tuple[Shown, dict[int, float], dict[int, int]]], ks: list[int]) -> None:
    lists = ranked(
        [shown for shown, _, _ in users],
        [gains for _, gains, _ in users],
        holders=HOLDERS,
        n_known_users=N_KNOWN,
        tail=TAIL,
        popular=POPULAR,
        categories=CATEGORIES,
        history=[history for _, _, history in users],
        vectors=VECTORS,
    )
    for name, metric in {**ACCURACY, **BEYOND}.items():
        found = metric(lists, np.array(ks))
        assert found.shape == (len(users), len(ks))
        for (shown, gains, history), row in zip(users, found, strict=True):
            expected = [(accuracy(shown, gains, k) | beyond(shown, history, k))[name] for k in ks]
            assert row.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-6, nan_ok=True), name


def test_a_cut_off_far_below_the_list_reads_no_further() -> None:
    lists = ranked([[9, 8, 1, 2]], [{1: 1, 2: 1}])  # hits at places 3 and 4
    assert ndcg(lists, np.array([2])).tolist() == [[0]]
    assert ndcg(lists, np.array([3])).tolist() == ndcg(lists, np.array([3, 4]))[:, :1].tolist()


@settings(max_examples=100, deadline=None)
@given(counts=st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_exposure_is_its_formula_over_the_whole_catalogue(counts: list[int]) -> None:
    """`counts`: in how many lists each item of the catalogue stands."""
    shown = Counter(count for count in counts if count)
    total, n = sum(counts), len(counts)
    shares = [count / total for count in counts if count]
    expected = {
        "coverage": sum(shown.values()) / n,
        # half the mean difference of all pairs, over the mean
        "gini": sum(abs(a - b) for a in counts for b in counts) / (2 * n * total) if total else NOTHING,
        "entropy": -sum(share * math.log2(share) for share in shares) if total else NOTHING,
    }
    histogram = np.array(list(shown), np.int64), np.array(list(shown.values()), np.int64), n
    found = {name: metric(*histogram) for name, metric in EXPOSURE.items()}
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_a_name_far_from_all_gets_no_hint_but_the_list() -> None:
    with pytest.raises(
        ConfigError, match=r"gate.metric: no metric is called 'xyz'; expected one of \['ndcg', .*'entropy'\]. Mend the name."
    ):
        known("xyz", "gate.metric")
    assert [known(name, "here") for name in EXPOSURE] == list(EXPOSURE)
