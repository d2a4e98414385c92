"""Assignment: Spark says what plain Python says, nobody moves between variants, and everyone is counted."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.campaign.assignment import (
    FREQUENCY_CAP,
    GLOBAL_HOLDOUT,
    N_BUCKETS,
    NO_CONSENT,
    Candidate,
    Range,
    allocate,
    assign,
    bucket,
    recent_sends,
    with_status,
)
from mapping_spark.campaign.assignment_run import assign_campaigns
from mapping_spark.campaign.audience import build_audience, with_assignments
from mapping_spark.campaign.settings import AssignmentConfig
from mapping_spark.errors import ConfigError
from mapping_spark.tables.contract import Table
from mapping_spark.tables.experiments import CAMPAIGN_ALLOCATIONS, CAMPAIGN_ASSIGNMENT_COUNTS, CAMPAIGN_ASSIGNMENTS
from mapping_spark.tables.frames import rows
from mapping_spark.tables.silver import EXTERNAL_ASSIGNMENTS, USERS
from mapping_spark.tables.store import Store

from .market import at, event, events

AS_OF = dt.date(2017, 3, 20)
N_USERS = 400


def config(**campaigns: dict[str, Any]) -> AssignmentConfig:
    return AssignmentConfig.model_validate({"salt": "s", "global_holdout": "0.1", "max_sends": 2, "campaigns": campaigns})


def users(spark: SparkSession) -> DataFrame:
    """Every tenth user has not consented; two segments and some without."""
    segments = ("north", "south", None)
    return rows(
        spark,
        USERS,
        *({"user_id": f"ü{n}", "segment": segments[n % 3], "has_marketing_consent": n % 10 != 0} for n in range(N_USERS)),
    )


def sends(spark: SparkSession) -> DataFrame:
    """u1 has had two in the last days, u2 one; u3's two are too old, u4's come later."""
    days = {"ü1": (1, 2), "ü2": (3,), "ü3": (-30, -31), "ü4": (20, 21)}
    return events(spark, *(event("campaign_send", user, at(day), campaign_id="c0") for user, of in days.items() for day in of))


@pytest.fixture(scope="module")
def planned() -> AssignmentConfig:
    parts = {"c1": ("0", "0.5"), "c2": ("0.5", "1")}
    return config(
        **{name: {"variants": {"a": "0.3", "b": "0.2"}, "layer": "mail", "layer_from": f, "layer_to": t} for name, (f, t) in parts.items()}
    )


def test_spark_says_what_plain_python_says(spark: SparkSession, planned: AssignmentConfig) -> None:
    ranges = {name: allocate(plan.shares) for name, plan in planned.campaigns.items()}
    recent = recent_sends(sends(spark), AS_OF, planned.cap_days)
    found = with_status(users(spark).join(recent, on="user_id", how="left"), planned, ranges).collect()
    n_sends = {"ü1": 2, "ü2": 1}
    assert len(found) == 2 * N_USERS
    for row in found:
        number = int(row.user_id[1:])
        user = Candidate(user_id=row.user_id, has_consent=number % 10 != 0, n_recent_sends=n_sends.get(row.user_id, 0))
        assert row.status == assign(user, row.campaign_id, planned, ranges[row.campaign_id]), row
    statuses = {(row.campaign_id, row.user_id): row.status for row in found}
    assert statuses["c1", "ü0"] == NO_CONSENT
    assert statuses["c1", "ü1"] == FREQUENCY_CAP
    in_one = {user for (name, user), status in statuses.items() if name == "c1" and not status.startswith("(")}
    in_two = {user for (name, user), status in statuses.items() if name == "c2" and not status.startswith("(")}
    assert in_one
    assert not in_one & in_two  # one layer
    held_out = {user for (name, user), status in statuses.items() if status == GLOBAL_HOLDOUT}
    assert all(statuses["c2", user] == GLOBAL_HOLDOUT for user in held_out)


SHARES = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 2_000), min_size=1)


@settings(max_examples=25, deadline=None)
@given(SHARES, SHARES)
def test_growing_moves_nobody_between_variants(first: dict[str, int], more: dict[str, int]) -> None:
    before = {name: Decimal(n) / N_BUCKETS for name, n in first.items()}
    after = {name: before.get(name, Decimal(0)) + Decimal(more.get(name, 0)) / 2 / N_BUCKETS for name in {**first, **more}}
    after = {name: round(share, 4) for name, share in after.items()}
    old = allocate(before)
    if any(after[name] < before[name] for name in before):
        return
    whole = old + allocate(after, old)
    has = [next((one.variant for one in old if one.first <= n <= one.last), None) for n in range(N_BUCKETS)]
    now = [[one.variant for one in whole if one.first <= n <= one.last] for n in range(0, N_BUCKETS, 7)]
    assert all(len(of) <= 1 for of in now)
    assert all(has[n] in (None, *of) for n, of in zip(range(0, N_BUCKETS, 7), now, strict=True))
    sizes = Counter(one.variant for one in whole for _ in range(one.size))
    assert sizes == {name: int(share * N_BUCKETS) for name, share in after.items() if share}


def test_a_lowered_share_and_too_many_are_refused() -> None:
    old = [Range(0, 4_999, "a")]
    with pytest.raises(ConfigError, match="lowers a from 0.5 to 0.4"):
        allocate({"a": Decimal("0.4")}, old)
    with pytest.raises(ConfigError, match="asks for 0.6 more where 0.5 is free"):
        allocate({"a": Decimal("0.5"), "b": Decimal("0.6")}, old)


def test_buckets_are_even_and_campaigns_independent() -> None:
    drawn = [(bucket("s", "campaign", "c1", f"u{n}"), bucket("s", "campaign", "c2", f"u{n}")) for n in range(4_000)]
    below = Counter((one < 5_000, two < 5_000) for one, two in drawn)
    assert all(abs(n - 1_000) < 5 * (4_000 * 3 / 16) ** 0.5 for n in below.values())
    assert bucket("s", "a", "bc") != bucket("s", "ab", "c")


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"variants": {"a": "0.95"}}, "the holdout included"),
        ({"variants": {"a": "0.5"}, "holdout": "0"}, "greater than 0"),
        ({"variants": {"control": "0.5"}}, "is no variant"),
        ({"variants": {"a": "0.5"}, "layer": "l", "layer_from": "0.5", "layer_to": "0.5"}, "is empty"),
    ],
)
def test_plans_that_cannot_be_are_refused(plan: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(c1=plan)


def test_parts_of_a_layer_may_not_overlap() -> None:
    plan = {"variants": {"a": "0.5"}, "layer": "l"}
    with pytest.raises(ValidationError, match="c1 and c2 overlap"):
        config(c1=plan | {"layer_to": "0.6"}, c2=plan | {"layer_from": "0.5"})


def test_a_run_counts_everyone_and_a_later_one_changes_nobody(spark: SparkSession, tmp_path: Path) -> None:
    store = Store(spark, str(tmp_path))
    for table in (CAMPAIGN_ALLOCATIONS, CAMPAIGN_ASSIGNMENTS, CAMPAIGN_ASSIGNMENT_COUNTS):
        store.create(table)
    everyone, nothing = users(spark), events(spark)
    assign_campaigns(store, everyone, nothing, config(c1={"variants": {"a": "0.3", "b": "0.2"}}), AS_OF)
    first = {row.user_id: row.variant for row in store.read(CAMPAIGN_ASSIGNMENTS).collect()}
    capped = events(spark, *(event("campaign_send", user, at(day), campaign_id="c1") for user in first for day in (18, 19)))
    larger = config(c1={"variants": {"b": "0.4", "a": "0.3", "c": "0.2"}})
    assign_campaigns(store, everyone, capped, larger, AS_OF + dt.timedelta(days=1))
    second = {row.user_id: row.variant for row in store.read(CAMPAIGN_ASSIGNMENTS).collect()}
    assert set(first.values()) == {"a", "b", "control"}
    assert first.items() <= second.items()  # also those who are capped by now
    assert {variant for user, variant in second.items() if user not in first} == {"b", "c"}
    counts = store.read(CAMPAIGN_ASSIGNMENT_COUNTS).groupBy("as_of_date").sum("n_users").collect()
    assert [row[1] for row in counts] == [N_USERS, N_USERS]


def test_the_audience_of_a_planned_campaign_is_who_was_assigned(spark: SparkSession) -> None:
    assigned = rows(
        spark,
        CAMPAIGN_ASSIGNMENTS,
        {"campaign_id": "c1", "user_id": "u1", "variant": "control", "assigned_at": at(1)},
        {"campaign_id": "c1", "user_id": "u2", "variant": "a", "assigned_at": at(1)},
    )
    happened = events(
        spark,
        event("campaign_send", "u1", at(2), campaign_id="c1", variant="a"),  # held out, and sent it all the same
        event("campaign_send", "u3", at(2), campaign_id="c1", variant="a"),  # never assigned
        event("campaign_send", "u3", at(2), campaign_id="c2"),
    )
    found = with_assignments(build_audience(happened), assigned).collect()
    assert sorted((row.campaign_id, row.user_id, row.variant) for row in found) == [
        ("c1", "u1", "control"),
        ("c1", "u2", "a"),
        ("c2", "u3", "mailed"),
    ]


def test_an_audience_assigned_elsewhere_holds_those_held_out_and_what_is_assigned_here_goes_before_it(spark: SparkSession) -> None:
    def assigned(table: Table, *who: tuple[str, str, str]) -> DataFrame:
        return rows(spark, table, *({"campaign_id": c, "user_id": u, "variant": v, "assigned_at": at(1)} for c, u, v in who))

    sent = build_audience(
        events(spark, event("campaign_send", "u1", at(2), campaign_id="c1"), event("campaign_send", "u1", at(2), campaign_id="c3"))
    )
    elsewhere = assigned(EXTERNAL_ASSIGNMENTS, ("c1", "u1", "a"), ("c1", "u2", "control"), ("c2", "u1", "a"))
    here = assigned(CAMPAIGN_ASSIGNMENTS, ("c2", "u4", "b"))
    found = with_assignments(with_assignments(sent, elsewhere), here).collect()
    assert sorted((row.campaign_id, row.user_id, row.variant) for row in found) == [
        ("c1", "u1", "a"),
        ("c1", "u2", "control"),
        ("c2", "u4", "b"),
        ("c3", "u1", "mailed"),
    ]
