"""Bounds of limits and what a measure outside of them means: the borders belong to what is allowed."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping_spark.errors import ConfigError
from mapping_spark.tables.drift import Reading, Snapshot, readings
from mapping_spark.tables.limits import MEASURES, OF_HISTOGRAMS, OF_THE_TABLE, OF_TIMES, Limit

DAY = dt.date(2024, 3, 10)
NUMBERS = st.floats(-1e6, 1e6)
SEVERITY = {"free": 0, "kept": 1, "warn": 2, "stop": 3}
BETWEEN = Limit(measure="n_rows", at_least=1, at_most=2.5)


@pytest.mark.parametrize(
    ("value", "holds"),
    [(1, True), (2.5, True), (math.nextafter(1, 0), False), (math.nextafter(2.5, 3), False), (math.nan, False), (math.inf, False)],
)
def test_both_bounds_belong_to_what_is_allowed_and_no_number_does_not(value: float, holds: bool) -> None:
    assert BETWEEN.holds(value) is holds


def test_a_limit_says_its_bounds() -> None:
    assert str(BETWEEN) == "at least 1 and at most 2.5"
    assert str(Limit(measure="n_rows", at_most=1e6)) == "at most 1e+06"
    assert str(Limit(measure="row_change", at_least=-0.05)) == "at least -0.05"


def test_a_bound_of_0_is_a_bound() -> None:
    assert not Limit(measure="n_rows", at_most=0).holds(1)
    assert str(Limit(measure="row_change", at_least=0)) == "at least 0"


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_is_of_the_table_or_of_a_column(measure: str) -> None:
    column = "" if measure in OF_THE_TABLE else "price"
    assert Limit(measure=measure, column=column, at_most=1).measure == measure
    with pytest.raises(ConfigError, match=f"the limit on {measure}: the column"):
        Limit(measure=measure, column="price" if measure in OF_THE_TABLE else "", at_most=1)
    assert {measure} <= OF_THE_TABLE | OF_HISTOGRAMS | OF_TIMES | {"null_share"}


@given(NUMBERS, st.lists(st.tuples(NUMBERS, st.sampled_from(["warn", "stop"])), max_size=4))
def test_the_verdict_is_the_worst_of_the_limits_that_are_left(value: float, bounds: list[tuple[float, str]]) -> None:
    limits = [Limit(measure="n_rows", at_most=bound, breach=breach) for bound, breach in bounds]
    verdict, text = Reading("", "n_rows", value).verdict(limits)
    broken = [breach for bound, breach in bounds if value > bound]
    expected = max(broken, key=SEVERITY.__getitem__) if broken else "kept" if bounds else "free"
    assert verdict == expected
    assert (text or "").count("at most") == (len(broken) or len(bounds))
    assert Reading("", "n_rows", value).verdict(limits[::-1])[0] == verdict


def test_a_limit_on_another_column_says_nothing() -> None:
    limit = Limit(measure="null_share", column="price", at_most=0, breach="stop")
    assert Reading("title", "null_share", 1.0).verdict([limit]) == ("free", None)
    assert Reading("price", "null_share", 1.0).verdict([limit]) == ("stop", "at most 0")


def snapshot(n_rows: int, days: int = 0, **bins: dict[tuple[str, str], int]) -> Snapshot:
    return Snapshot(as_of=DAY + dt.timedelta(days=days), n_rows=n_rows, n_nulls={"a": n_rows}, freshness_days={"at": 0}, bins=bins)


def test_an_empty_table_has_no_shares_and_no_distances() -> None:
    before = snapshot(4, a={("value", "x"): 4})
    found = {(one.column, one.measure): one.value for one in readings(snapshot(0), before, before)}
    assert found == {("", "n_rows"): 0, ("at", "freshness_days"): 0, ("", "row_change"): 0 / 4 - 1}


def test_after_an_empty_table_there_is_no_change_to_tell() -> None:
    found = [one.measure for one in readings(snapshot(4, a={("value", "x"): 4}), snapshot(0), snapshot(0))]
    assert found == ["n_rows", "null_share", "freshness_days"]


def test_each_distance_names_its_baseline_and_the_date() -> None:
    now, previous, reference = (snapshot(n, days, a={("value", "x"): n}) for n, days in ((4, 2), (8, 1), (2, 0)))
    found = [
        (one.measure, one.baseline, one.baseline_date) for one in readings(now, previous, reference) if one.measure in ("js", "row_change")
    ]
    assert found == [("row_change", "previous", previous.as_of), ("js", "previous", previous.as_of), ("js", "reference", reference.as_of)]
