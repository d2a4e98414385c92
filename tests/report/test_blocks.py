"""From values to the text of a cell, and from an answer to the cells of a table."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.report.ask import Answer
from mapping_spark.report.blocks import (
    DASH,
    Cell,
    Column,
    Grid,
    amount,
    count,
    day,
    decimals,
    intervals,
    moment,
    number,
    share,
    share_interval,
    text,
    words,
)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (text(""), ""),
        (text(0), "0"),
        (text(False), "False"),
        (count(0), "0"),
        (count(1469307), "1,469,307"),
        (count(-1234.4), "-1,234"),
        (decimals(1)(1234.56), "1,234.6"),
        (decimals(0)(0.4), "0"),
        (decimals(3)(0.0), "0.000"),
        (amount(1000.0), "1,000"),
        (amount(0), "0"),
        (amount(-3.0), "-3"),
        (amount(0.25), "0.2500"),
        (amount(-0.5), "-0.5000"),
        (share(0), "0.0 %"),
        (share(1), "100.0 %"),
        (share(0.1199), "12.0 %"),
        (share(-0.05), "-5.0 %"),
        (share_interval(0.12, 0.112, 0.128), "12.0 % [11.2, 12.8]"),
        (share_interval(0.0, 0.0, 0.0), "0.0 % [0.0, 0.0]"),  # 0 is a number
        (share_interval(0.12, None, 0.128), "12.0 %"),
        (share_interval(0.12, 0.112, None), "12.0 %"),
        (intervals(4)(0.0512, 0.048, 0.0544), "0.0512 [0.0480, 0.0544]"),
        (intervals(2)(0.0, 0.0, 0.0), "0.00 [0.00, 0.00]"),
        (intervals(2)(1.5, None, 2.0), "1.50"),
        (moment("2017-12-01T09:30:00Z"), "2017-12-01 09:30:00"),
        (day("2017-12-01T09:30:00Z"), "2017-12-01"),
    ],
)
def test_a_value_is_shown_as(shown: str, expected: str) -> None:
    assert shown == expected


def test_null_is_a_dash_whatever_else_is_known() -> None:
    singles = [show(None) for show in (text, count, decimals(2), amount, share, moment, day)]
    assert {*singles, share_interval(None, 0.1, 0.2), intervals(2)(None, 0.1, 0.2)} == {DASH}


@settings(deadline=None)
@given(st.integers(-(2**53), 2**53))
def test_a_count_can_be_read_back_to_the_last_digit(n: int) -> None:
    assert int(count(n).replace(",", "")) == n
    assert all(len(group.lstrip("-")) <= 3 for group in count(n).split(","))


ANSWER = Answer("some", "", ("name", "verdict", "value", "low", "high"), (("b", "kept", 0.5, 0.25, 0.75), ("a", "stop", None, None, None)))


def test_a_table_has_the_rows_in_their_order_and_is_sorted_by_what_stands_first_in_a_cell() -> None:
    columns = (words("who", "name"), Column("verdict", ("verdict",), has_tone=True), number("v", "value", "low", "high", show=intervals(2)))
    assert Grid("", ANSWER, columns).cells == [
        [Cell("b", "b"), Cell("kept", "kept", "kept"), Cell("0.50 [0.25, 0.75]", 0.5)],
        [Cell("a", "a"), Cell("stop", "stop", "stop"), Cell(DASH, None)],
    ]
    assert [column.is_number for column in columns] == [False, False, True]
    assert Grid("", ANSWER, columns).answers == (ANSWER,)


def test_a_number_is_a_count_where_nothing_else_is_said() -> None:
    cell = number("n", "value").cell({"value": 12345})
    assert cell == Cell("12,345", 12345)


def test_an_answer_without_rows_makes_a_table_without_cells_and_a_misspelt_column_is_told() -> None:
    assert Grid("", Answer("none", "", ("name",), ()), (words("who", "name"),)).cells == []
    with pytest.raises(KeyError, match="nme"):
        _ = Grid("", ANSWER, (words("who", "nme"),)).cells
