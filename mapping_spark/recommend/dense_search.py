"""Exact top-k of a block of dense queries against a block of dense targets, by FAISS on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np

from mapping_spark.recommend.best import NOT_ALLOWED, Best, Floats, Ints, first_k_of_candidates, first_k_of_scores, holds, joined, spans

SLACK = 8
"""Candidates fetched beyond k, so that the first k can be proven to be the first k despite float rounding."""
CHUNK_ROWS = 4096
"""Most queries searched at once (measured: FAISS takes twice as long per query on 1,024 as on 2,048 and more)."""
CELLS = 1 << 20
"""Most numbers held at once (8 MiB as doubles)."""


def dense_best(queries_RD: Floats, targets_ND: Floats, excluded: Ints, k: int) -> Best:
    """The first k targets of every query, in the order that `best` defines, without the excluded pairs.

    `excluded`: sorted distinct codes row * N + column. FAISS adds up in float, so a few candidates more than k are
    fetched and scored again in double; a row is accepted where its k-th score lies above everything not fetched by
    more than rounding can be (|error| <= D u |q| |t|, Higham 2002, section 3.1). Other rows, such as those with ties
    at the cut, are scored in full.
    """
    n_rows, n_columns = len(queries_RD), len(targets_ND)
    if not n_rows or not n_columns:
        return joined([])
    faiss.omp_set_num_threads(1)  # Spark already runs one task per core
    index: Any = faiss.IndexFlatIP(targets_ND.shape[1])
    index.add(targets_ND)
    error_R = _error_bound(queries_RD, targets_ND)
    n_excluded_R = np.bincount(excluded // n_columns, minlength=n_rows)
    order = np.argsort(n_excluded_R, kind="stable")  # rows that need equally many candidates share a chunk
    found, unproven = [], []
    for rows in _chunks(order, n_excluded_R[order] + k + SLACK):
        n_fetched = min(n_columns, k + SLACK + int(n_excluded_R[rows[-1]]))
        scores_RM, columns_RM = index.search(queries_RD[rows], n_fetched)
        scores_RM, columns_RM = _allowed(scores_RM, columns_RM, rows, excluded, n_columns, k)
        next_R = scores_RM[:, -1]  # nothing left out has a higher float score
        scores_RM = _in_double(queries_RD[rows], targets_ND, columns_RM, scores_RM)
        kth_R = np.sort(scores_RM, axis=1)[:, max(0, scores_RM.shape[1] - k)]
        is_proven = (n_columns - n_excluded_R[rows] <= k + SLACK) | (kth_R > next_R + error_R[rows])
        found.append(first_k_of_candidates(rows[is_proven], columns_RM[is_proven], scores_RM[is_proven], k))
        unproven.append(rows[~is_proven])
    found.append(_full_scan(queries_RD, targets_ND, np.concatenate(unproven), excluded, k))
    return joined(found)


def _error_bound(queries_RD: Floats, targets_ND: Floats) -> Floats:
    """Per query, twice what a float score and its rounding can be off by, for the longest target."""
    longest = float(np.linalg.norm(targets_ND, axis=1).max())
    bound: Floats = np.linalg.norm(queries_RD, axis=1) * longest * np.float32((queries_RD.shape[1] + 2) * 2.0**-22)
    return bound


def _chunks(order: Ints, widths: Ints) -> Iterator[Ints]:
    """Cut rows, sorted by how many candidates they need, into chunks of at most CHUNK_ROWS rows and about CELLS candidates."""
    start = 0
    while start < len(order):
        last = min(start + CHUNK_ROWS, len(order)) - 1
        size = int(max(1, min(last + 1 - start, CELLS // widths[last])))
        yield order[start : start + size]
        start += size


def _allowed(scores_RM: Floats, columns_RM: Ints, rows: Ints, excluded: Ints, n_columns: int, k: int) -> tuple[Floats, Ints]:
    """Each row's first k + SLACK candidates that are not excluded; where there are fewer, the rest is NOT_ALLOWED."""
    is_excluded_RM = holds(excluded, rows[:, None] * n_columns + columns_RM)
    order_RM = np.argsort(is_excluded_RM, axis=1, kind="stable")[:, : k + SLACK]
    scores_RM = np.where(is_excluded_RM, NOT_ALLOWED, scores_RM)
    return np.take_along_axis(scores_RM, order_RM, axis=1), np.take_along_axis(columns_RM, order_RM, axis=1)


def _in_double(queries_RD: Floats, targets_ND: Floats, columns_RM: Ints, scores_RM: Floats) -> Floats:
    """The candidates' scores again, summed in double and rounded to float."""
    exact_RM = np.empty_like(scores_RM)
    step = max(1, CELLS // (columns_RM.shape[1] * targets_ND.shape[1]))
    for start in range(0, len(queries_RD), step):
        part = slice(start, start + step)
        candidates_RMD = targets_ND[columns_RM[part]].astype(np.float64)
        exact_RM[part] = np.einsum("rd,rmd->rm", queries_RD[part].astype(np.float64), candidates_RMD)
    return np.where(scores_RM > NOT_ALLOWED, exact_RM, NOT_ALLOWED)


def _full_scan(queries_RD: Floats, targets_ND: Floats, rows: Ints, excluded: Ints, k: int) -> Best:
    """The first k of every named row from all its scores."""
    if not len(rows):
        return joined([])
    n_columns = len(targets_ND)
    targets_DN = targets_ND.T.astype(np.float64)
    found = []
    for chunk in np.array_split(rows, -(-len(rows) * n_columns // CELLS)):
        scores_RN = (queries_RD[chunk].astype(np.float64) @ targets_DN).astype(np.float32)
        starts, ends = np.searchsorted(excluded, chunk * n_columns), np.searchsorted(excluded, (chunk + 1) * n_columns)
        scores_RN[np.repeat(np.arange(len(chunk)), ends - starts), excluded[spans(starts, ends - starts)] % n_columns] = NOT_ALLOWED
        found.append(first_k_of_scores(chunk, scores_RN, k))
    return joined(found)
