"""Tiny snapshot folders, written from arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike

from mapping_spark.training import manifest as m


def write_snapshot(
    folder: Path, shape: m.Shape, columns: Mapping[str, Any], *, rows_per_group: int, n_users: int, n_items: int
) -> m.Manifest:
    """Write `columns` (all but `row`) as a snapshot: numpy arrays (N,) or (N, L)."""
    n_rows = len(columns["user_idx"])
    arrays = {"row": np.arange(n_rows), **columns}
    length = arrays["item_idxs"].shape[1] if shape == "sequences" else 0
    files = []
    for number, start in enumerate(range(0, n_rows, rows_per_group)):
        rows = slice(start, start + rows_per_group)
        table = pa.table({name: _column(arrays[name][rows], kind) for name, kind in m.COLUMNS[shape].items()})
        path = f"data/part-{number:05}.parquet"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / path, row_group_size=rows_per_group)
        files.append(m.inspect(m.open_folder(str(folder)), path, shape))
    facts = dict(shape=shape, rows_per_group=rows_per_group, n_users=n_users, n_items=n_items, length=length)
    manifest = m.of_files(files, **facts, as_of="2017-12-01", versions={}, config={}, created_at="2017-12-01T00:00:00+00:00")
    m.write(str(folder), manifest)
    return manifest


def _column(values: Any, kind: str) -> pa.Array:
    if kind == "list<int64>":
        offsets = np.arange(len(values) + 1) * values.shape[1]
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values.ravel(), pa.int64()))
    return pa.array(values, {"int64": pa.int64(), "int32": pa.int32(), "float": pa.float32()}[kind])


def interactions(user_idx: ArrayLike, item_idx: ArrayLike) -> dict[str, Any]:
    """Columns of pairs that weigh 1."""
    users, items = np.asarray(user_idx), np.asarray(item_idx)
    n = len(users)
    return dict(user_idx=users, item_idx=items, weight=np.ones(n, np.float32), at=np.zeros(n, np.int64))


def sequences(item_idxs: ArrayLike) -> dict[str, Any]:
    """Columns of sequences, one user each, -1 for padding on the left."""
    items = np.asarray(item_idxs, np.int64)
    ats = np.where(items >= 0, np.arange(items.shape[1])[None, :] + 1, 0)
    n = len(items)
    return dict(user_idx=np.arange(n), window=np.zeros(n, np.int32), item_idxs=items, ats=ats)
