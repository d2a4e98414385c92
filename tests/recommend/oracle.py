"""The same lists by brute force, for comparison: every score in double, rounded to float, sorted."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def brute_force(
    queries: Matrix,
    targets: Matrix,
    k: int,
    excluded: Collection[tuple[int, int]] = (),
    zeros: bool = True,
) -> dict[int, list[tuple[int, float]]]:
    """Each row's first k (column, score), score down and then column up; without zero scores unless `zeros`."""
    scores = (queries.astype(np.float64) @ targets.astype(np.float64).T).astype(np.float32)
    lists = {}
    for row in range(len(queries)):
        allowed = [c for c in range(len(targets)) if (row, c) not in excluded and (zeros or scores[row, c] != 0)]
        lists[row] = [(c, float(scores[row, c])) for c in sorted(allowed, key=lambda c: (-scores[row, c], c))[:k]]
    return lists
