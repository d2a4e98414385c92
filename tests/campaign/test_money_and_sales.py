"""Refunds, currencies, shared sales, endless campaigns: what each adds to a campaign."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.campaign.findings import build_findings
from mapping_spark.campaign.inputs import declared_currency, in_currency, with_late, without_overlap
from mapping_spark.campaign.outcomes import build_outcomes, counted_events, summed, with_segment
from mapping_spark.errors import ConfigError
from mapping_spark.tables.frames import empty, rows
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS, CAMPAIGNS, CURRENCY_RATES, USERS

from .market import at, audience, campaign_items, campaigns, event, events


def money(kind: str, user: str, day: int, value: str, currency: str = "EUR", **columns: Any) -> dict[str, Any]:
    return event(kind, user, at(day), value=Decimal(value), currency=currency, **({"item_id": "milk"} | columns))


@pytest.fixture(scope="module")
def outcomes(spark: SparkSession) -> DataFrame:
    happened = events(
        spark,
        money("purchase", "u1", 6, "4"),  # c1 and c2 promote milk then; c2 began last
        money("purchase", "u2", 6, "3"),  # in c1 only
        money("refund", "u2", 7, "5"),  # more than was bought
        money("refund", "u2", 11, "1"),  # c1 is over
        money("purchase", "u9", 3, "10", "USD"),  # before its rate
        money("purchase", "u9", 4, "10", "USD"),
        event("campaign_click", "u2", at(8), campaign_id="c1"),
        event("coupon_redeem", "u2", at(2), campaign_id="c1"),
        event("unsubscribe", "u9", at(9), campaign_id="c1"),
        event("campaign_open", "u9", at(2), campaign_id="c1"),
    )
    rates = rows(spark, CURRENCY_RATES, {"currency": "USD", "valid_from": at(4).date(), "rate": Decimal("0.92345678")})
    known = with_segment(audience(spark), empty(spark, USERS))
    counted = counted_events(in_currency(happened, rates, "EUR"), campaigns(spark), known, campaign_items(spark))
    return build_outcomes(counted, known, rates_version="3").persist()


def test_each_sale_is_exclusive_revenue_of_the_campaign_that_began_last(outcomes: DataFrame) -> None:
    found = {(row.campaign_id, row.user_id): (row.revenue, row.exclusive_revenue, row.n_exclusive_purchases) for row in outcomes.collect()}
    assert found["c1", "u1"] == (4, 0, 0)
    assert found["c2", "u1"] == (4, 4, 1)
    assert found["c1", "u2"] == (3, 3, 1)


def test_refunds_stand_beside_revenue_and_foreign_money_is_converted_or_left_out(outcomes: DataFrame) -> None:
    found = {row.user_id: row for row in outcomes.where("campaign_id = 'c1'").collect()}
    assert (found["u2"].revenue, found["u2"].refunds, found["u2"].n_refunds) == (3, 5, 1)
    assert (found["u9"].revenue, found["u9"].n_purchases, found["u9"].n_unpriced) == (Decimal("9.2346"), 2, 1)
    assert (found["u9"].n_opens, found["u9"].n_impressions, found["u9"].n_unsubscribes, found["u9"].rates_version) == (1, 1, 1, "3")


def test_findings_name_what_is_odd(spark: SparkSession, outcomes: DataFrame) -> None:
    found = {(r.campaign_id, r.finding): (r.n_users, r.n_events, r.amount) for r in build_findings(outcomes, campaigns(spark)).collect()}
    assert found == {
        ("c1", "click_without_impression"): (1, 1, None),
        ("c1", "conversion_before_click"): (1, 1, None),
        ("c1", "refund_above_sales"): (1, 1, 2),
        ("c1", "sale_of_several_campaigns"): (1, 1, 4),
        ("c1", "money_without_rate"): (1, 1, None),
        **{(campaign, "zero_spend"): (0, 0, None) for campaign in ("c1", "c2")},
        **{(campaign, "one_segment_only"): (0, 0, None) for campaign in ("c1", "c2")},
        ("c2", "one_buyer"): (0, 0, None),
    }


def test_a_campaign_without_end_or_items_counts_what_names_it(spark: SparkSession) -> None:
    ad = rows(spark, CAMPAIGNS, {"campaign_id": "ad", "start_at": at(1)})
    member = rows(spark, CAMPAIGN_AUDIENCE, {"campaign_id": "ad", "user_id": "u1", "variant": "a"})
    happened = events(
        spark,
        money("purchase", "u1", 900, "4", campaign_id="ad"),
        money("purchase", "u1", 0, "4", campaign_id="ad"),  # before it began
        money("purchase", "u1", 5, "4"),  # names none
    )
    known = with_segment(member, empty(spark, USERS))
    (row,) = summed(counted_events(happened, ad, known, empty(spark, CAMPAIGN_ITEMS)), ("campaign_id",)).collect()
    assert (row.n_conversions, row.n_purchases, row.revenue, row.exclusive_revenue) == (1, 1, 4, 4)


def test_two_currencies_without_a_declared_one_are_refused(spark: SparkSession) -> None:
    both = events(spark, money("purchase", "u1", 1, "1"), money("purchase", "u1", 1, "1", "USD"))
    assert declared_currency(both.where("currency = 'EUR'"), None) == "EUR"
    with pytest.raises(ConfigError, match="EUR, USD"):
        declared_currency(both, None)


def test_a_rate_ends_where_the_next_begins(spark: SparkSession) -> None:
    first, second = dt.date(2017, 1, 1), dt.date(2017, 2, 1)
    rates = rows(spark, CURRENCY_RATES, *({"currency": "USD", "valid_from": day} for day in (first, second)))
    assert {row.valid_from: row.valid_to for row in without_overlap(rates).collect()} == {first: second, second: None}


def test_late_events_count_unless_they_are_known(spark: SparkSession) -> None:
    happened = events(spark, money("purchase", "u1", 1, "1"), money("purchase", "u1", 2, "1"))
    late = events(spark, money("purchase", "u1", 1, "1"), money("purchase", "u1", 2, "1"), money("purchase", "u1", 0, "1"))
    assert sorted(row.event_id for row in with_late(happened, late).collect()) == ["e0000", "e0001", "e0002"]
