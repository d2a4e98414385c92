"""Windows over long histories, beside a few lines of Python."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from mapping_spark.config import validated
from mapping_spark.errors import ConfigError
from mapping_spark.features.snapshot import SnapshotConfig, state_of
from mapping_spark.tables.frames import small
from tests.features.test_snapshot import content, events, sequences

HISTORY = st.lists(st.integers(0, 9), min_size=1, max_size=11)


def windows(items: list[int], length: int, stride: int) -> list[list[int]]:
    """The last `length` items, those before by `stride`, and so on until one begins with the first."""
    found = []
    for end in range(len(items), 0, -stride):
        start = max(0, end - length)
        found.append([-1] * (length - (end - start)) + items[start:end])
        if start == 0:
            break
    return found


@settings(max_examples=4, deadline=None)
@given(one=HISTORY, other=HISTORY, length=st.integers(2, 5), data=st.data())
def test_windows_hold_every_choice_of_each_user(
    spark: SparkSession, one: list[int], other: list[int], length: int, data: st.DataObject
) -> None:
    stride = data.draw(st.integers(1, length))
    histories = {"u": one, "v": other}
    chosen = [(user, f"i{item}", day) for user, items in histories.items() for day, item in enumerate(items)]
    found = sequences(spark, events(spark, *chosen), content(length=length, stride=stride))
    expected = {(user, k): items for user, own in enumerate((one, other)) for k, items in enumerate(windows(own, length, stride))}
    assert {key: items for key, (items, _) in found.items()} == expected
    for user, own in enumerate((one, other)):
        days = {
            day for (owner, _), (items, at) in found.items() for item, day in zip(items, at, strict=True) if owner == user and item >= 0
        }
        assert days == set(range(len(own)))


@pytest.mark.parametrize(
    ("given_", "apart"),
    [({}, 25), ({"length": 9}, 4), ({"length": 2}, 1), ({"length": 9, "stride": 9}, 9), ({"length": 9, "stride": 1}, 1)],
)
def test_windows_are_half_their_length_apart_unless_said_otherwise(given_: dict[str, int], apart: int) -> None:
    assert SnapshotConfig(**given_).step == apart


def test_windows_that_would_leave_choices_out_are_refused() -> None:
    with pytest.raises(ConfigError, match="stride = 10 leaves out choices between windows of length = 9: use at most 9"):
        validated(SnapshotConfig, {"length": 9, "stride": 10}, "snapshot")


def test_choices_at_once_stand_in_the_order_of_their_recency(spark: SparkSession) -> None:
    """Events e0 to e2 at one time: the latest is that of the smallest id, as in `build_choices`."""
    found = sequences(spark, events(spark, ("u", "i7", 1), ("u", "i8", 1), ("u", "i9", 1)), content())
    assert found == {(0, 0): ([9, 8, 7], [1, 1, 1])}


ROWS: list[tuple[Any, ...]] = [(0, [1, 2]), (1, [2, 1]), (2, [3])]


def test_equal_rows_have_one_state_and_others_another(spark: SparkSession) -> None:
    def state(*rows: tuple[Any, ...]) -> int:
        return state_of(small(spark, list(rows), "user_idx bigint, item_idxs array<bigint>").repartition(2))

    whole = state(*ROWS)
    assert whole == state(*ROWS[::-1])
    assert len({whole, state(*ROWS[:2]), state((0, [2, 1]), *ROWS[1:]), state((3, [1, 2]), *ROWS[1:]), state()}) == 5
