"""One cell of a top-k: two Arrow tables in, one out. Runs on the workers; no row is touched by Python on its own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mapping_spark.errors import ContractError
from mapping_spark.recommend.best import Best, Floats, Ints, holds
from mapping_spark.recommend.dense_search import dense_best
from mapping_spark.recommend.sparse_search import Sparse, sparse_best


def search_cell(asked: pa.Table, offered: pa.Table, k: int) -> pa.Table:
    """The block winners (user_idx, item_idx, score, rank) of one cell.

    `asked`: queries (item_idx null) and excluded pairs (item_idx set); `offered`: targets. Rows are sorted by index first,
    so that columns compare as item_idx does.
    """
    is_query = pc.is_null(asked["item_idx"])
    queries, targets = asked.filter(is_query).sort_by("user_idx"), offered.sort_by("item_idx")
    user_idx, item_idx = _integers(queries["user_idx"]), _integers(targets["item_idx"])
    if not len(user_idx) or not len(item_idx):
        return _winners(user_idx[:0], item_idx[:0], np.zeros(0, np.float32))
    excluded = _codes(asked.filter(pc.invert(is_query)), user_idx, item_idx)
    if _is_dense(queries) and _is_dense(targets):
        rows, columns, scores = _dense(queries, targets, excluded, k)
    elif queries["indices"].null_count or targets["indices"].null_count:
        raise _refused("dense and sparse vectors together", "vectors of one kind")
    else:
        rows, columns, scores = sparse_best(_sparse(queries), _sparse(targets), excluded, k)
    return _winners(user_idx[rows], item_idx[columns], scores)


def _dense(queries: pa.Table, targets: pa.Table, excluded: Ints, k: int) -> Best:
    queries_RD, targets_ND = _matrix(queries), _matrix(targets)
    if queries_RD.shape[1] != targets_ND.shape[1]:
        raise _refused(f"queries of length {queries_RD.shape[1]}, targets of length {targets_ND.shape[1]}", "one length")
    return dense_best(queries_RD, targets_ND, excluded, k)


def _is_dense(vectors: pa.Table) -> bool:
    return bool(vectors["indices"].null_count == len(vectors))


def _matrix(vectors: pa.Table) -> Floats:
    lengths = _integers(pc.list_value_length(vectors["values"]).fill_null(0))
    if lengths.min() != lengths.max() or not lengths[0]:
        raise _refused(f"dense vectors of length {lengths.min()} to {lengths.max()}", "one length, 1 or more")
    return _values(vectors).reshape(len(vectors), lengths[0])


def _sparse(vectors: pa.Table) -> Sparse:
    lengths = _integers(pc.list_value_length(vectors["indices"]))
    if not np.array_equal(lengths, _integers(pc.list_value_length(vectors["values"]))):
        raise _refused("rows with more indices than values, or fewer", "as many")
    return Sparse(np.append(0, np.cumsum(lengths)), _integers(pc.list_flatten(vectors["indices"])), _values(vectors))


def _values(vectors: pa.Table) -> Floats:
    values: Floats = np.ascontiguousarray(pc.list_flatten(vectors["values"]).to_numpy(), dtype=np.float32)
    if not np.isfinite(values).all():
        raise _refused("null, NaN or infinity in a vector", "finite numbers")
    return values


def _integers(column: pa.ChunkedArray) -> Ints:
    integers: Ints = np.asarray(column.to_numpy(), dtype=np.int64)
    return integers


def _codes(pairs: pa.Table, user_idx: Ints, item_idx: Ints) -> Ints:
    """Excluded pairs as sorted codes row * N + column; pairs of others than this cell's queries and targets are dropped."""
    users, items = _integers(pairs["user_idx"]), _integers(pairs["item_idx"])
    is_here = holds(user_idx, users) & holds(item_idx, items)
    codes = np.searchsorted(user_idx, users[is_here]) * len(item_idx) + np.searchsorted(item_idx, items[is_here])
    unique: Ints = np.unique(codes)
    return unique


def _winners(user_idx: Ints, item_idx: Ints, scores: Floats) -> pa.Table:
    """Winners with their rank; the winners of a user stand together, in order."""
    starts = np.flatnonzero(np.append(True, user_idx[1:] != user_idx[:-1])) if len(user_idx) else np.zeros(0, np.int64)
    ranks = np.arange(len(user_idx)) - np.repeat(starts, np.diff(np.append(starts, len(user_idx)))) + 1
    columns = {"user_idx": user_idx, "item_idx": item_idx, "score": scores.astype(np.float64), "rank": ranks.astype(np.int32)}
    return pa.table(columns)


def _refused(found: str, expected: str) -> ContractError:
    return ContractError("top_k", found, expected, "Fit the model again, and look at its vectors.")
