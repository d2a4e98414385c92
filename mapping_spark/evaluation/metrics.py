"""One metric per function, with its formula and source: the lists of U users in, one number per user and cut-off out.

Every function takes `RankedLists` and the cut-offs `ks` and gives (U, len(ks)) float64. NaN means that the user does not count.
An accuracy metric has no number for a user to whom nothing is relevant; a user without a list has 0 there. A relevant item
beyond place k counts as missing, an empty place as an item that is not relevant.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mapping_spark.errors import ConfigError

Numbers = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
NO_CATEGORY = -1

STEERING = 0.01
"""Weight of the history in the denominator of `calibration`, which keeps it finite."""


@dataclass(frozen=True, slots=True, eq=False)
class RankedLists:
    """Lists of U users, K places each, best first. Of an item twice in a list the later place is empty."""

    gain_UK: Numbers
    """Gain of the item: 0 where it is not relevant, or the place is empty."""
    ideal_UK: Numbers
    """Gains of the user's relevant items, largest first, 0 after the last."""
    n_relevant_U: Ints
    shown_UK: Flags
    """Whether the place holds an item."""
    known_U: Flags
    """Whether training knew the user."""
    n_holders_UK: Numbers
    """Users who had the item before the date; 0 for an item that training did not know."""
    n_known_users: int
    is_tail_UK: Flags
    popular_place_UK: Ints
    """Place of the item, from 1, in the list of the most popular ones; beyond all cut-offs for others."""
    category_UK: Ints | None = None
    """Category, `NO_CATEGORY` where it has none; None where the catalogue has no categories."""
    history: tuple[Ints, Ints, Numbers] | None = None
    """(user row, category, share of the user's interactions), one entry per user and category."""
    vectors_UKD: NDArray[np.float32] | None = None
    """Item vectors of length 1, zeros at empty places; None where there are none."""


def ndcg(lists: RankedLists, ks: Ints) -> Numbers:
    """Normalised discounted cumulative gain, binary: sum over hits of 1 / log2(place + 1), over that of the best list. [0, 1].

    The best list has its hits at places 1..min(k, relevant). Järvelin and Kekäläinen 2002, with the discount of Burges et al. 2005.
    """
    best = np.concatenate([[0.0], np.cumsum(_discount(lists))])
    reachable_Uk = np.minimum(lists.n_relevant_U[:, None], ks)
    return _of_relevant(lists, _at(_hits(lists) * _discount(lists), ks) / best[np.maximum(reachable_Uk, 1)])


def graded_ndcg(lists: RankedLists, ks: Ints) -> Numbers:
    """The same with linear gains: sum of gain / log2(place + 1), over the user's gains in falling order. [0, 1].

    Järvelin and Kekäläinen 2002; not the 2^gain - 1 of Burges et al. 2005, which is made for grades of 0 to 5.
    """
    best_Uk = _at(lists.ideal_UK * _discount(lists), ks)
    return _of_relevant(lists, _at(lists.gain_UK * _discount(lists), ks) / np.where(best_Uk > 0, best_Uk, 1))


def hit_rate(lists: RankedLists, ks: Ints) -> Numbers:
    """1 where any of the first k items is relevant, else 0. Deshpande and Karypis 2004, for any number of relevant items."""
    return _of_relevant(lists, (_at(_hits(lists), ks) > 0).astype(np.float64))


def precision(lists: RankedLists, ks: Ints) -> Numbers:
    """Hits among the first k places / k; k is the divisor of a shorter list too. [0, 1]. Herlocker et al. 2004."""
    return _of_relevant(lists, _at(_hits(lists), ks) / ks)


def recall(lists: RankedLists, ks: Ints) -> Numbers:
    """Hits among the first k places / relevant items; below 1 by construction where these are more than k. Herlocker et al. 2004."""
    return _of_relevant(lists, _at(_hits(lists), ks) / np.maximum(lists.n_relevant_U, 1)[:, None])


