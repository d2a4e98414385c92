"""The project's models on Spark, fitted on plain rows; their vectors as scores."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from protocols import Ids, Scores
from pyspark.sql import DataFrame, SparkSession
from quality_data import Data, Rows
from torch import Tensor

from mapping_spark.models.base import TrainingData, VectorModel
from mapping_spark.models.registry import build, parse_configs

AS_OF = dt.date(2020, 1, 1)
LAST_AT = dt.datetime(2019, 12, 31, tzinfo=dt.UTC)
"""Times are not given to a model: every event lies on the day before."""


def fit(spark: SparkSession, model: str, settings: Mapping[str, Any], seed: int, data: Data, rows: Rows) -> Scores:
    """Fit a model on the rows; items it does not know score minus infinity, users it does not know score 0 everywhere."""
    fitted = build(model, parse_configs({model: settings})[model], seed)
    if not isinstance(fitted, VectorModel):
        raise TypeError(f"{model} does not retrieve")
    with tempfile.TemporaryDirectory() as name:
        vectors = fitted.fit(training_data(spark, rows, data.texts, Path(name)))
        users, items = _csr(vectors.users, data.n_users), _csr(vectors.items, data.n_items)
    unknown_N = torch.where(torch.from_numpy(np.diff(items.starts) == 0), -torch.inf, 0.0)
    if not len(items.indices):
        return _dense(users.dense(), items.dense(), unknown_N)
    return _sparse(users, items, unknown_N)


def training_data(spark: SparkSession, rows: Rows, texts: tuple[str, ...] | None, folder: Path) -> TrainingData:
    """The rows as a slice of silver.interactions, and the texts."""
    columns = {
        "user_idx": rows.user,
        "item_idx": rows.item,
        "weight": rows.weight,
        "n_events": rows.weight.astype(np.int64),
    }
    at = pa.array([LAST_AT] * len(rows.user), pa.timestamp("us", "UTC"))
    pq.write_table(pa.table(columns | {"first_at": at, "last_at": at}), folder / "interactions.parquet")
    n_items = len(texts) if texts else int(rows.item.max()) + 1
    catalogue = pa.table({"item_idx": np.arange(n_items), "text": pa.array(texts or [None] * n_items, pa.string())})
    pq.write_table(catalogue, folder / "items.parquet")
    interactions, items = (spark.read.parquet(str(folder / f"{name}.parquet")) for name in ("interactions", "items"))
    return TrainingData(interactions, items, AS_OF)


@dataclass(frozen=True, slots=True)
class _Csr:
    """Vectors by key: those of row r stand from starts[r] to starts[r + 1]; `indices` is empty where they are dense."""

    starts: Ids
    indices: Ids
    values: NDArray[np.float32]

    def dense(self) -> Tensor:
        """(n, D); rows without a vector are 0."""
        lengths = np.diff(self.starts)
        filled = np.zeros((len(lengths), lengths.max()), np.float32)
        filled[lengths > 0] = self.values.reshape(-1, lengths.max())
        return torch.from_numpy(filled)


def _csr(vectors: DataFrame, n: int) -> _Csr:
    table = vectors.toArrow()
    table = table.take(np.argsort(table.column(0).to_numpy()))
    lists = table.column("values").combine_chunks()
    lengths = np.zeros(n, np.int64)
    lengths[table.column(0).to_numpy()] = lists.value_lengths().to_numpy()
    indices = table.column("indices").combine_chunks().flatten().to_numpy().astype(np.int64)
    return _Csr(np.append(0, np.cumsum(lengths)), indices, lists.flatten().to_numpy().copy())


def _dense(users_UD: Tensor, items_ND: Tensor, unknown_N: Tensor) -> Scores:
    def scores(users: Ids, items: Tensor | None) -> Tensor:
        users_BD = users_UD[torch.from_numpy(users)]
        if items is None:
            return users_BD @ items_ND.T + unknown_N
        return (items_ND[items] @ users_BD[:, :, None])[:, :, 0] + unknown_N[items]

    return scores


def _sparse(users: _Csr, items: _Csr, unknown_N: Tensor) -> Scores:
    """Only positions that some item has become columns."""
    positions, columns = np.unique(items.indices, return_inverse=True)
    shape = (len(unknown_N), len(positions))
    starts, columns_of, values = (torch.from_numpy(part) for part in (items.starts, columns, items.values))
    items_NF = torch.sparse_csr_tensor(starts, columns_of, values, size=shape, check_invariants=True)
    place = np.minimum(np.searchsorted(positions, users.indices), len(positions) - 1)
    is_shared = positions[place] == users.indices

    def scores(chosen: Ids, wanted: Tensor | None) -> Tensor:
        users_FB = torch.zeros(len(positions), len(chosen))
        lengths = users.starts[chosen + 1] - users.starts[chosen]
        cells = np.repeat(users.starts[chosen] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        columns_B = np.repeat(np.arange(len(chosen)), lengths)
        shared = is_shared[cells]
        users_FB[place[cells][shared], columns_B[shared]] = torch.from_numpy(users.values[cells][shared])
        scores_BN = (items_NF @ users_FB).T + unknown_N
        return scores_BN if wanted is None else scores_BN.gather(1, wanted)

    return scores
