"""One partition of users, judged in numpy: rows of lists, relevance and history in, sums per list, cut-off and replicate out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from mapping_spark.evaluation.bootstrap import poisson_weights
from mapping_spark.evaluation.metrics import ACCURACY, BEYOND, NO_CATEGORY, Flags, Ints, Numbers, RankedLists

T = TypeVar("T", bound=np.generic)


class Kind(IntEnum):
    """What a row of the stream says of its user."""

    KNOWN = 0
    """Training knew the user; `code` is the segment."""
    RELEVANT = 1
    """`item` is relevant under the protocol `code`, with the gain `number`."""
    HISTORY = 2
    """`number` interactions with items of the category `category`."""
    PLACE = 3
    """`item` stands at `place` of the list `code`; `number` users have it."""


STREAM = "user_idx bigint, kind int, code int, place int, item bigint, category bigint, number double, score double"
VECTOR = "vector array<float>"
"""A column more, where items have vectors."""
FOUND = "list int, quantity int, key bigint, numbers array<double>"


class Quantity(IntEnum):
    """What a row of the result holds."""

    SUMS = 0
    """`key`: segment. Per column and replicate the sum of values, then of weights; then per column the known users left out."""
    EXPOSURE = 1
    """`key`: item. How many lists show it, per cut-off."""
    SCORES = 2
    """`key`: bin of scores. How many places of the longest cut-off have one in it."""


NO_ITEM = -1
SCORE_UNIT = 1024.0
BINS_PER_OCTAVE = 2.0


@dataclass(frozen=True, slots=True)
class Context:
    """What all partitions share; small."""

    protocols: tuple[int, ...]
    """Protocol of each list."""
    n_segments: int
    ks: tuple[int, ...]
    n_replicates: int
    seed: int
    n_known_users: int
    tail_limit: float
    """Users at most of an item of the long tail."""
    popular: Mapping[int, int]
    """Place of the most popular items."""
    has_categories: bool
    has_vectors: bool

    @property
    def columns(self) -> list[tuple[str, int]]:
        """(metric, k) of the values of a user, in order."""
        left_out = set() if self.has_categories else {"category_diversity", "calibration"}
        left_out |= set() if self.has_vectors else {"vector_diversity"}
        return [(name, k) for name in (*ACCURACY, *BEYOND) if name not in left_out for k in self.ks]


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """The rows of some users, column by column, with the users numbered from 0."""

    users_U: Ints
    user: Ints
    column: Mapping[str, NDArray[np.generic]]
    vectors: NDArray[np.float32] | None

    def rows(self, kind: Kind, code: int | None = None) -> Ints:
        """Which rows are of that kind (and code)."""
        chosen = self.column["kind"] == kind
        return np.flatnonzero(chosen if code is None else chosen & (self.column["code"] == code))


def judged(batches: Iterator[pa.RecordBatch], context: Context) -> Iterator[pa.RecordBatch]:
    """All rows of a partition at once: every user is whole in it. Rows of `FOUND`."""
    partition = _partition(batches)
    if partition is None:
        return
    weights = poisson_weights(context.seed, partition.users_U, context.n_replicates)
    segment_U = _segments(partition)
    for code in range(len(context.protocols)):
        places = places_of(partition, code, context.ks[-1])
        lists = ranked_lists(partition, code, context, places)
        values = values_of(lists, context)
        yield _batch(code, Quantity.SUMS, *_sums(values, weights, lists.known_U, segment_U, context.n_segments))
        yield from _shown(partition, code, context, places[0])


def user_values(batches: Iterator[pa.RecordBatch], context: Context) -> Iterator[pa.RecordBatch]:
    """The same pass, but each user's values themselves: (list int, user_idx bigint, numbers array<double>)."""
    partition = _partition(batches)
    if partition is None:
        return
    for code in range(len(context.protocols)):
        lists = ranked_lists(partition, code, context, places_of(partition, code, context.ks[-1]))
        values = values_of(lists, context)
        numbers = pa.ListArray.from_arrays(np.arange(0, values.size + 1, values.shape[1], dtype=np.int32), values.ravel())
        codes = pa.array(np.full(len(values), code, np.int32))
        yield pa.RecordBatch.from_arrays([codes, pa.array(partition.users_U), numbers], names=["list", "user_idx", "numbers"])


def values_of(lists: RankedLists, context: Context) -> Numbers:
    """(U, columns): every metric at every cut-off."""
    wanted, ks = {name for name, _ in context.columns}, np.array(context.ks)
    return np.concatenate([metric(lists, ks) for name, metric in {**ACCURACY, **BEYOND}.items() if name in wanted], axis=1)


