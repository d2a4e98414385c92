"""Which rows a step reads, by arithmetic alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping_spark.errors import ConfigError
from mapping_spark.training.order import Piece, between, epoch_line


def rows(line: list[Piece], file_rows: list[int]) -> list[int]:
    """Global numbers of the rows of a line."""
    return [sum(file_rows[: piece.file]) + row for piece in line for row in range(piece.start, piece.stop)]


def test_between_cuts_pieces_at_both_ends() -> None:
    line = [Piece(2, 0, 4), Piece(0, 1, 3), Piece(1, 0, 5)]
    assert list(between(line, 3, 8)) == [Piece(2, 3, 4), Piece(0, 1, 3), Piece(1, 0, 2)]


def test_rows_left_out_move_on_by_their_number() -> None:
    for epoch, left_out in enumerate([{8, 9}, {0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}]):  # 10 rows, batches of 4
        assert set(range(10)) - set(rows(epoch_line([3, 3, 4], 4, seed=0, epoch=epoch), [3, 3, 4])) == left_out


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12), st.integers(1, 30), st.integers(0, 9))
def test_each_row_at_most_once_and_whole_batches(file_rows: list[int], batch_size: int, epoch: int) -> None:
    if sum(file_rows) < batch_size:
        with pytest.raises(ConfigError, match="at most"):
            epoch_line(file_rows, batch_size, seed=1, epoch=epoch)
        return
    found = rows(epoch_line(file_rows, batch_size, seed=1, epoch=epoch), file_rows)
    assert len(found) == len(set(found)) == sum(file_rows) // batch_size * batch_size


def test_an_epoch_has_its_own_order_and_keeps_it() -> None:
    lines = [epoch_line([1] * 50, 1, seed=0, epoch=epoch) for epoch in (0, 0, 1)]
    assert lines[0] == lines[1] != lines[2]