def mean_average_precision(lists: RankedLists, ks: Ints) -> Numbers:
    """Sum over hits within k of (hits up to that place / place), over min(k, relevant), so that a perfect list has 1. [0, 1].

    Manning, Raghavan and Schütze 2008, section 8.4, cut at k.
    """
    hits = _hits(lists)
    precisions = hits * np.cumsum(hits, axis=1) / _places(lists)
    return _of_relevant(lists, _at(precisions, ks) / np.maximum(np.minimum(lists.n_relevant_U[:, None], ks), 1))


def mrr(lists: RankedLists, ks: Ints) -> Numbers:
    """Reciprocal rank: 1 / place of the first hit, 0 where it lies beyond k or nowhere. [0, 1]. Voorhees 1999 (TREC-8)."""
    hits = _hits(lists)
    first_U = np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, np.iinfo(np.int64).max)
    return _of_relevant(lists, np.where(first_U[:, None] <= ks, 1 / first_U[:, None], 0.0))


def auc(lists: RankedLists, ks: Ints) -> Numbers:
    """Share of (hit, miss) pairs among the first k items that stand in the right order; 0 without a hit, 1 without a miss. [0, 1].

    The area under the ROC curve of a list (Hanley and McNeil 1982); it says nothing of items beyond k.
    """
    hits = _hits(lists)
    misses = lists.shown_UK & ~hits
    right, n_hits, n_misses = _at(np.cumsum(hits, axis=1) * misses, ks), _at(hits, ks), _at(misses, ks)
    pairs = n_hits * n_misses
    return _of_relevant(lists, np.where(pairs > 0, right / np.where(pairs > 0, pairs, 1), (n_hits > 0).astype(np.float64)))


def serendipity(lists: RankedLists, ks: Ints) -> Numbers:
    """Hits among the first k places that are not among the k most popular items of all, / k. [0, 1].

    Ge, Delgado-Battenfeld and Jannach 2010, with popularity as the primitive recommender: right, and no one's first guess.
    """
    hits = _hits(lists)
    return _of_relevant(lists, np.stack([(hits & (lists.popular_place_UK > k))[:, :k].sum(axis=1) / k for k in ks], axis=1))


def novelty(lists: RankedLists, ks: Ints) -> Numbers:
    """Mean self-information of the first k items in bits: -log2(users who have the item / known users). [0, log2(known users)].

    An item that nobody has counts as if one had it. Zhou et al. 2010 (PNAS 107:10), "surprisal".
    """
    return _mean_of_shown(lists, np.log2(lists.n_known_users / np.maximum(lists.n_holders_UK, 1)), ks)


def popularity(lists: RankedLists, ks: Ints) -> Numbers:
    """Average recommendation popularity: mean number of users who have each of the first k items. Yin et al. 2012."""
    return _mean_of_shown(lists, lists.n_holders_UK, ks)


def tail_share(lists: RankedLists, ks: Ints) -> Numbers:
    """Share of the first k items that lie in the long tail: the least popular ones with 20 % of all interactions. [0, 1].

    Abdollahpouri, Burke and Mobasher 2019 (average percentage of long tail items).
    """
    return _mean_of_shown(lists, lists.is_tail_UK.astype(np.float64), ks)


def user_coverage(lists: RankedLists, ks: Ints) -> Numbers:
    """1 for a known user whose first k places hold an item, else 0. Ge, Delgado-Battenfeld and Jannach 2010."""
    return np.where(lists.known_U[:, None], (_at(lists.shown_UK, ks) > 0).astype(np.float64), np.nan)


def category_diversity(lists: RankedLists, ks: Ints) -> Numbers:
    """Share of the pairs among the first k items that are of different categories; NaN with fewer than 2 items. [0, 1].

    Intra-list diversity (Ziegler et al. 2005; Castells, Hurley and Vargas 2015) with a distance of 0 or 1. An item without a
    category is like no other.
    """
    if lists.category_UK is None:
        return _nothing(lists, ks)
    same = _at(_earlier_like_it(lists.category_UK, lists.shown_UK & (lists.category_UK != NO_CATEGORY)), ks)
    n = _at(lists.shown_UK, ks)
    return np.where(n > 1, 1 - 2 * same / np.maximum(n * (n - 1), 1), np.nan)