def places_of(partition: Partition, code: int, depth: int) -> tuple[Ints, Ints]:
    """Rows of the lists `code` and their places in a matrix (U, depth), flat; each place and each item of a user once.

    Of two items at one place the smaller number stays, of an item at two places the better one.
    """
    rows = partition.rows(Kind.PLACE, code)
    flat = partition.user[rows] * depth + partition.column["place"][rows].astype(np.int64) - 1
    order = np.argsort(flat, kind="stable")  # lists come nearly in order, which this sort makes use of
    rows, flat = rows[order], flat[order]
    if (flat[1:] == flat[:-1]).any():
        order = np.lexsort((partition.column["item"][rows], flat))
        flat, first = np.unique(flat[order], return_index=True)
        rows = rows[order][first]
    once = _first_of_each(partition.user[rows], partition.column["item"][rows].astype(np.int64))
    return rows[once], flat[once]


def ranked_lists(partition: Partition, code: int, context: Context, places: tuple[Ints, Ints]) -> RankedLists:
    """The lists `code` of the partition's users as matrices; `places` as `places_of` gives them."""
    column, depth = partition.column, context.ks[-1]
    rows, flat = places
    shape = (len(partition.users_U), depth)
    gains, ideal_UK, n_relevant_U = _relevance(partition, context.protocols[code], rows, depth)
    items = column["item"][rows].astype(np.int64)
    holders = np.nan_to_num(column["number"][rows].astype(np.float64))

    def placed(values: NDArray[Any], empty: float, kind: type[T]) -> NDArray[T]:
        matrix: NDArray[T] = np.full(shape, empty, kind)
        matrix.ravel()[flat] = values
        return matrix

    return RankedLists(
        gain_UK=placed(gains, 0, np.float64),
        ideal_UK=ideal_UK,
        n_relevant_U=n_relevant_U,
        shown_UK=placed(np.ones(len(rows)), False, np.bool_),
        known_U=_known(partition),
        n_holders_UK=placed(holders, 0, np.float64),
        n_known_users=context.n_known_users,
        is_tail_UK=placed(holders <= context.tail_limit, False, np.bool_),
        popular_place_UK=placed(_popular_places(items, context), depth + 1, np.int64),
        category_UK=placed(column["category"][rows], NO_CATEGORY, np.int64) if context.has_categories else None,
        history=_history(partition) if context.has_categories else None,
        vectors_UKD=None if partition.vectors is None else _vectors(partition.vectors[rows], flat, shape),
    )


def _partition(batches: Iterator[pa.RecordBatch]) -> Partition | None:
    filled = [batch for batch in batches if batch.num_rows]
    if not filled:
        return None
    table = pa.Table.from_batches(filled).combine_chunks()
    column = {name: table[name].to_numpy() for name in table.column_names if name not in ("vector", "user_idx", "category")}
    # Categories come as hashes, any 64 bits: numbered from 0, and absent ones `NO_CATEGORY`.
    column["category"] = pa.compute.dictionary_encode(table["category"].combine_chunks()).indices.fill_null(NO_CATEGORY).to_numpy()
    user, users_U = pd.factorize(table["user_idx"].to_numpy())
    vectors = _vector_rows(table["vector"]) if "vector" in table.column_names else None
    return Partition(users_U, user.astype(np.int64), column, vectors)


def _vector_rows(column: pa.ChunkedArray) -> NDArray[np.float32] | None:
    lists = column.combine_chunks()
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    if not lengths.any():
        return None
    rows = np.zeros((len(lengths), lengths.max()), np.float32)
    rows[lengths > 0] = lists.flatten().to_numpy().reshape(-1, lengths.max())
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = rows / np.where(norms > 0, norms, 1)
    return unit


def _first_of_each(user: Ints, item: Ints) -> Ints:
    """Rows (in order of place) that show the item to the user for the first time."""
    keys = _pair_keys(user, item, item)
    ordered = np.sort(keys)
    if not (ordered[1:] == ordered[:-1]).any():
        return np.arange(len(keys))
    return np.sort(np.unique(keys, return_index=True)[1])


def _pair_keys(user: Ints, item: Ints, all_items: Ints) -> Ints:
    """One number per (user, item); `all_items` bounds the items of everything it is compared with."""
    largest, n_users = int(all_items.max(initial=0)), int(user.max(initial=0)) + 1
    if int(all_items.min(initial=0)) >= 0 and (largest + 1).bit_length() + n_users.bit_length() < 63:
        return user * (largest + 1) + item
    kinds = np.unique(all_items)  # ids too large to be packed beside the user
    return user * len(kinds) + np.searchsorted(kinds, item)


def _relevance(partition: Partition, protocol: int, rows: Ints, depth: int) -> tuple[Numbers, Numbers, Ints]:
    """Gain of each shown row, the users' best gains in order, and how many are relevant. A pair twice counts once, at its best."""
    column, n_users = partition.column, len(partition.users_U)
    relevant = partition.rows(Kind.RELEVANT, protocol)
    items = np.concatenate([column["item"][relevant], column["item"][rows]]).astype(np.int64)
    user = np.concatenate([partition.user[relevant], partition.user[rows]])
    keys = _pair_keys(user, items, items)
    wanted, gain = keys[: len(relevant)], column["number"][relevant].astype(np.float64)
    order = np.lexsort((-gain, wanted))
    known, first = np.unique(wanted[order], return_index=True)
    gain, owner = gain[order][first], partition.user[relevant][order][first]
    gains = np.zeros(len(rows))
    if len(known):
        at = np.minimum(np.searchsorted(known, keys[len(relevant) :]), len(known) - 1)
        gains = np.where(known[at] == keys[len(relevant) :], gain[at], 0.0)
    best = np.lexsort((-gain, owner))
    n_relevant_U = np.bincount(owner, minlength=n_users)
    place = np.arange(len(best)) - np.repeat(np.cumsum(n_relevant_U) - n_relevant_U, n_relevant_U)
    ideal_UK = np.zeros((n_users, depth))
    within = place < depth
    ideal_UK[owner[best][within], place[within]] = gain[best][within]
    return gains, ideal_UK, n_relevant_U


