"""One cell: Arrow in, Arrow out."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from mapping_spark.errors import ContractError
from mapping_spark.recommend.cell import search_cell

VECTOR = {"indices": pa.list_(pa.int32()), "values": pa.list_(pa.float32())}
ASKED = pa.schema({"user_idx": pa.int64(), **VECTOR, "item_idx": pa.int64()})
OFFERED = pa.schema({"item_idx": pa.int64(), **VECTOR})
Row = tuple[Any, ...]


def winners(asked: list[Row], offered: list[Row], k: int = 5) -> list[Row]:
    """Rows (user, item, score, rank) that the cell returns; queries are (user, indices, values, excluded item or None)."""
    queries = pa.Table.from_pylist([dict(zip(ASKED.names, row, strict=True)) for row in asked], schema=ASKED)
    targets = pa.Table.from_pylist([dict(zip(OFFERED.names, row, strict=True)) for row in offered], schema=OFFERED)
    found = search_cell(queries, targets, k)
    assert found.schema.types == [pa.int64(), pa.int64(), pa.float64(), pa.int32()]
    return [tuple(row.values()) for row in found.to_pylist()]


def test_rows_in_any_order_give_lists_in_order() -> None:
    asked = [(9, None, [1.0], None), (4, None, [2.0], None)]
    offered = [(30, None, [1.0]), (10, None, [1.0]), (20, None, [7.0])]
    assert winners(asked, offered, k=2) == [(4, 20, 14.0, 1), (4, 10, 2.0, 2), (9, 20, 7.0, 1), (9, 10, 1.0, 2)]


def test_excluded_pairs_of_this_cell_count_and_others_are_ignored() -> None:
    asked = [(4, None, [1.0], None), (4, None, None, 20), (4, None, None, 20), (4, None, None, 99), (5, None, None, 10)]
    assert winners(asked, [(10, None, [1.0]), (20, None, [7.0])]) == [(4, 10, 1.0, 1)]


def test_sparse_vectors_meet_on_their_indices() -> None:
    asked = [(1, [3, 8], [2.0, 1.0], None), (2, [], [], None), (3, [5], [1.0], None)]
    offered = [(10, [8], [4.0]), (11, [3], [2.0]), (12, [3, 8], [-1.0, 2.0]), (13, [7], [1.0])]
    assert winners(asked, offered) == [(1, 10, 4.0, 1), (1, 11, 4.0, 2)]  # 12: 2 x -1 + 1 x 2 = 0


@pytest.mark.parametrize(
    ("asked", "offered", "told"),
    [
        ((1, None, [1.0, 2.0], None), (1, None, [1.0]), "queries of length 2, targets of length 1"),
        ((1, None, [], None), (1, None, []), "dense vectors of length 0 to 0"),
        ((1, None, None, None), (1, None, [1.0]), "dense vectors of length 0 to 0"),
        ((1, None, [float("nan")], None), (1, None, [1.0]), "NaN"),
        ((1, None, [None], None), (1, None, [1.0]), "null"),
        ((1, None, [1.0], None), (1, [0], [1.0]), "dense and sparse vectors together"),
        ((1, [0, 1], [1.0], None), (1, [0], [1.0]), "more indices than values"),
    ],
)
def test_broken_vectors_are_refused(asked: Row, offered: Row, told: str) -> None:
    with pytest.raises(ContractError, match=told):
        winners([asked], [offered])


def test_an_empty_side_gives_nothing() -> None:
    assert winners([], [(1, None, [1.0])]) == []
    assert winners([(1, None, [1.0], None)], []) == []
    assert winners([(1, None, None, 7)], [(1, None, [1.0])]) == []  # only an excluded pair
