from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from mapping_spark.campaign.effect_table import Sources, build_effects
from mapping_spark.campaign.panel import Weeks, panel, sums_by_stratum, weekly
from mapping_spark.campaign.settings import EffectConfig
from mapping_spark.errors import ContractError, MissingInput
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS, CAMPAIGNS, EVENTS

START = dt.date(2024, 1, 1)
WEEKS = Weeks(history=2, after=1, origins=(0, -1))


def test_placebo_weeks_lie_whole_before_the_campaign() -> None:
    found = Weeks.around(first_day=START - dt.timedelta(days=71), start=START, after=2, history=4, step=2)
    assert found.origins == (0, -2, -4, -6)  # ten whole weeks: -6 needs weeks -10 to -5
    assert found.first == -10
    with pytest.raises(ContractError, match="2 whole weeks before 2024-01-01"):
        Weeks.around(first_day=START - dt.timedelta(days=20), start=START, after=2, history=4, step=2)


def test_sums_around_every_origin_by_hand(spark: SparkSession) -> None:
    bought = [("u1", -3, 1.0), ("u1", -2, 2.0), ("u1", -1, 4.0), ("u1", 0, 8.0), ("u1", 0, 8.0), ("u2", -1, 3.0), ("u3", 0, 9.0)]
    days = [(user, START + dt.timedelta(days=7 * week + 6), spent) for user, week, spent in bought]
    spent = weekly(small(spark, days, "user_id string, event_date date, value double"), START)
    users = panel(spent, small(spark, [("u1",), ("u4",)], "user_id string"), WEEKS)
    # u3 bought first when the campaign ran; u4 was mailed and never bought
    assert {(row.user_id, row.is_mailed, tuple(row.spent)) for row in users.collect()} == {
        ("u1", True, (1, 2, 4, 16)),
        ("u2", False, (0, 0, 3, 0)),
        ("u4", True, (0, 0, 0, 0)),
    }
    found = sums_by_stratum(users, WEEKS, n_strata=1).set_index(["origin", "is_mailed"])
    # change: week 0 less week -1, which is `near`; one week earlier: week -1 less week -2
    assert found.loc[(0, True), ["n_users", "change", "change_sq", "week_0", "week_2"]].tolist() == [2, 12, 144, 2, 16]
    assert found.loc[(-1, False), ["n_users", "change", "change_sq"]].tolist() == [1, 3, 9]


@pytest.mark.parametrize("ends", [{"end_at": dt.datetime(2024, 3, 18)}, {}], ids=["two weeks", "without end: to the last event"])
def test_effects_of_a_campaign_that_doubles_what_its_users_spend(spark: SparkSession, ends: dict[str, dt.datetime]) -> None:
    """Twelve users spend 10 every week; the six mailed spend 20 from 4 March on, when the campaign runs for two weeks."""
    monday = dt.date(2024, 3, 4)
    weeks = [monday + dt.timedelta(days=7 * week) for week in range(-8, 2)]
    each = [
        {
            "event_id": f"{user} {day}",
            "user_id": f"u{user}",
            "item_id": "tea",
            "event_type": "purchase",
            "event_date": day,
            "value": 20 if user < 6 and day >= monday else 10,
        }
        for user in range(12)
        for day in [*weeks, monday + dt.timedelta(days=13)]
        if day != monday + dt.timedelta(days=13) or user == 11
    ]
    campaign = {"campaign_id": "c", "start_at": dt.datetime(2024, 3, 4)} | ends
    sources = Sources(
        rows(spark, EVENTS, *each),
        rows(spark, CAMPAIGNS, campaign),
        rows(spark, CAMPAIGN_AUDIENCE, *({"campaign_id": "c", "user_id": f"u{user}", "variant": "mailed"} for user in range(6))),
        rows(spark, CAMPAIGN_ITEMS, {"campaign_id": "c", "item_id": "jam"}),
    )
    config = EffectConfig(campaigns=("c",), history_weeks=4, n_strata=1)
    found = {(r.metric, r.method, r.origin): r for r in build_effects(sources, config, "UTC").collect()}
    real = found["revenue", "matched", 0]
    assert real.effect == pytest.approx(10 - 5 / 6)  # u11 spends 10 more on the last day, 5 a week
    assert (real.n_mailed, real.n_others, real.n_weeks) == (6, 6, 2)
    assert found["revenue", "synthetic_control", 0].effect == pytest.approx(10 - 5 / 6)
    assert {
        origin: r.effect for (metric, method, origin), r in found.items() if metric == "revenue" and method == "matched" and origin
    } == {-2: 0, -4: 0}
    assert "not an experiment" in real.assumptions
    with pytest.raises(MissingInput, match="no campaign 'd'"):
        build_effects(sources, EffectConfig(campaigns=("d",)), "UTC")
