"""Which rows a step reads: arithmetic on the manifest's row counts, the same on every rank, before any file is opened.

An epoch keeps the largest number of rows that fills whole batches. What is left out is a stretch that moves on by its own
length from epoch to epoch, going round, so that every row is left out equally often. The kept rows are cut at the borders
of files, the pieces permuted by (seed, epoch) and laid end to end; each stream reads one contiguous span of that line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from mapping_spark.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows [start, stop) of a file, counted within it."""

    file: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """How many."""
        return self.stop - self.start


def steps_per_epoch(n_rows: int, batch_size: int) -> int:
    """Whole batches that `n_rows` fill. Raises `ConfigError` where there is not one."""
    if n_rows < batch_size:
        raise ConfigError("training.batch_size", f"{batch_size:,} for {n_rows:,} rows", f"at most {n_rows:,}", "Take smaller batches.")
    return n_rows // batch_size


def epoch_line(file_rows: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[Piece]:
    """The pieces of an epoch in the order in which they are read; together whole batches, each row at most once."""
    n_rows = sum(file_rows)
    n_kept = steps_per_epoch(n_rows, batch_size) * batch_size
    first = epoch * (n_rows - n_kept) % n_rows
    in_order = [Piece(number, 0, rows) for number, rows in enumerate(file_rows)]
    round_twice = [*in_order, *in_order]
    pieces = list(between(round_twice, first, first + n_kept))
    return [pieces[place] for place in np.random.default_rng([seed, epoch]).permutation(len(pieces))]


def between(line: Sequence[Piece], start: int, stop: int) -> Iterator[Piece]:
    """The rows at the places [start, stop) of a line of pieces laid end to end."""
    ends = list(accumulate(piece.rows for piece in line))
    for piece, end in zip(line, ends, strict=True):
        begin = end - piece.rows
        if begin < stop and start < end:
            yield Piece(piece.file, piece.start + max(start - begin, 0), piece.stop - max(end - stop, 0))
