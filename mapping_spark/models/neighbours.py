"""The nearest neighbours of one block of items, in numpy on one Arrow table. No Spark.

Shapes: N items that any user of the block has, M neighbours of an item, P products (pairs of an item with all items of
its users, one for each user of both).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

_PRODUCTS = 1 << 20
"""Most products held at once (24 MiB), so that an item of very many users needs no more memory than another."""


@dataclass(frozen=True, slots=True)
class UserRows:
    """The items of each user as positions in `items_N` (ascending in each row) with their values beside them."""

    items_N: Ints
    columns: list[Ints]
    values: list[Floats]


def block_neighbours(users: pa.Table, n_blocks: int, k: int, shrinkage: float) -> pa.Table:
    """The `k` most alike items of every item of a block, as vectors (item_idx, indices, values).

    `users`: (block, user_idx, items list<int>, values list<float>), the full row of each user who has an item of the
    block; item i belongs to block i mod `n_blocks`. Likeness of two items = sum over users of the product of their
    values, times n / (n + shrinkage) where n users have both. Ties go to the smaller item; only positive ones are kept.
    """
    rows = _user_rows(users.sort_by("user_idx"))  # sums are made in this order, whatever order the rows came in
    found = [
        (rows.items_N[column], *_nearest(column, _likeness_N(owners, rows, shrinkage), k))
        for column, owners in _owners(rows, n_blocks, users["block"][0].as_py())
    ]
    return _vectors(rows.items_N, [(item, near, likeness) for item, near, likeness in found if len(near)])


def _user_rows(users: pa.Table) -> UserRows:
    lists = users["items"].combine_chunks()
    items_N, columns = np.unique(lists.flatten().to_numpy().astype(np.int64), return_inverse=True)
    values = users["values"].combine_chunks().flatten().to_numpy().astype(np.float64)
    ends = np.cumsum(lists.value_lengths().to_numpy())[:-1]
    return UserRows(items_N, np.split(columns, ends), np.split(values, ends))


def _owners(rows: UserRows, n_blocks: int, block: int) -> Iterator[tuple[int, list[tuple[int, float]]]]:
    """(column, its (user, value) pairs in the order of the users) for each item of the block."""
    sizes = [len(own) for own in rows.columns]
    columns, values = np.concatenate(rows.columns), np.concatenate(rows.values)
    inside = np.flatnonzero(rows.items_N[columns] % n_blocks == block)
    inside = inside[np.argsort(columns[inside], kind="stable")]
    users = np.repeat(np.arange(len(sizes)), sizes)[inside]
    starts = np.flatnonzero(np.diff(columns[inside], prepend=-1))
    for start, end in pairwise([*starts, len(inside)]):
        yield int(columns[inside[start]]), list(zip(users[start:end], values[inside[start:end]], strict=True))


def _likeness_N(owners: list[tuple[int, float]], rows: UserRows, shrinkage: float) -> Floats:
    """Likeness of the item that `owners` have to all N items."""
    n_items = len(rows.items_N)
    products_N, users_N = np.zeros(n_items), np.zeros(n_items)
    longest = max(len(rows.columns[user]) for user, _ in owners)
    chunk = max(1, _PRODUCTS // longest)
    for start in range(0, len(owners), chunk):
        part = owners[start : start + chunk]
        columns_P = np.concatenate([rows.columns[user] for user, _ in part])
        values_P = np.concatenate([rows.values[user] * value for user, value in part])
        products_N += np.bincount(columns_P, values_P, n_items)
        if shrinkage:
            users_N += np.bincount(columns_P, minlength=n_items)
    return products_N * (users_N / (users_N + shrinkage)) if shrinkage else products_N


def _nearest(column: int, likeness_N: Floats, k: int) -> tuple[Ints, NDArray[np.float32]]:
    """Positions (ascending) and values of the `k` largest positive numbers but `column`'s own, ties by the smaller position."""
    value_N = likeness_N.astype(np.float32)
    value_N[column] = 0
    near_M = np.flatnonzero(value_N > 0)
    if len(near_M) > k:
        kth = np.partition(value_N[near_M], len(near_M) - k)[len(near_M) - k]
        near_M = near_M[value_N[near_M] >= kth]
        near_M = np.sort(near_M[np.lexsort((near_M, -value_N[near_M]))[:k]])
    return near_M, value_N[near_M]


def _vectors(items_N: Ints, found: list[tuple[int, Ints, NDArray[np.float32]]]) -> pa.Table:
    """One sparse vector per item; `items_N` ascends, so its positions ascending are items ascending."""
    offsets = pa.array(np.cumsum([0, *(len(near) for _, near, _ in found)]).astype(np.int32))
    indices = items_N[np.concatenate([near for _, near, _ in found] or [np.zeros(0, np.int64)])].astype(np.int32)
    values = np.concatenate([value for _, _, value in found] or [np.zeros(0, np.float32)])
    return pa.table(
        {
            "item_idx": pa.array([item for item, _, _ in found], pa.int64()),
            "indices": pa.ListArray.from_arrays(offsets, pa.array(indices)),
            "values": pa.ListArray.from_arrays(offsets, pa.array(values)),
        }
    )