def _popular_places(items: Ints, context: Context) -> Ints:
    popular = np.array(sorted(context.popular), np.int64)
    places = np.array([context.popular[item] for item in sorted(context.popular)], np.int64)
    if not len(popular):
        return np.full(len(items), context.ks[-1] + 1)
    at = np.minimum(np.searchsorted(popular, items), len(popular) - 1)
    return np.where(popular[at] == items, places[at], context.ks[-1] + 1)


def _known(partition: Partition) -> Flags:
    known_U = np.zeros(len(partition.users_U), bool)
    known_U[partition.user[partition.rows(Kind.KNOWN)]] = True
    return known_U


def _segments(partition: Partition) -> Ints:
    """Segment of each user, -1 for one whom training did not know."""
    rows = partition.rows(Kind.KNOWN)
    segment_U = np.full(len(partition.users_U), -1)
    segment_U[partition.user[rows]] = partition.column["code"][rows]
    return segment_U


def _history(partition: Partition) -> tuple[Ints, Ints, Numbers]:
    rows = partition.rows(Kind.HISTORY)
    user, number = partition.user[rows], partition.column["number"][rows].astype(np.float64)
    whole = np.bincount(user, weights=number, minlength=len(partition.users_U))
    return user, partition.column["category"][rows].astype(np.int64), number / whole[user]


def _vectors(vectors: NDArray[np.float32], flat: Ints, shape: tuple[int, int]) -> NDArray[np.float32]:
    placed = np.zeros((shape[0] * shape[1], vectors.shape[1]), np.float32)
    placed[flat] = vectors
    return placed.reshape(*shape, -1)


def _sums(values: Numbers, weights: Numbers, known_U: Flags, segment_U: Ints, n_segments: int) -> tuple[Ints, Numbers]:
    """(segments, numbers): segment 0 is everyone, known or not."""
    counts = ~np.isnan(values)
    filled, counted, left_out = np.where(counts, values, 0), counts.astype(np.float64), (~counts & known_U[:, None]).astype(np.float64)
    segments = [np.arange(len(values)), *(np.flatnonzero(segment_U == code) for code in range(1, n_segments + 1))]
    rows = [
        np.concatenate([(filled[part].T @ weights[part]).ravel(), (counted[part].T @ weights[part]).ravel(), left_out[part].sum(axis=0)])
        for part in segments
    ]
    return np.arange(n_segments + 1), np.stack(rows)


def _shown(partition: Partition, code: int, context: Context, rows: Ints) -> Iterator[pa.RecordBatch]:
    """In how many of these lists each item stands, and how their scores lie."""
    shown = np.concatenate([[NO_ITEM], partition.column["item"][rows].astype(np.int64)])  # so that a run that shows nothing has a row
    which, items = pd.factorize(shown)
    place = np.concatenate([[context.ks[-1] + 1], partition.column["place"][rows]])
    counts = np.stack([np.bincount(which[place <= k], minlength=len(items)) for k in context.ks], axis=1)
    yield _batch(code, Quantity.EXPOSURE, items, counts)
    scores = partition.column["score"][rows].astype(np.float64)
    bins, counts_of_bins = np.unique(score_bins(scores[~np.isnan(scores)]), return_counts=True)
    yield _batch(code, Quantity.SCORES, bins, counts_of_bins[:, None])


def score_bins(scores: Numbers) -> Ints:
    """Bins of half an octave, whatever the scale of a model's scores; 0 lies in bin 0."""
    octaves = np.sign(scores) * np.log2(1 + SCORE_UNIT * np.abs(scores))
    bins: Ints = np.round(BINS_PER_OCTAVE * octaves).astype(np.int64)
    return bins


def _batch(code: int, quantity: Quantity, keys: Ints, numbers: NDArray[np.generic]) -> pa.RecordBatch:
    values = np.ascontiguousarray(numbers, np.float64)
    offsets = np.arange(len(keys) + 1, dtype=np.int32) * values.shape[1]
    arrays = [
        pa.array(np.full(len(keys), code, np.int32)),
        pa.array(np.full(len(keys), int(quantity), np.int32)),
        pa.array(keys.astype(np.int64)),
        pa.ListArray.from_arrays(offsets, values.ravel()),
    ]
    return pa.RecordBatch.from_arrays(arrays, names=["list", "quantity", "key", "numbers"])
