"""Where parts meet: events without a time or before 1970, whole seconds, segments of history, shares of a search."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.evaluation.evaluate import by_history
from mapping_spark.evaluation.settings import EvaluationConfig
from mapping_spark.evaluation.splits import by_time, by_time_ratio, last_n, leaky_random, rolling_origin
from mapping_spark.evaluation.tuning import TuningConfig, search
from mapping_spark.models.space import Choice
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.silver import INTERACTIONS

AT = dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
"""The second before 1970."""


def events(spark: SparkSession, *seconds: float | None, user: int = 1) -> DataFrame:
    """Events 0, 1 ... of one user, so many seconds after `AT`; None has no time."""
    times = [None if after is None else AT + dt.timedelta(seconds=after) for after in seconds]
    return small(spark, [(user, n, at) for n, at in enumerate(times)], "user_idx bigint, item_idx bigint, event_at timestamp")


def items(part: DataFrame) -> list[int]:
    return sorted(row.item_idx for row in part.collect())


def test_an_event_without_a_time_is_in_no_part_of_a_split_by_time(spark: SparkSession) -> None:
    frame = events(spark, None, -1, 0, 1)
    split = by_time(frame, AT)
    assert (items(split.training), items(split.test)) == ([1], [2, 3])
    ((_, window),) = rolling_origin(frame, [AT - dt.timedelta(days=1)], days=1)
    assert (items(window.training), items(window.test)) == ([], [1])  # [origin, origin + 1 day)


def test_an_event_without_a_time_is_a_users_earliest(spark: SparkSession) -> None:
    frame = events(spark, None, 5, -5).unionByName(events(spark, None, None, user=2))
    split = last_n(frame, 2)
    assert sorted((row.user_idx, row.item_idx) for row in split.test.collect()) == [(1, 1), (1, 2), (2, 0), (2, 1)]
    assert [(row.user_idx, row.item_idx) for row in split.training.collect()] == [(1, 0)]


def test_a_ratio_counts_events_with_a_time_and_cuts_at_a_whole_second_also_before_1970(spark: SparkSession) -> None:
    """The latest 2 of 4 begin at 0.75 s after AT: the test begins with that second, at the event 0.25 s after AT."""
    split = by_time_ratio(events(spark, None, -0.5, 0.25, 0.75, 1.0, None), 0.5)
    assert (items(split.training), items(split.test)) == ([1], [2, 3, 4])


def test_a_random_draw_puts_equal_rows_and_rows_of_nulls_into_one_part(spark: SparkSession) -> None:
    one = events(spark, None, 1, 2, 3, 4, 5, 6, 7)
    split = leaky_random(one.unionByName(one), 0.5, seed=7)
    training, test = items(split.training), items(split.test)
    assert sorted(training + test) == sorted([*range(8)] * 2)
    assert not set(training) & set(test)


def test_a_bound_is_the_first_number_of_its_segment(spark: SparkSession) -> None:
    taken = [(user, item) for user, n in {1: 1, 2: 2, 3: 3, 5: 5}.items() for item in range(n)]
    frame = rows(spark, INTERACTIONS, *(dict(user_idx=user, item_idx=item) for user, item in taken))
    segments = {bounds: {row.user_idx: row.segment for row in by_history(frame, bounds).collect()} for bounds in ((3, 5), (2,), ())}
    assert segments == {
        (3, 5): {1: "items 1-2", 2: "items 1-2", 3: "items 3-4", 5: "items 5+"},
        (2,): {1: "items 1-1", 2: "items 2+", 3: "items 2+", 5: "items 2+"},
        (): dict.fromkeys((1, 2, 3, 5), "items 1+"),
    }


@pytest.mark.parametrize("bounds", [(400, 100), (100, 100), (1, 5), (0,)])
def test_bounds_that_leave_a_segment_empty_are_refused(bounds: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="use ascending numbers from 2 on"):
        EvaluationConfig(history_bounds=bounds)


def test_the_days_of_an_evaluation_end_before_their_last_date() -> None:
    assert EvaluationConfig(days=31).until(dt.date(2017, 12, 1)) == dt.date(2018, 1, 1)
    assert EvaluationConfig(days=1).until(dt.date(2020, 2, 28)) == dt.date(2020, 2, 29)


@settings(deadline=None)
@given(smallest=st.floats(0.001, 1), reduction=st.integers(2, 9))
def test_shares_grow_to_everyone_by_at_most_the_reduction(smallest: float, reduction: int) -> None:
    shares = TuningConfig(smallest_share=smallest, reduction=reduction).shares
    assert shares[0] == pytest.approx(smallest)
    assert shares[-1] == 1
    for low, high in pairwise(shares):
        assert low < high <= low * reduction * (1 + 1e-9)


def test_of_equal_settings_the_earlier_drawn_go_on() -> None:
    """All are worth the same, so those configured, which come first, are measured in every round."""
    measured: list[tuple[Mapping[str, Any], float]] = []

    def same(settings: Mapping[str, Any], share: float) -> tuple[float, str]:
        measured.append((settings, share))
        return 0.0, f"run {len(measured)}"

    config = TuningConfig(trials=4, reduction=2, smallest_share=0.25)
    trials = search({"x": Choice(tuple(range(1_000)))}, {"x": -1, "y": 5}, same, config, seed=7)
    assert [trial.share for trial in trials] == [0.25] * 4 + [0.5] * 2 + [1.0]
    assert [trial.settings for trial in trials[4:6]] == [trial.settings for trial in trials[:2]]
    assert trials[6].settings == {"x": -1, "y": 5}
    assert all(trial.settings["y"] == 5 for trial in trials)  # what is not in the space stays
    assert [trial.run_id for trial in trials] == [f"run {n}" for n in range(1, 8)]
