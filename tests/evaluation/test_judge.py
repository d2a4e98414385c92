"""One partition without Spark: rows of the stream in, each user's numbers and sums out."""

from __future__ import annotations

import itertools
import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.evaluation.judge import (
    BINS_PER_OCTAVE,
    NO_ITEM,
    Context,
    Kind,
    Partition,
    Quantity,
    judged,
    places_of,
    score_bins,
    user_values,
)

Row = dict[str, Any]
TYPES = {"user_idx": pa.int64(), "kind": pa.int32(), "code": pa.int32(), "place": pa.int32(), "item": pa.int64()}
SCHEMA = pa.schema(TYPES | {"category": pa.int64(), "number": pa.float64(), "score": pa.float64()})  # STREAM


def context(*ks: int, protocols: tuple[int, ...] = (0,), n_segments: int = 0, n_replicates: int = 0) -> Context:
    return Context(protocols, n_segments, ks, n_replicates, 7, 4, 1.0, {10: 1, 11: 2}, has_categories=False, has_vectors=False)


def known(user: int, segment: int = 0) -> Row:
    return dict(user_idx=user, kind=Kind.KNOWN, code=segment)


def relevant(user: int, item: int, gain: float = 1.0, protocol: int = 0) -> Row:
    return dict(user_idx=user, kind=Kind.RELEVANT, code=protocol, item=item, number=gain)


def shown(user: int, *items: int, run: int = 0, score: float | None = None) -> list[Row]:
    """A list, best first; one user of four has each item."""
    return [
        dict(user_idx=user, kind=Kind.PLACE, code=run, place=at, item=item, number=1.0, score=score) for at, item in enumerate(items, 1)
    ]


def batches(rows: Sequence[Row], size: int = 1_000) -> Iterator[pa.RecordBatch]:
    empty = {"code": 0, "place": 0, "item": 0}
    table = pa.Table.from_pylist([empty | row | {"kind": int(row["kind"])} for row in rows], schema=SCHEMA)
    return iter(table.to_batches(max_chunksize=size))


def values(rows: Sequence[Row], of: Context, size: int = 1_000) -> dict[tuple[int, int], dict[str, float]]:
    """(run, user): `recall@2` ... value, NaN where the user does not count."""
    names = [f"{metric}@{k}" for metric, k in of.columns]
    found = [row for batch in user_values(batches(rows, size), of) for row in batch.to_pylist()]
    return {(row["list"], row["user_idx"]): dict(zip(names, row["numbers"], strict=True)) for row in found}


def found(rows: Sequence[Row], of: Context) -> dict[tuple[int, int, int], list[float]]:
    """(run, quantity, key): numbers."""
    result = [row for batch in judged(batches(rows), of) for row in batch.to_pylist()]
    return {(row["list"], row["quantity"], row["key"]): row["numbers"] for row in result}


def sums(rows: Sequence[Row], of: Context, metric: str) -> dict[int, tuple[float, float, float]]:
    """By segment: the sum of a metric at the only cut-off, the users it counts and the known ones it leaves out."""
    at, n = [name for name, _ in of.columns].index(metric), len(of.columns)
    numbers = {key[2]: row for key, row in found(rows, of).items() if key[1] == Quantity.SUMS}
    return {segment: (row[at], row[n + at], row[2 * n + at]) for segment, row in numbers.items()}


def test_sums_count_who_has_something_relevant_and_leave_known_users_out() -> None:
    rows = [known(1, 1), known(2, 2), known(3, 1), relevant(1, 10), relevant(2, 10), relevant(9, 10)]
    rows += [*shown(1, 10), *shown(3, 11), *shown(9, 10)]  # 2 has no list, to 3 nothing is relevant, training did not know 9
    of = context(1, n_segments=2)
    assert sums(rows, of, "recall") == {0: (2, 3, 1), 1: (1, 1, 1), 2: (0, 1, 0)}
    assert sums(rows, of, "user_coverage") == {0: (2, 3, 0), 1: (2, 2, 0), 2: (0, 1, 0)}
    assert sums(rows, of, "novelty") == {0: (3 * math.log2(4), 3, 1), 1: (2 * math.log2(4), 2, 0), 2: (0, 0, 1)}


def test_a_run_is_judged_by_its_own_protocol() -> None:
    rows = [relevant(1, 10), relevant(1, 11, protocol=1), relevant(1, 12, protocol=1)]
    rows += [*shown(1, 10, 11), *shown(1, 10, 11, run=1), *shown(1, 12, 11, run=2)]
    recall = {run: numbers["recall@2"] for (run, _), numbers in values(rows, context(2, protocols=(0, 1, 1))).items()}
    assert recall == {0: 1, 1: 1 / 2, 2: 1}


def test_a_pair_that_is_relevant_twice_counts_once_with_its_larger_gain() -> None:
    rows = [relevant(1, 10, 2.0), relevant(1, 10, 4.0), relevant(1, 11, 1.0), *shown(1, 11, 10)]
    (numbers,) = values(rows, context(1, 2)).values()
    best = 4 + 1 / math.log2(3)
    assert (numbers["recall@1"], numbers["recall@2"]) == (1 / 2, 1)
    assert numbers["graded_ndcg@2"] == pytest.approx((1 + 4 / math.log2(3)) / best)


