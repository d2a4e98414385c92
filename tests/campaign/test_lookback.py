"""Pairs of a moment and what came before it, against every pair tried one by one."""

from __future__ import annotations

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from mapping_spark.campaign.lookback import looked_back
from mapping_spark.tables.frames import small

NOON = dt.datetime(2017, 3, 8, 12, tzinfo=dt.UTC)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
WEEK = dt.timedelta(days=7)
TICK = dt.timedelta(microseconds=1)


def found(
    spark: SparkSession, moments: list[tuple[str, dt.datetime]], happened: list[tuple[str, dt.datetime]], days: int
) -> list[tuple[int, int]]:
    """Which moment met which event, by their places."""
    left = small(spark, [(user, at, n) for n, (user, at) in enumerate(moments)], "user_id string, moment_at timestamp, moment int")
    right = small(spark, [(user, at, n) for n, (user, at) in enumerate(happened)], "user_id string, event_at timestamp, event int")
    return sorted((row.moment, row.event) for row in looked_back(left, right, days=days).collect())


def test_the_window_holds_its_first_moment_and_not_its_last(spark: SparkSession) -> None:
    happened = {
        "a week before": ("u1", NOON - WEEK),
        "a tick earlier": ("u1", NOON - WEEK - TICK),
        "a tick before": ("u1", NOON - TICK),
        "at once": ("u1", NOON),
        "later": ("u1", NOON + TICK),
        "someone else": ("u2", NOON - TICK),
    }
    names = list(happened)
    pairs = found(spark, [("u1", NOON), ("u3", NOON)], list(happened.values()), days=7)
    assert [(moment, names[event]) for moment, event in pairs] == [(0, "a week before"), (0, "a tick before")]


def test_an_event_meets_every_moment_that_follows_it_and_twice_the_same_moment_twice(spark: SparkSession) -> None:
    moments = [("u1", NOON), ("u1", NOON), ("u1", NOON + dt.timedelta(days=1))]
    assert found(spark, moments, [("u1", NOON - TICK)], days=1) == [(0, 0), (1, 0)]  # a day and a tick is too long
    assert found(spark, moments, [("u1", NOON)], days=1) == [(2, 0)]
    assert found(spark, moments, [], days=1) == found(spark, [], moments, days=1) == []


# Half days around 1970, so that moments of all users lie on both sides of it and on the ends of each other's windows.
MOMENT = st.tuples(st.sampled_from("ab"), st.integers(-30, 30).map(lambda n: EPOCH + n * dt.timedelta(hours=12)))


@settings(max_examples=3, deadline=None)
@given(st.lists(MOMENT, min_size=1, max_size=15), st.lists(MOMENT, min_size=1, max_size=15), st.integers(1, 5))
def test_no_pair_is_missed_and_none_is_made_up(
    spark: SparkSession, moments: list[tuple[str, dt.datetime]], happened: list[tuple[str, dt.datetime]], days: int
) -> None:
    expected = [
        (m, e)
        for m, (user, moment) in enumerate(moments)
        for e, (other, event) in enumerate(happened)
        if user == other and moment - dt.timedelta(days=days) <= event < moment
    ]
    assert found(spark, moments, happened, days) == expected
