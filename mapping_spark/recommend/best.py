"""The order of a recommendation list, and the first k pairs in it: numpy only.

Score of a pair: the inner product of two float vectors, summed in double and rounded to float. Order: higher score
first, equal scores by smaller column. It depends on the two vectors alone, so a list does not depend on how the data
was cut into blocks.

Shapes stand in the names: R rows (queries), N columns (targets), D dimensions, M candidates of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Best: TypeAlias = tuple[Ints, Ints, Floats]
"""Winners as (row, column, score), each row's winners together and in order."""

NOT_ALLOWED = np.float32(-np.inf)
"""Score of a pair that must not be returned."""


def first_k_of_scores(rows: Ints, scores_RN: Floats, k: int) -> Best:
    """The first k columns of every row of a full score matrix; `rows` names its rows."""
    n_columns = scores_RN.shape[1]
    is_candidate = scores_RN > NOT_ALLOWED
    if n_columns > k:
        kth_R = np.partition(scores_RN, n_columns - k, axis=1)[:, n_columns - k]
        is_candidate &= scores_RN >= kth_R[:, None]  # ties at the cut stay in until they are ordered by column
    positions, columns = np.nonzero(is_candidate)
    return first_k_of_pairs(rows[positions], columns, scores_RN[positions, columns], k)


def first_k_of_candidates(rows: Ints, columns_RM: Ints, scores_RM: Floats, k: int) -> Best:
    """The first k of every row's M candidates; `rows` names the rows."""
    order_RM = np.lexsort((columns_RM, -scores_RM), axis=-1)[:, :k]
    scores = np.take_along_axis(scores_RM, order_RM, axis=1)
    columns = np.take_along_axis(columns_RM, order_RM, axis=1)
    is_allowed = scores > NOT_ALLOWED
    return np.repeat(rows, is_allowed.sum(axis=1)), columns[is_allowed], scores[is_allowed]


def first_k_of_pairs(rows: Ints, columns: Ints, scores: Floats, k: int) -> Best:
    """The first k pairs of every row among scored pairs in any order."""
    order = np.lexsort((columns, -scores, rows))
    sorted_rows = rows[order]
    starts = np.searchsorted(sorted_rows, sorted_rows, side="left")
    order = order[np.arange(len(order)) - starts < k]
    return rows[order], columns[order], scores[order]


def joined(parts: Sequence[Best]) -> Best:
    """Winners of several chunks as one."""
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    rows, columns, scores = zip(*parts, strict=True)
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(scores)


def spans(starts: Ints, lengths: Ints) -> Ints:
    """Positions start, start + 1, ... of each span, one after the other."""
    ends = np.cumsum(lengths)
    positions: Ints = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
    return positions


def holds(sorted_codes: Ints, codes: Ints) -> NDArray[np.bool_]:
    """Whether each of `codes` is among `sorted_codes`."""
    if not len(sorted_codes):
        return np.zeros(codes.shape, dtype=bool)
    at = np.minimum(np.searchsorted(sorted_codes, codes), len(sorted_codes) - 1)
    found: NDArray[np.bool_] = sorted_codes[at] == codes
    return found
