"""Laws of an epoch's order: who is left out when, and how pieces are cut and mixed."""

from __future__ import annotations

from collections import Counter
from math import gcd

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.errors import ConfigError
from mapping_spark.training.order import Piece, between, epoch_line, steps_per_epoch
from tests.training.test_order import rows

FILES = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@settings(deadline=None)
@given(FILES, st.integers(1, 20))
def test_every_row_is_left_out_equally_often(file_rows: list[int], batch_size: int) -> None:
    n_rows = sum(file_rows)
    batch_size = min(batch_size, n_rows)
    n_left = n_rows % batch_size
    round_trip = n_rows // gcd(n_rows, n_left)  # epochs until what is left out begins at row 0 again
    left_out: Counter[int] = Counter()
    for epoch in range(round_trip):
        left_out.update(set(range(n_rows)) - set(rows(epoch_line(file_rows, batch_size, 3, epoch), file_rows)))
    assert [left_out[row] for row in range(n_rows)] == [n_left * round_trip // n_rows] * n_rows


@settings(deadline=None)
@given(FILES, st.integers(1, 20), st.integers(0, 50), st.integers(0, 2**32 - 1))
def test_a_line_has_few_pieces_none_across_files(file_rows: list[int], batch_size: int, epoch: int, seed: int) -> None:
    line = epoch_line(file_rows, min(batch_size, sum(file_rows)), seed, epoch)
    assert len(line) <= len(file_rows) + 1  # what is left out cuts one file in two at most
    assert all(0 <= piece.start < piece.stop <= file_rows[piece.file] for piece in line)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(1, 4)), max_size=6), st.integers(0, 25), st.integers(0, 25))
def test_between_reads_the_places_of_a_line_that_a_slice_would(pieces: list[tuple[int, int, int]], one: int, other: int) -> None:
    line = [Piece(file, start, start + length) for file, start, length in pieces]
    start, stop = min(one, other), max(one, other)

    def laid(found: list[Piece]) -> list[tuple[int, int]]:
        return [(piece.file, row) for piece in found for row in range(piece.start, piece.stop)]

    assert laid(list(between(line, start, stop))) == laid(line)[start:stop]


def test_all_orders_of_files_are_alike_over_epochs() -> None:
    found = Counter(tuple(piece.file for piece in epoch_line([2, 2, 2], 6, 7, epoch)) for epoch in range(3000))
    assert len(found) == 6
    assert max(abs(count / 3000 - 1 / 6) for count in found.values()) < 0.035  # 5 standard deviations: sqrt(1/6 * 5/6 / 3000) = 0.0068


def test_another_seed_is_another_order_of_the_same_rows() -> None:
    one, other = (epoch_line([1] * 40, 40, seed, 0) for seed in (1, 2))
    assert one != other
    assert sorted(one, key=lambda piece: piece.file) == sorted(other, key=lambda piece: piece.file)


@pytest.mark.parametrize(("n_rows", "batch_size", "steps"), [(1, 1, 1), (9, 9, 1), (17, 9, 1), (18, 9, 2)])
def test_only_whole_batches_are_steps(n_rows: int, batch_size: int, steps: int) -> None:
    assert steps_per_epoch(n_rows, batch_size) == steps


def test_a_batch_that_cannot_be_filled_is_refused_with_the_largest_that_can() -> None:
    with pytest.raises(ConfigError, match=r"^training.batch_size: 2,048 for 1,500 rows; expected at most 1,500. Take smaller batches.$"):
        steps_per_epoch(1500, 2048)