def vector_diversity(lists: RankedLists, ks: Ints) -> Numbers:
    """1 - mean cosine over the pairs among the first k items; NaN with fewer than 2 items. [0, 2].

    Intra-list diversity (Ziegler et al. 2005). With unit vectors the sum over pairs is (|sum of vectors|^2 - n) / 2: linear in k.
    """
    if lists.vectors_UKD is None:
        return _nothing(lists, ks)
    n = _at(lists.shown_UK, ks)
    squares = np.stack([np.square(lists.vectors_UKD[:, :k].sum(axis=1, dtype=np.float64)).sum(axis=1) for k in ks], axis=1)
    lengths = _at(np.square(lists.vectors_UKD).sum(axis=2, dtype=np.float64), ks)  # 0 for an item without a vector
    return np.where(n > 1, 1 - (squares - lengths) / np.maximum(n * (n - 1), 1), np.nan)


def calibration(lists: RankedLists, ks: Ints) -> Numbers:
    """Distance of the list's categories from the history's, in bits: KL(p || q'), q' = 0.99 q + 0.01 p. Lower is better, from 0.

    p: share of a category in the user's history, q: in the first k items. Steck 2018 (RecSys), alpha 0.01, base 2. NaN without
    items or history.
    """
    if lists.category_UK is None or lists.history is None:
        return _nothing(lists, ks)
    rows, categories, shares = lists.history
    spread = max(int(lists.category_UK.max(initial=0)), int(categories.max(initial=0))) + 1
    keys = rows * spread + categories
    order = np.argsort(keys)
    user_UK = np.broadcast_to(np.arange(len(lists.known_U))[:, None], lists.category_UK.shape)
    counted = lists.shown_UK & (lists.category_UK != NO_CATEGORY)
    wanted, places = (user_UK * spread + lists.category_UK)[counted], np.broadcast_to(_places(lists), counted.shape)[counted]
    at = np.searchsorted(keys[order], wanted)
    found = (at < len(keys)) & (keys[order][np.minimum(at, len(keys) - 1)] == wanted) if len(keys) else np.zeros(0, bool)
    entry, place = order[at[found]] if len(keys) else np.zeros(0, np.int64), places[found] if len(keys) else np.zeros(0)
    n = _at(counted, ks)
    result = np.full((len(lists.known_U), len(ks)), np.nan)
    has_history = np.bincount(rows, minlength=len(lists.known_U)) > 0
    for column, k in enumerate(ks):
        q = np.bincount(entry[place <= k], minlength=len(keys)) / np.maximum(n[rows, column], 1)
        parts = shares * np.log2(shares / ((1 - STEERING) * q + STEERING * shares))
        whole = np.bincount(rows, weights=parts, minlength=len(lists.known_U))
        result[:, column] = np.where(has_history & (n[:, column] > 0), whole, np.nan)
    return result


Metric = Callable[[RankedLists, Ints], Numbers]

ACCURACY: Mapping[str, Metric] = MappingProxyType(
    {
        "ndcg": ndcg,
        "graded_ndcg": graded_ndcg,
        "hit_rate": hit_rate,
        "precision": precision,
        "recall": recall,
        "map": mean_average_precision,
        "mrr": mrr,
        "auc": auc,
        "serendipity": serendipity,
    }
)
"""Metrics of a list against what was relevant, by the name they carry in gold.model_metrics; higher is better."""

BEYOND: Mapping[str, Metric] = MappingProxyType(
    {
        "novelty": novelty,
        "popularity": popularity,
        "tail_share": tail_share,
        "user_coverage": user_coverage,
        "category_diversity": category_diversity,
        "vector_diversity": vector_diversity,
        "calibration": calibration,
    }
)
"""Metrics that need no relevance."""


def coverage(counts: Ints, n_items: Ints, catalogue: int) -> float:
    """Share of the catalogue that stands in at least one list, [0, 1]. Ge, Delgado-Battenfeld and Jannach 2010.

    Here and below: `n_items[j]` items of the catalogue stand in `counts[j]` > 0 lists each, all others in none. The other two are
    NaN where no item stands in any.
    """
    return float(n_items.sum() / catalogue)


