"""The nearest neighbours of one block of items, in numpy on one Arrow table. No Spark.

Shapes: U users, N items that any of these users has, R items of the block, K neighbours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_CELLS = 1 << 22
"""Most pairs of items counted at once: 48 MiB."""


def block_neighbours(users: pa.Table, n_blocks: int, k: int, shrinkage: float) -> pa.Table:
    """The `k` most alike items of every item of a block, as vectors (item_idx, indices, values).

    `users`: (block, user_idx, items list<int>, values list<float>), the full row of each user who has an item of the
    block; item i belongs to block i mod `n_blocks`. Likeness of two items = sum over users of the product of their
    values, times n / (n + shrinkage) where n users have both. Ties go to the smaller item; only positive ones are kept.
    """
    block = users["block"][0].as_py()
    users = users.sort_by("user_idx")  # sums are made in this order, whatever order the rows came in
    rows, values = users["items"].combine_chunks(), users["values"].combine_chunks().flatten().to_numpy().astype(np.float64)
    ends = np.cumsum(rows.value_lengths().to_numpy())
    items_N, columns = np.unique(rows.flatten().to_numpy(), return_inverse=True)
    members = np.flatnonzero(items_N % n_blocks == block)
    found: list[tuple[NDArray[Any], NDArray[Any]]] = []
    chunk = max(1, _CELLS // len(items_N))
    for start in range(0, len(members), chunk):
        part = members[start : start + chunk]
        likeness_RN = _likeness(part, columns, values, ends, len(items_N), shrinkage)
        likeness_RN[np.arange(len(part)), part] = 0  # nobody is their own neighbour
        found.extend(_nearest(likeness_N, k) for likeness_N in likeness_RN)
    return _vectors(items_N[members], [(items_N[near], value) for near, value in found])


def _likeness(
    part: NDArray[Any], columns: NDArray[Any], values: NDArray[Any], ends: NDArray[Any], n_items: int, shrinkage: float
) -> NDArray[Any]:
    """Likeness of the items `part` to all items, R x N."""
    row_of_N = np.full(n_items, -1)
    row_of_N[part] = np.arange(len(part))
    products_RN = np.zeros((len(part), n_items))
    users_RN = np.zeros((len(part), n_items), np.int32)
    start = 0
    for end in ends:
        own, value = columns[start:end], values[start:end]
        row = row_of_N[own]
        mine = np.flatnonzero(row >= 0)
        if len(mine):
            cells = np.ix_(row[mine], own)  # a user has an item once, so no cell stands here twice
            products_RN[cells] += np.outer(value[mine], value)
            users_RN[cells] += 1
        start = end
    return products_RN * (users_RN / (users_RN + shrinkage)) if shrinkage else products_RN


def _nearest(likeness_N: NDArray[Any], k: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Positions (ascending) and values of the `k` largest positive numbers, ties by the smaller position."""
    value_N = likeness_N.astype(np.float32)
    near = np.flatnonzero(value_N > 0)
    if len(near) > k:
        kth = np.partition(value_N[near], len(near) - k)[len(near) - k]
        near = near[value_N[near] >= kth]
        near = near[np.lexsort((near, -value_N[near]))[:k]]
        near.sort()
    return near, value_N[near]


def _vectors(items: NDArray[Any], nearest: list[tuple[NDArray[Any], NDArray[Any]]]) -> pa.Table:
    """One sparse vector per item that has a neighbour."""
    offsets = np.concatenate([[0], np.cumsum([len(near) for near, _ in nearest])]).astype(np.int32)
    indices = np.concatenate([near for near, _ in nearest]).astype(np.int32)
    values = np.concatenate([value for _, value in nearest]).astype(np.float32)
    table = pa.table(
        {
            "item_idx": pa.array(items.astype(np.int64)),
            "indices": pa.ListArray.from_arrays(pa.array(offsets), pa.array(indices)),
            "values": pa.ListArray.from_arrays(pa.array(offsets), pa.array(values)),
        }
    )
    return table.filter(pa.array(np.diff(offsets) > 0))
