"""Cohorts and active users against counting the users of every window one by one."""

from __future__ import annotations

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from mapping_spark.campaign.activity import active_days, build_activity, build_cohorts
from mapping_spark.tables.frames import small

from .market import at, event, events

AS_OF = dt.date(2017, 3, 22)  # a Wednesday
DAY = dt.timedelta(days=1)
SHAPE = "user_id string, date date"


def monday(day: dt.date) -> dt.date:
    return day - day.weekday() * DAY


@settings(max_examples=3, deadline=None)
@given(st.sets(st.tuples(st.sampled_from("abcd"), st.integers(1, 75)), min_size=1, max_size=40), st.integers(0, 6))
def test_every_day_and_every_cohort_counts_its_users(spark: SparkSession, drawn: set[tuple[str, int]], weekday: int) -> None:
    as_of = AS_OF + weekday * DAY
    days = {(user, as_of - back * DAY) for user, back in drawn}
    active = small(spark, sorted(days), SHAPE)
    first = min(day for _, day in days)

    def users(last: dt.date, n_days: int) -> int:
        return len({user for user, day in days if last - n_days * DAY < day <= last})

    every = [first + n * DAY for n in range((as_of - first).days)]
    activity = [tuple(row) for row in build_activity(active, as_of).orderBy("date").collect()]
    assert activity == [(day, users(day, 1), users(day, 7), users(day, 30), day - first >= 29 * DAY) for day in every]

    began = {user: monday(min(day for one, day in days if one == user)) for user, _ in days}
    weeks = {(user, monday(day)) for user, day in days}
    expected = {}
    for cohort in set(began.values()):
        of = {user for user, week in began.items() if week == cohort}
        for n in range((monday(as_of - DAY) - cohort).days // 7 + 1):
            week = cohort + 7 * n * DAY
            expected[cohort, n] = (len(of), sum((user, week) in weeks for user in of), week + 7 * DAY <= as_of)
    found = {(row.cohort_date, row.week): tuple(row)[2:] for row in build_cohorts(active, as_of).collect()}
    assert found == expected


def test_being_sent_or_shown_something_is_no_activity(spark: SparkSession) -> None:
    happened = events(
        spark,
        event("campaign_open", "opened", at(20)),
        event("refund", "returned", at(20)),
        event("refund", "returned", at(20, 23)),  # one day, once
        event("campaign_send", "sent", at(20)),
        event("impression", "shown", at(20)),
        event("click", "today", at(22)),
    )
    assert {(row.user_id, row.date.day) for row in active_days(happened, AS_OF).collect()} == {("opened", 20), ("returned", 20)}


def test_nobody_active_is_no_day_and_no_cohort(spark: SparkSession) -> None:
    nobody = small(spark, [], SHAPE)
    assert build_activity(nobody, AS_OF).isEmpty()
    assert build_cohorts(nobody, AS_OF).isEmpty()