def gini(counts: Ints, n_items: Ints, catalogue: int) -> float:
    """Gini index of exposure over the catalogue: 0 where all items stand in equally many lists, towards 1 where one has all.

    Fleder and Hosanagar 2009: 1 - (sum of the areas under the Lorenz curve of exposure).
    """
    if not len(counts):
        return float("nan")
    order = np.argsort(counts)
    n = np.concatenate([[catalogue - n_items.sum()], n_items[order]]).astype(np.float64)
    exposure = np.cumsum(np.concatenate([[0], counts[order] * n_items[order]]).astype(np.float64))
    before = np.concatenate([[0.0], exposure[:-1]])
    return float(1 - (n * (before + exposure)).sum() / (catalogue * exposure[-1]))


def entropy(counts: Ints, n_items: Ints, catalogue: int) -> float:
    """Shannon entropy of exposure in bits: -sum of share * log2(share) over items. [0, log2(catalogue)]. Shannon 1948."""
    shares = counts / (counts * n_items).sum()
    return float(-(n_items * shares * np.log2(shares)).sum()) if len(counts) else float("nan")


EXPOSURE: Mapping[str, Callable[[Ints, Ints, int], float]] = MappingProxyType({"coverage": coverage, "gini": gini, "entropy": entropy})
"""Metrics of all lists of a run together; they have no interval over users."""

SCORING_SECONDS = "scoring_seconds"
"""Not of the lists but of making them: wall seconds."""

NAMES = (*ACCURACY, *BEYOND, *EXPOSURE)


def known(name: str, where: str) -> str:
    """The name of a metric. Raises `ConfigError` with the nearest known one."""
    if name in NAMES:
        return name
    near = difflib.get_close_matches(name, NAMES, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ConfigError(where, f"no metric is called {name!r}{hint}", f"one of {list(NAMES)}", "Mend the name.")


def cut_offs(ks: Sequence[int]) -> Ints:
    """Sorted cut-offs. Raises `ConfigError` where there are none, where one repeats or is below 1."""
    cuts = sorted(set(ks))
    if not cuts or cuts[0] < 1 or len(cuts) < len(ks):
        raise ConfigError("evaluation.ks", f"{list(ks)}", "different cut-offs, each 1 or more", "Use for example [5, 10, 20].")
    return np.array(cuts, np.int64)


def _hits(lists: RankedLists) -> Flags:
    return lists.gain_UK > 0


def _places(lists: RankedLists) -> Ints:
    return np.arange(1, lists.gain_UK.shape[1] + 1)


def _discount(lists: RankedLists) -> Numbers:
    discount: Numbers = 1 / np.log2(_places(lists) + 1)
    return discount


def _at(values_UK: NDArray[np.generic], ks: Ints) -> Numbers:
    """Sums of the first k places, for each k."""
    first_UK = values_UK[:, : ks[-1]]
    sums: Numbers = np.add.reduceat(first_UK, np.concatenate([[0], ks[:-1]]), axis=1, dtype=np.float64).cumsum(axis=1)
    return sums


def _of_relevant(lists: RankedLists, values: Numbers) -> Numbers:
    return np.where(lists.n_relevant_U[:, None] > 0, values, np.nan)


def _mean_of_shown(lists: RankedLists, values_UK: Numbers, ks: Ints) -> Numbers:
    n = _at(lists.shown_UK, ks)
    return np.where(n > 0, _at(np.where(lists.shown_UK, values_UK, 0), ks) / np.maximum(n, 1), np.nan)


def _earlier_like_it(category_UK: Ints, counted_UK: Flags) -> Ints:
    """At each place, how many earlier ones of the list have its category; 0 where it does not count."""
    order = np.argsort(category_UK, axis=1, kind="stable")
    ordered = np.take_along_axis(category_UK, order, axis=1)
    places = np.broadcast_to(np.arange(category_UK.shape[1]), category_UK.shape)
    begins = np.ones_like(counted_UK)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(begins, places, 0), axis=1)
    earlier = np.empty_like(category_UK)
    np.put_along_axis(earlier, order, places - first, axis=1)
    return np.where(counted_UK, earlier, 0)


def _nothing(lists: RankedLists, ks: Ints) -> Numbers:
    return np.full((len(lists.known_U), len(ks)), np.nan)