def test_exposure_counts_the_lists_of_each_length_that_show_an_item() -> None:
    rows = [known(1), *shown(1, 10, 11), *shown(2, 11), known(3)]
    exposure = {key[2]: row for key, row in found(rows, context(1, 2)).items() if key[1] == Quantity.EXPOSURE}
    assert exposure == {NO_ITEM: [0, 0], 10: [1, 1], 11: [1, 2]}
    nobody = {key[2]: row for key, row in found([known(1)], context(1, 2)).items() if key[1] == Quantity.EXPOSURE}
    assert nobody == {NO_ITEM: [0, 0]}  # a run that shows nothing still has a row


def test_scores_are_counted_by_bins_and_a_place_without_one_is_not() -> None:
    rows = [*shown(1, 10, 11, score=0.0), *shown(2, 10, score=1 / 1024), *shown(3, 10, score=-1 / 1024), *shown(4, 10)]
    scores = {key[2]: row for key, row in found(rows, context(2)).items() if key[1] == Quantity.SCORES}
    assert scores == {0: [2], 2: [1], -2: [1]}  # 2 log2(1 + 1)


def test_nothing_in_nothing_out() -> None:
    for nothing in ([], [pa.RecordBatch.from_pylist([], schema=SCHEMA)]):
        assert list(judged(iter(nothing), context(1))) == []
        assert list(user_values(iter(nothing), context(1))) == []


@settings(deadline=None)
@given(score=st.floats(-1e6, 1e6), factor=st.floats(1, 1e3))
def test_bins_follow_the_scores_and_are_odd(score: float, factor: float) -> None:
    low, high, mirrored = score_bins(np.array([score, score + abs(score) * (factor - 1), -score]))
    assert low <= high
    assert mirrored == -low
    far = score_bins(np.array([1e6, 2e6]))
    assert far[1] - far[0] == BINS_PER_OCTAVE  # where 1 + is nothing beside the score


PLACES = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.integers(10, 13)), max_size=16)


@settings(deadline=None)
@given(drawn=PLACES)
def test_a_place_keeps_its_smaller_item_and_an_item_its_better_place(drawn: list[tuple[int, int, int]]) -> None:
    """`drawn`: (user, place, item) in any order, places and items of a user more than once."""
    expected: dict[tuple[int, int], int] = {}
    for user, place in sorted({(user, place) for user, place, _ in drawn}):
        item = min(item for owner, at, item in drawn if (owner, at) == (user, place))
        if item not in [kept for (owner, _), kept in expected.items() if owner == user]:
            expected[user, place] = item
    users, places, items = (np.array(column, np.int64) for column in zip(*drawn, strict=True)) if drawn else [np.zeros(0, np.int64)] * 3
    column = {"kind": np.full(len(users), int(Kind.PLACE)), "code": np.zeros(len(users), int), "place": places, "item": items}
    rows, flat = places_of(Partition(np.arange(3), users, column, None), code=0, depth=4)
    assert {(int(at) // 4, int(at) % 4 + 1): int(items[row]) for row, at in zip(rows, flat, strict=True)} == expected


def drawn_stream(seed: int) -> dict[int, list[Row]]:
    """Rows by user: eight users of two runs, some unknown, some without a list or anything relevant."""
    draw = random.Random(seed)
    stream: dict[int, list[Row]] = defaultdict(list)
    for user in range(8):
        stream[user] += [known(user, draw.randint(0, 2))] * draw.randint(0, 1)
        stream[user] += [relevant(user, item) for item in draw.sample(range(9, 14), draw.randint(0, 4))]
        stream[user] += [row for run in (0, 1) for row in shown(user, *draw.sample(range(9, 14), draw.randint(0, 3)), run=run)]
    return stream


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.integers(0, 8))
def test_sums_of_two_partitions_add_up_to_those_of_one(seed: int, cut: int) -> None:
    """Also of every replicate: a user's weight hangs on the user alone."""
    stream, of = drawn_stream(seed), context(1, 3, protocols=(0, 0), n_segments=2, n_replicates=5)
    total: dict[tuple[int, int, int], Any] = defaultdict(float)
    for users in (range(cut), range(cut, 8)):
        for key, numbers in found([row for user in users for row in stream[user]], of).items():
            total[key] = total[key] + np.array(numbers)
    whole = found(list(itertools.chain(*stream.values())), of)
    assert set(total) == set(whole)
    for key, numbers in whole.items():
        assert total[key].tolist() == pytest.approx(numbers)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 20))
def test_neither_the_order_of_rows_nor_their_batches_nor_large_ids_matter(seed: int, size: int) -> None:
    rows, of = list(itertools.chain(*drawn_stream(seed).values())), context(1, 3, protocols=(0, 0))
    large = [row | {"item": row["item"] * 2**58} if "item" in row else row for row in rows]  # too large to be packed beside a user
    expected = {key: pytest.approx(numbers, nan_ok=True) for key, numbers in values(rows, of).items()}
    assert values(random.Random(seed).sample(rows, len(rows)), of, size) == expected
    popular = {item * 2**58: place for item, place in of.popular.items()}
    renamed = Context(of.protocols, 0, of.ks, 0, 7, 4, 1.0, popular, has_categories=False, has_vectors=False)
    assert values(large, renamed) == expected
