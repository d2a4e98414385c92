"""What a model may learn from, what it is judged by, and what of that counts as right.

A split takes a frame of events (user_idx bigint, item_idx bigint, event_at timestamp, any more columns) and puts every
event into one part. `by_time` is the split to use: it is what a model meets when it is used, and what this project's jobs
do. Each of the others says what it gives up. Which split is chosen changes which model wins: Meng et al. 2020,
"Exploring data splitting strategies for the evaluation of recommendation models".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError

ALL_ITEMS = "all_items"
NEW_ITEMS = "new_items"
PROTOCOLS = (ALL_ITEMS, NEW_ITEMS)

_DAY = 86_400
_HASHES = 2**32
_RECENCY = "_recency"


@dataclass(frozen=True, slots=True)
class Split:
    """Events to learn from and events to be judged by, both with the columns of the frame that was split."""

    training: DataFrame
    test: DataFrame


def by_time(events: DataFrame, at: dt.datetime) -> Split:
    """Training: events before `at`. Test: events at or after it. The same instant for all users and items.

    An event without a time is in neither part. Nothing of the test is known at training time, so nothing leaks: Ji et al.
    2023, "A critical study on data leakage in recommender system offline evaluation". Raises `ConfigError` where `at` has
    no time zone; the start of a business day is `datetime(2017, 12, 1, tzinfo=ZoneInfo("America/New_York"))`.
    """
    _refuse_naive(at)
    return Split(events.where(F.col("event_at") < F.lit(at)), events.where(F.col("event_at") >= F.lit(at)))


def rolling_origin(events: DataFrame, origins: Sequence[dt.datetime], days: int) -> list[tuple[dt.datetime, Split]]:
    """One split by time per origin: training before it, test in [origin, origin + `days`), days of 24 h.

    The training grows from origin to origin; events after a window are in neither part of its split. Tells whether a model
    wins always or in one season only. Tashman 2000, "Out-of-sample tests of forecasting accuracy". Raises `ConfigError`
    where `days` is below 1, or where the origins are none, without a time zone, or not ascending and different.
    """
    if days < 1:
        raise ConfigError("rolling_origin", f"days = {days}", "1 or more", "Use for example 28.")
    for origin in origins:
        _refuse_naive(origin)
    if not origins or list(origins) != sorted(set(origins)):
        found = ", ".join(map(str, origins)) or "no origin"
        raise ConfigError("rolling_origin", found, "different instants in ascending order", "Sort them.")
    window = dt.timedelta(days=days)
    parts = [(origin, by_time(events, origin)) for origin in origins]
    return [(origin, Split(part.training, part.test.where(F.col("event_at") < F.lit(origin + window)))) for origin, part in parts]


def last_n(events: DataFrame, n: int, ties: Sequence[str] = ("item_idx",)) -> Split:
    """Test: each user's `n` latest events. Training: the earlier ones; nothing of a user who has `n` or fewer.

    Events of one instant are ordered by the columns `ties`, the greatest last: with an event_id, use it, as events alike in
    all of them are put in no order. An event without a time counts as the earliest. Every user weighs the same, but it is
    no split by time: one user's training may lie after another's test, so the crowd's future leaks in. Raises `ConfigError`
    where `n` is below 1.
    """
    if n < 1:
        raise ConfigError("last_n", f"n = {n}", "1 or more", "Use 1 to leave one out.")
    latest = Window.partitionBy("user_idx").orderBy(F.desc("event_at"), *map(F.desc, ties))
    numbered = events.withColumn(_RECENCY, F.row_number().over(latest))
    split = _parted(numbered, F.col(_RECENCY) <= n)
    return Split(split.training.drop(_RECENCY), split.test.drop(_RECENCY))


def leave_one_out(events: DataFrame, ties: Sequence[str] = ("item_idx",)) -> Split:
    """Test: each user's latest event. See `last_n`. He et al. 2017, "Neural collaborative filtering", section 4.1."""
    return last_n(events, 1, ties)


def by_time_ratio(events: DataFrame, test_share: float) -> Split:
    """A split by time at the instant from which the latest `test_share` of the events lie: exact, to the whole second.

    The test starts at the second of the first of the latest round(test_share * n) events; other events of that second are
    then in the test too, which is larger by those. Runs two Spark jobs at once: events per day, and events per second of
    the day found. Raises `ConfigError` where `test_share` is not between 0 and 1, or one of the parts would be empty.
    """
    _refuse_share("by_time_ratio", test_share)
    days = _counts(events, _DAY)
    n_events = sum(days.values())
    n_training = n_events - round(test_share * n_events)
    if not 0 < n_training < n_events:
        raise ConfigError("by_time_ratio", f"{n_events} events with a time", "enough for both parts", "Use more events or another share.")
    day, before_day = _step_of(days, n_training)
    in_day = F.floor(F.unix_seconds("event_at") / _DAY) == day
    second, before_second = _step_of(_counts(events.where(in_day), 1), n_training - before_day)
    if before_day + before_second == 0:
        raise ConfigError("by_time_ratio", "all training events in the test's first second", "earlier ones", "Use a smaller share.")
    return by_time(events, dt.datetime.fromtimestamp(second, dt.UTC))


