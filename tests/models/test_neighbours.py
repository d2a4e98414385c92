"""Neighbourhoods against a brute force in plain Python."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.models import neighbours
from mapping_spark.models.neighbours import block_neighbours

UserRows = dict[int, dict[int, float]]
"""User to item to value."""


def found(users: UserRows, n_blocks: int, k: int, shrinkage: float) -> dict[int, dict[int, float]]:
    near: dict[int, dict[int, float]] = {}
    for block in range(n_blocks):
        members = [(u, sorted(own.items())) for u, own in users.items() if any(item % n_blocks == block for item in own)]
        if members:
            table = pa.table(
                {
                    "block": pa.array([block] * len(members), pa.int32()),
                    "user_idx": [u for u, _ in members],
                    "items": pa.array([[item for item, _ in own] for _, own in members], pa.list_(pa.int32())),
                    "values": pa.array([[value for _, value in own] for _, own in members], pa.list_(pa.float32())),
                }
            )
            for row in block_neighbours(table, n_blocks, k, shrinkage).to_pylist():
                assert row["indices"] == sorted(row["indices"])
                near[row["item_idx"]] = dict(zip(row["indices"], row["values"], strict=True))
    return near


def brute_force(users: UserRows, k: int, shrinkage: float) -> dict[int, dict[int, float]]:
    items = sorted({item for own in users.values() for item in own})
    near: dict[int, dict[int, float]] = {}
    for i in items:
        alike = {}
        for j in items:
            both = [own for own in users.values() if i in own and j in own]
            if i != j and both:
                alike[j] = sum(own[i] * own[j] for own in both) * len(both) / (len(both) + shrinkage)
        first = sorted((j for j in alike if alike[j] > 0), key=lambda j: (-alike[j], j))[:k]
        near |= {i: {j: alike[j] for j in first}} if first else {}
    return near


# Halves and quarters are exact in floats, so that equal likenesses are equal in both computations and test the tie rule.
ROW = st.dictionaries(st.integers(0, 8), st.sampled_from([0.25, 0.5, 1.0, 2.0]), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=7), n_blocks=st.integers(1, 3), k=st.integers(1, 5), shrinkage=st.sampled_from([0.0, 1.0]))
def test_equals_brute_force(rows: list[dict[int, float]], n_blocks: int, k: int, shrinkage: float) -> None:
    users = dict(enumerate(rows))
    expected = {i: pytest.approx(near, rel=1e-6) for i, near in brute_force(users, k, shrinkage).items()}
    assert found(users, n_blocks, k, shrinkage) == expected


def test_shrinkage_by_hand() -> None:
    users = {0: {1: 1.0, 2: 0.5}, 1: {1: 1.0, 2: 0.5, 3: 1.0}}
    near = found(users, n_blocks=1, k=5, shrinkage=2.0)
    assert near[1] == pytest.approx({2: (0.5 + 0.5) * 2 / (2 + 2), 3: 1.0 * 1 / (1 + 2)})


def test_chunks_of_users_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(7)
    users = {u: {item: draw.random() for item in draw.sample(range(20), 8)} for u in range(30)}
    at_once: Any = found(users, 2, 4, 1.0)
    monkeypatch.setattr(neighbours, "_PRODUCTS", 16)  # two users of 8 items at a time
    assert found(users, 2, 4, 1.0) == {i: pytest.approx(near) for i, near in at_once.items()}
