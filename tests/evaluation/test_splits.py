"""What counts as right after the as-of date, by protocol; and the splits: every event in one part, time in order, the same rows again."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.splits import (
    PROTOCOLS,
    Split,
    by_time,
    by_time_ratio,
    k_fold_by_user,
    last_n,
    leaky_random,
    leave_one_out,
    relevant_items,
    rolling_origin,
)
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.silver import INTERACTIONS

PAIR = "user_idx bigint, item_idx bigint"  # the two columns read from the future: no declared table


def train(spark: SparkSession, *pairs: tuple[int, int]) -> DataFrame:
    return rows(spark, INTERACTIONS, *(dict(user_idx=user, item_idx=item) for user, item in pairs))


def split(
    spark: SparkSession, future: Sequence[tuple[int | None, int | None]], interactions: DataFrame
) -> dict[str, list[tuple[int, int]]]:
    found = relevant_items(small(spark, future, PAIR), interactions)
    assert found.columns == ["protocol", "user_idx", "item_idx", "gain"]
    return {name: sorted((row.user_idx, row.item_idx) for row in found.where(found.protocol == name).collect()) for name in PROTOCOLS}


def test_a_repeated_item_is_relevant_but_not_new(spark: SparkSession) -> None:
    found = split(spark, [(1, 10), (1, 11), (2, 10)], train(spark, (1, 10), (2, 11)))
    assert found == {"all_items": [(1, 10), (1, 11), (2, 10)], "new_items": [(1, 11), (2, 10)]}


def test_the_gain_is_how_often_the_user_took_it(spark: SparkSession) -> None:
    found = relevant_items(small(spark, [(1, 10), (1, 11), (1, 11)], PAIR), train(spark, (1, 10)))
    assert {(row.protocol, row.item_idx): row.gain for row in found.collect()} == {
        ("all_items", 10): 1,
        ("all_items", 11): 2,
        ("new_items", 11): 2,
    }


def test_a_user_unknown_in_train_is_left_out(spark: SparkSession) -> None:
    assert split(spark, [(1, 11), (9, 10)], train(spark, (1, 10))) == {"all_items": [(1, 11)], "new_items": [(1, 11)]}


def test_many_events_of_one_pair_are_one_row(spark: SparkSession) -> None:
    assert split(spark, [(1, 11)] * 3 + [(1, 10)] * 2, train(spark, (1, 10))) == {"all_items": [(1, 10), (1, 11)], "new_items": [(1, 11)]}


def test_a_row_without_an_id_is_left_out(spark: SparkSession) -> None:
    assert split(spark, [(None, 10), (1, None)], train(spark, (1, 10))) == {"all_items": [], "new_items": []}


def test_an_item_unknown_in_train_is_relevant(spark: SparkSession) -> None:
    assert split(spark, [(1, 99)], train(spark, (1, 10))) == {"all_items": [(1, 99)], "new_items": [(1, 99)]}


def test_empty_future_and_empty_train_give_nothing(spark: SparkSession) -> None:
    nothing: dict[str, list[tuple[int, int]]] = {"all_items": [], "new_items": []}
    assert split(spark, [], train(spark, (1, 10))) == nothing
    assert split(spark, [(1, 10)], train(spark)) == nothing


EVENT = "user_idx bigint, item_idx bigint, event_at timestamp, event_id string"  # what a split reads, and a column beside it
START = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
Event = tuple[int, int, int]  # user, item, hours after START


def events_of(spark: SparkSession, events: Sequence[Event]) -> DataFrame:
    """Events e0, e1 ... in the order given."""
    records = [(user, item, after(hours), f"e{number}") for number, (user, item, hours) in enumerate(events)]
    return small(spark, records, EVENT)


def after(hours: float) -> dt.datetime:
    return START + dt.timedelta(hours=hours)


def ids(part: DataFrame) -> list[str]:
    assert part.columns == ["user_idx", "item_idx", "event_at", "event_id"]
    return sorted(row.event_id for row in part.collect())


def test_an_event_at_the_split_is_judged_and_the_one_before_is_learnt_from(spark: SparkSession) -> None:
    split = by_time(events_of(spark, [(1, 10, 23), (1, 11, 24), (2, 10, 25)]), after(24))
    assert (ids(split.training), ids(split.test)) == (["e0"], ["e1", "e2"])


def test_the_start_of_a_business_day_is_an_instant(spark: SparkSession) -> None:
    midnight = dt.datetime(2024, 3, 1, tzinfo=ZoneInfo("America/New_York"))  # 5 h after that of UTC
    split = by_time(events_of(spark, [(1, 10, 4), (1, 11, 5)]), midnight)
    assert (ids(split.training), ids(split.test)) == (["e0"], ["e1"])


def test_rolling_origins_learn_more_each_time_and_see_a_window(spark: SparkSession) -> None:
    events = events_of(spark, [(1, 10, 0), (1, 11, 24), (1, 12, 47), (1, 13, 48), (1, 14, 72)])
    found = [(origin, ids(split.training), ids(split.test)) for origin, split in rolling_origin(events, [after(24), after(48)], days=1)]
    assert found == [(after(24), ["e0"], ["e1", "e2"]), (after(48), ["e0", "e1", "e2"], ["e3"])]


def test_the_last_of_a_user_is_left_out_with_ties_by_the_declared_columns(spark: SparkSession) -> None:
    events = events_of(spark, [(1, 11, 0), (1, 10, 5), (1, 12, 5), (2, 10, 9), (1, 13, 3)])
    split = leave_one_out(events)
    assert (ids(split.training), ids(split.test)) == (["e0", "e1", "e4"], ["e2", "e3"])  # of two at one time, the greater item
    by_id = last_n(events_of(spark, [(1, 10, 5), (1, 10, 5), (1, 10, 5)]), 2, ties=["event_id"])
    assert (ids(by_id.training), ids(by_id.test)) == (["e0"], ["e1", "e2"])


def test_a_ratio_splits_at_the_second_of_an_event(spark: SparkSession) -> None:
    events = events_of(spark, [(1, item, item) for item in range(48)] + [(2, 0, 40)])  # 49 events over two days, two of them at hour 40
    ten = by_time_ratio(events, 0.2)  # round(9.8): hours 39 to 47, hour 40 twice
    assert ids(ten.test) == [f"e{number}" for number in range(39, 49)]
    eight = by_time_ratio(events, 8 / 49)  # would cut hour 40 in two, so both are judged
    assert ids(eight.test) == [f"e{number}" for number in range(40, 49)]
    assert ids(eight.training) == sorted(f"e{number}" for number in range(40))


def test_folds_hold_every_user_once(spark: SparkSession) -> None:
    events = events_of(spark, [(user, item, item) for user in range(300) for item in range(2)])
    tests = [{row.user_idx for row in k_fold_by_user(events, 3, fold, seed=7).test.collect()} for fold in range(3)]
    assert sorted(user for users in tests for user in users) == list(range(300))
    assert all(70 < len(users) < 130 for users in tests)  # 100 each, and four standard deviations of sqrt(300 * 1/3 * 2/3)
    assert {row.user_idx for row in k_fold_by_user(events, 3, 0, seed=8).test.collect()} != tests[0]


SPLITS: dict[str, Callable[[DataFrame], Split]] = {
    "by_time": lambda events: by_time(events, after(50)),
    "last_n": lambda events: last_n(events, 2, ties=["item_idx", "event_id"]),
    "by_time_ratio": lambda events: by_time_ratio(events, 0.3),
    "k_fold_by_user": lambda events: k_fold_by_user(events, 3, 1, seed=7),
    "leaky_random": lambda events: leaky_random(events, 0.3, seed=7),
}
seeds = st.integers(0, 2**32)


def drawn_from(seed: int) -> list[Event]:
    """60 events of 10 users, with ties in time and repeated pairs."""
    draw = random.Random(seed)
    return [(draw.randrange(10), draw.randrange(6), draw.randrange(100)) for _ in range(60)]


@pytest.mark.parametrize("name", SPLITS)
@settings(max_examples=2, deadline=None)
@given(seed=seeds)
def test_every_event_is_in_one_part_and_again_in_the_same(spark: SparkSession, name: str, seed: int) -> None:
    events = events_of(spark, drawn_from(seed))
    split, again = SPLITS[name](events), SPLITS[name](events.repartition(5, "item_idx"))
    assert sorted(ids(split.training) + ids(split.test)) == ids(events)
    assert (ids(split.training), ids(split.test)) == (ids(again.training), ids(again.test))


@settings(max_examples=2, deadline=None)
@given(seed=seeds)
def test_a_window_and_what_lies_before_and_after_it_are_all_events(spark: SparkSession, seed: int) -> None:
    drawn = drawn_from(seed)
    ((_, split),) = rolling_origin(events_of(spark, drawn), [after(40)], days=1)
    beyond = [f"e{number}" for number, (_, _, hours) in enumerate(drawn) if hours >= 40 + 24]
    assert sorted(ids(split.training) + ids(split.test) + beyond) == sorted(f"e{number}" for number in range(len(drawn)))


@pytest.mark.parametrize("name", ["by_time", "by_time_ratio"])
@settings(max_examples=2, deadline=None)
@given(seed=seeds)
def test_training_ends_before_the_test_starts(spark: SparkSession, name: str, seed: int) -> None:
    split = SPLITS[name](events_of(spark, drawn_from(seed)))
    last, first = split.training.agg(F.max("event_at")).collect()[0][0], split.test.agg(F.min("event_at")).collect()[0][0]
    assert last < first


@settings(max_examples=2, deadline=None)
@given(seed=seeds)
def test_each_users_last_events_come_last(spark: SparkSession, seed: int) -> None:
    drawn = drawn_from(seed)
    split = last_n(events_of(spark, drawn), 2, ties=["item_idx", "event_id"])
    order = {f"e{number}": (hours, item, f"e{number}") for number, (_, item, hours) in enumerate(drawn)}
    users = {f"e{number}": user for number, (user, _, _) in enumerate(drawn)}
    tested = Counter(users[event] for event in ids(split.test))
    assert tested == {user: min(2, n) for user, n in Counter(users.values()).items()}
    for early in ids(split.training):
        assert all(order[early] < order[late] for late in ids(split.test) if users[late] == users[early])


def test_a_random_draw_takes_about_its_share_and_puts_the_future_into_training(spark: SparkSession) -> None:
    split = leaky_random(events_of(spark, [(1, item, item) for item in range(1_000)]), 0.3, seed=7)
    assert len(ids(split.test)) == pytest.approx(300, abs=4 * (1_000 * 0.3 * 0.7) ** 0.5)
    assert split.training.agg(F.max("event_at")).collect()[0][0] > split.test.agg(F.min("event_at")).collect()[0][0]


@pytest.mark.parametrize(
    ("split", "found"),
    [
        (lambda events: by_time(events, dt.datetime(2024, 3, 1)), "without a time zone"),
        (lambda events: rolling_origin(events, [START], days=0), "days = 0"),
        (lambda events: rolling_origin(events, [], days=1), "no origin"),
        (lambda events: rolling_origin(events, [after(1), START], days=1), "ascending order"),
        (lambda events: rolling_origin(events, [START, START], days=1), "different instants"),
        (lambda events: last_n(events, 0), "n = 0"),
        (lambda events: by_time_ratio(events, 1.0), "test_share = 1.0"),
        (lambda events: by_time_ratio(events, 0.1), "2 events with a time"),  # round(0.2) leaves no test
        (lambda events: by_time_ratio(events, 0.5), "in the test's first second"),
        (lambda events: k_fold_by_user(events, 1, 0, 7), "fold 0 of 1"),
        (lambda events: k_fold_by_user(events, 3, 3, 7), "fold 3 of 3"),
        (lambda events: leaky_random(events, 0.0, 7), "test_share = 0.0"),
    ],
)
def test_nonsense_is_refused_with_the_numbers(spark: SparkSession, split: Callable[[DataFrame], object], found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        split(events_of(spark, [(1, 10, 5), (1, 11, 5)]))