def k_fold_by_user(events: DataFrame, k: int, fold: int, seed: int) -> Split:
    """Test: all events of the users of fold `fold` of 0 .. `k` - 1. Training: all events of the others.

    A user's fold is a hash of `seed` and user_idx: the k tests hold every user once, in folds of nearly equal size. For
    cold users, whom the training has never met; split the result by time as well, as this leaks the crowd's future.
    Marlin 2004, "Collaborative filtering: a machine learning perspective", "strong generalization". Raises `ConfigError`
    where `k` is below 2 or there is no such fold.
    """
    if k < 2 or not 0 <= fold < k:
        raise ConfigError("k_fold_by_user", f"fold {fold} of {k}", "2 folds or more, counted from 0", "Use a fold from 0 to k - 1.")
    return _parted(events, F.pmod(F.xxhash64(F.lit(seed).cast("bigint"), "user_idx"), F.lit(k)) == fold)


def leaky_random(events: DataFrame, test_share: float, seed: int) -> Split:
    """Test: about `test_share` of the events, drawn by a hash of `seed` and the row. For comparison with papers only.

    It leaks: a user's later events train the model that is asked for earlier ones, and items are as popular in training as
    they will only become. Scores are too high, and the ranking of models changes (Ji et al. 2023; Meng et al. 2020). Equal
    rows go to the same part. Raises `ConfigError` where `test_share` is not between 0 and 1.
    """
    _refuse_share("leaky_random", test_share)
    drawn = F.pmod(F.xxhash64(F.lit(seed).cast("bigint"), *(F.col(f"`{name}`") for name in events.columns)), F.lit(_HASHES))
    return _parted(events, drawn < int(test_share * _HASHES))


def relevant_items(future: DataFrame, interactions: DataFrame) -> DataFrame:
    """The items each known user interacted with after the as-of date: (protocol string, user_idx, item_idx, gain double).

    One row per protocol and pair; `gain`: how often the user took the item, which graded metrics read.

    `future`: (user_idx, item_idx) of the interactions on or after the as-of date, in any number of rows per pair.
    `interactions`: the slice of silver.interactions of that date (what the models were fitted on).

    `all_items` holds every pair of a user whom `interactions` knows; `new_items` only those pairs that are not in
    `interactions`, so that repeating a habit earns nothing. Left out: users unknown to `interactions`, and rows where
    either integer is null (a user or an item without an id). A time split, not a random one: Ji et al. 2023, "A critical
    study on data leakage in recommender system offline evaluation".
    """
    known_users = interactions.select("user_idx").distinct()
    seen = interactions.select("user_idx", "item_idx", F.lit(True).alias("is_seen"))  # one row per (user, item)
    pairs = future.where(F.col("item_idx").isNotNull()).groupBy("user_idx", "item_idx").agg(F.count("*").cast("double").alias("gain"))
    marked = pairs.join(known_users, on="user_idx", how="left_semi").join(seen, on=["user_idx", "item_idx"], how="left")
    always = F.array(F.lit(ALL_ITEMS))
    protocols = F.when(F.col("is_seen"), always).otherwise(F.array(F.lit(ALL_ITEMS), F.lit(NEW_ITEMS)))
    return marked.select(F.explode(protocols).alias("protocol"), "user_idx", "item_idx", "gain")


def _parted(events: DataFrame, is_test: Column) -> Split:
    """`is_test` is never null."""
    return Split(events.where(~is_test), events.where(is_test))


def _counts(events: DataFrame, seconds: int) -> dict[int, int]:
    """Events by step of `seconds` since 1970: one row per day of the history, or per second of one day."""
    step = F.floor(F.unix_seconds("event_at") / seconds).alias("step")
    return {row["step"]: row["count"] for row in events.where(F.col("event_at").isNotNull()).groupBy(step).count().collect()}


def _step_of(counts: dict[int, int], position: int) -> tuple[int, int]:
    """The step that holds the event at `position` from 0 in order of time, and how many events lie in earlier steps."""
    n_before = 0
    for step in sorted(counts):
        if n_before + counts[step] > position:
            break
        n_before += counts[step]
    return step, n_before


def _refuse_naive(at: dt.datetime) -> None:
    if at.utcoffset() is None:
        raise ConfigError("split", f"{at} without a time zone", "an instant", "Give it a tzinfo, such as datetime.UTC.")


def _refuse_share(where: str, test_share: float) -> None:
    if not 0 < test_share < 1:
        raise ConfigError(where, f"test_share = {test_share}", "more than 0 and less than 1", "Use for example 0.2.")
