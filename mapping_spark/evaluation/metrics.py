"""One metric per function, with its formula and source. Each returns a Spark Column, so that one grouped pass computes all.

Accuracy is a function of two things per user:

`hit_ranks`   array<int>, the ranks (from 1) at which the user's list holds a relevant item, ascending, each item once
`n_relevant`  bigint, how many items are relevant to the user

Every accuracy metric has the gain 0 or 1 for an item, lies in [0, 1], higher is better, and is null where `n_relevant`
is null or 0 (the user is then left out and counted as skipped). A relevant item beyond rank `k` counts as missing, and a
list shorter than `k` as one whose last places hold nothing relevant.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from pyspark.sql import Column
from pyspark.sql import functions as F


def ndcg(hit_ranks: Column, n_relevant: Column, k: int) -> Column:
    """Normalised discounted cumulative gain: sum over hits with rank <= k of 1 / log2(rank + 1), over the best possible sum.

    The best sum has its hits at ranks 1..min(k, n_relevant). Järvelin and Kekäläinen 2002 (cumulated gain), with the
    log2(rank + 1) discount of Burges et al. 2005.
    """
    gain = _total(F.transform(_within(hit_ranks, k), lambda rank: F.lit(1.0) / F.log2(rank + 1)))
    best_sums = list(itertools.accumulate(1 / math.log2(rank + 1) for rank in range(1, k + 1)))
    return _where_relevant(n_relevant, gain / F.element_at(F.lit(best_sums), _reachable(n_relevant, k)))


def hit_rate(hit_ranks: Column, n_relevant: Column, k: int) -> Column:
    """1 where any of the first k items is relevant, else 0. Deshpande and Karypis 2004, for any number of relevant items."""
    return _where_relevant(n_relevant, F.when(_n_hits(hit_ranks, k) > 0, 1.0).otherwise(0.0))


def precision(hit_ranks: Column, n_relevant: Column, k: int) -> Column:
    """Hits among the first k items / k; k is the divisor of a shorter list too. Herlocker et al. 2004."""
    return _where_relevant(n_relevant, _n_hits(hit_ranks, k) / F.lit(float(k)))


def recall(hit_ranks: Column, n_relevant: Column, k: int) -> Column:
    """Hits among the first k items / n_relevant; below 1 by construction where n_relevant > k. Herlocker et al. 2004."""
    return _where_relevant(n_relevant, _n_hits(hit_ranks, k) / n_relevant)


def mean_average_precision(hit_ranks: Column, n_relevant: Column, k: int) -> Column:
    """Average precision: sum over hits with rank <= k of (hits up to that rank / rank), over min(k, n_relevant).

    Manning, Raghavan and Schütze 2008, section 8.4, cut at k; the divisor min(k, n_relevant) lets a perfect list reach 1.
    """
    precisions = F.transform(_within(hit_ranks, k), lambda rank, index: (index + F.lit(1.0)) / rank)
    return _where_relevant(n_relevant, _total(precisions) / _reachable(n_relevant, k))


def mrr(hit_ranks: Column, n_relevant: Column, k: int) -> Column:
    """Reciprocal rank: 1 / rank of the first hit, 0 where it lies beyond k or nowhere. Voorhees 1999 (TREC-8)."""
    first = F.get(hit_ranks, F.lit(0))
    return _where_relevant(n_relevant, F.when(first <= k, F.lit(1.0) / first).otherwise(0.0))


ACCURACY: Mapping[str, Callable[[Column, Column, int], Column]] = MappingProxyType(
    {"ndcg": ndcg, "hit_rate": hit_rate, "precision": precision, "recall": recall, "map": mean_average_precision, "mrr": mrr}
)
"""Metrics of a user's list against what was relevant, by the name they carry in gold.model_metrics."""


def self_information(n_item_users: Column, n_known_users: Column) -> Column:
    """Surprise of an item, in bits: -log2(p), p = users who have the item before the date / all users known then.

    An item that nobody has (0 or null) counts as if one user had it, so the range is [0, log2(n_known_users)].
    """
    holders = F.greatest(F.coalesce(n_item_users, F.lit(1)), F.lit(1))
    return F.log2(n_known_users / holders)


def novelty(places: Column, k: int) -> Column:
    """Mean self-information of the first k items of a user's list, in bits; null where no item ranks within k.

    `places`: array<struct<rank int, information double>>, each item once. Zhou et al. 2010 (PNAS 107:10), "surprisal".
    """
    first = F.filter(places, lambda place: place["rank"] <= k)
    return F.try_divide(_total(first["information"]), F.size(first))


def coverage(best_rank: Column, n_items: Column, k: int) -> Column:
    """Share of the catalogue that stands in at least one user's first k items, an aggregate over items: in [0, 1].

    One row per item of the catalogue that any list holds; `best_rank` is its best rank there, `n_items` the size of the
    catalogue, the same in every row. Ge, Delgado-Battenfeld and Jannach 2010 (catalog coverage).
    """
    return F.count_if(best_rank <= k) / F.max(n_items)


def _within(hit_ranks: Column, k: int) -> Column:
    return F.filter(hit_ranks, lambda rank: rank <= k)


def _n_hits(hit_ranks: Column, k: int) -> Column:
    return F.size(_within(hit_ranks, k))


def _total(values: Column) -> Column:
    return F.aggregate(values, F.lit(0.0), lambda total, value: total + value)


def _reachable(n_relevant: Column, k: int) -> Column:
    """How many hits the best list of length k has."""
    return F.least(n_relevant, F.lit(k)).cast("int")


def _where_relevant(n_relevant: Column, value: Column) -> Column:
    return F.when(n_relevant > 0, value)
