"""Findings, steps and delays at their boundaries: what just counts, and what just does not."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from pyspark.sql import SparkSession

from mapping_spark.campaign.findings import OF_CAMPAIGNS, OF_USERS, build_findings
from mapping_spark.campaign.funnel import build_conversion_delays, build_funnel
from mapping_spark.tables.frames import empty, rows
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CAMPAIGNS

from .market import at

SECOND = dt.timedelta(seconds=1)


def outcome(campaign: str, user: str, **facts: Any) -> dict[str, Any]:
    """A user of whom nothing is odd: shown, clicked, bought, and it cost something."""
    usual = {"n_impressions": 1, "n_clicks": 1, "first_click_at": at(2), "revenue": Decimal(5), "cost": Decimal(1), "segment": user}
    usual |= {"n_purchases": 1, "n_exclusive_purchases": 1, "exclusive_revenue": Decimal(5)}
    return {"campaign_id": campaign, "user_id": user, "variant": "a"} | usual | facts


CASES: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
    "nothing odd": ([{}, {}], set()),
    "clicks as shown": ([{"n_clicks": 5}, {"n_clicks": 0, "n_impressions": 0}], set()),
    "shown nothing": ([{"n_impressions": 0}, {}], {"click_without_impression"}),
    "converted as clicked": ([{"first_conversion_at": at(2)}, {}], set()),
    "converted before": ([{"first_conversion_at": at(2) - SECOND}, {}], {"conversion_before_click"}),
    "never clicked": ([{"first_conversion_at": at(1), "first_click_at": None}, {}], set()),
    "all given back": ([{"refunds": Decimal(5)}, {}], set()),
    "more given back": ([{"refunds": Decimal("5.0001")}, {}], {"refund_above_sales"}),
    "shared sale": ([{"n_purchases": 2}, {}], {"sale_of_several_campaigns"}),
    "no rate": ([{"n_unpriced": 1}, {}], {"money_without_rate"}),
    "free but for a discount": ([{"cost": Decimal(0), "discount": Decimal("0.01")}, {"cost": Decimal(0)}], set()),
    "free": ([{"cost": Decimal(0)}, {"cost": Decimal(0)}], {"zero_spend"}),
    "one segment": ([{"segment": "s"}, {"segment": "s"}], {"one_segment_only"}),
    "one buyer": ([{}, {"revenue": Decimal(0)}], {"one_buyer"}),
    "no buyer": ([{"revenue": Decimal(0)}, {"revenue": Decimal(0)}], set()),
    "endless": ([{}, {}], {"no_end"}),
    "undeclared": ([{}, {}], set()),
}


def test_each_finding_holds_where_it_should_and_not_beside_it(spark: SparkSession) -> None:
    outcomes = [outcome(name, f"u{n}", **facts) for name, (users, _) in CASES.items() for n, facts in enumerate(users)]
    ends = {name: None if name == "endless" else at(11) for name in (*CASES, "without audience") if name != "undeclared"}
    campaigns = rows(spark, CAMPAIGNS, *({"campaign_id": name, "start_at": at(1), "end_at": end} for name, end in ends.items()))
    found: dict[str, set[str]] = {name: set() for name in CASES}
    for row in build_findings(rows(spark, CAMPAIGN_OUTCOMES, *outcomes), campaigns).collect():
        found[row.campaign_id].add(row.finding)
        assert row.n_users == (1 if row.finding in OF_USERS else 0)
        assert row.meaning == (OF_USERS | OF_CAMPAIGNS)[row.finding][1]
    assert found == {name: expected for name, (_, expected) in CASES.items()}
    assert set().union(*found.values()) == {*OF_USERS, *OF_CAMPAIGNS}  # no finding is without a case
    assert build_findings(empty(spark, CAMPAIGN_OUTCOMES), campaigns).isEmpty()


def test_steps_are_taken_in_turn_and_add_up_by_group(spark: SparkSession) -> None:
    def steps(user: str, sent: int, seen: int, clicked: int, converted: bool, variant: str = "a") -> dict[str, Any]:
        facts = {"n_sends": sent, "n_impressions": seen, "n_clicks": clicked, "is_converted": converted}
        return {"campaign_id": "c", "user_id": user, "variant": variant, "segment": "s"} | facts

    outcomes = rows(
        spark,
        CAMPAIGN_OUTCOMES,
        steps("all of them", 3, 2, 1, True),
        steps("no click", 1, 1, 0, True),
        steps("never sent", 0, 1, 1, True),
        steps("no sale", 1, 1, 1, False),
        steps("other variant", 1, 0, 0, False, "b"),
    )
    assert {row.variant: tuple(row)[3:] for row in build_funnel(outcomes).collect()} == {"a": (4, 3, 3, 2, 1, 3), "b": (1, 1, 0, 0, 0, 0)}
    assert build_funnel(empty(spark, CAMPAIGN_OUTCOMES)).isEmpty()


def test_delays_are_whole_days_rounded_down(spark: SparkSession) -> None:
    day = dt.timedelta(days=1)
    delays = {"at once": 0 * day, "a second short": day - SECOND, "a day": day, "a second early": -SECOND, "a day early": -day}
    converted: list[dict[str, Any]] = [
        {"campaign_id": "c", "user_id": name, "variant": "a", "is_converted": True, "first_conversion_at": at(5, 6) + delay}
        for name, delay in delays.items()
    ]
    others = [{"campaign_id": "c", "user_id": "never", "variant": "a"}, converted[0] | {"user_id": "no member"}]
    members: list[dict[str, Any]] = [
        {"campaign_id": "c", "user_id": name, "variant": "a", "assigned_at": at(5, 6)} for name in (*delays, "never")
    ]
    members.append(members[0] | {"campaign_id": "d", "assigned_at": at(1)})  # another campaign's moment is not its own
    found = build_conversion_delays(rows(spark, CAMPAIGN_OUTCOMES, *converted, *others), rows(spark, CAMPAIGN_AUDIENCE, *members))
    assert {row.days: row.n_users for row in found.collect()} == {0: 2, 1: 1, -1: 2}
