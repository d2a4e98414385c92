"""One odd market: every oddity has a defined row or a clear error, and totals by segment sum to the total all the same."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.campaign.attribution import build_attributed, orders, paths, touches
from mapping_spark.campaign.campaign_forecasts import build_campaign_forecasts
from mapping_spark.campaign.decisions import build_decisions
from mapping_spark.campaign.experiment_sums import build_experiment_sums
from mapping_spark.campaign.experiments import Columns, groups_of
from mapping_spark.campaign.findings import build_findings
from mapping_spark.campaign.inputs import priced
from mapping_spark.campaign.kpis import CampaignConfig, build_kpis
from mapping_spark.campaign.outcomes import SUMS, build_outcomes, counted_events, with_segment
from mapping_spark.campaign.published import build_published
from mapping_spark.campaign.results import build_results
from mapping_spark.campaign.settings import AttributionConfig, ExperimentConfig, Rule
from mapping_spark.errors import ConfigError, ContractError
from mapping_spark.tables.experiments import CAMPAIGN_ALLOCATIONS
from mapping_spark.tables.frames import empty, rows, small
from mapping_spark.tables.gold import CAMPAIGN_KPIS
from mapping_spark.tables.measures import measure
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS, CAMPAIGNS, CURRENCY_RATES, USERS

from .market import at, event, events

MEMBERS = {"u1": "a", "u2": "a", "u3": "control", "u4": "control"}


@pytest.fixture(scope="module")
def odd(spark: SparkSession) -> DataFrame:
    """`endless` costs nothing and has no end: u1 clicks what was never shown, buys before, and pays in a money without a rate."""
    happened = events(
        spark,
        event("purchase", "u1", at(2), campaign_id="endless", value=Decimal(8), currency="EUR"),
        event("click", "u1", at(3), campaign_id="endless"),
        event("purchase", "u1", at(4), campaign_id="endless", value=Decimal(5), currency="JPY"),
        event("refund", "u1", at(5), campaign_id="endless", value=Decimal(9), currency="EUR"),
        event("purchase", "u3", at(0), campaign_id="endless", value=Decimal(7), currency="EUR"),  # before it began
    )
    money = priced(happened, empty(spark, CURRENCY_RATES), "EUR")
    members = rows(spark, CAMPAIGN_AUDIENCE, *({"campaign_id": "endless", "user_id": u, "variant": v} for u, v in MEMBERS.items()))
    users = rows(spark, USERS, {"user_id": "u1", "segment": "s"}, {"user_id": "u3", "segment": "t"})
    known = with_segment(members, users)
    return build_outcomes(counted_events(money, endless(spark), known, empty(spark, CAMPAIGN_ITEMS)), known).persist()


def endless(spark: SparkSession) -> DataFrame:
    return rows(spark, CAMPAIGNS, {"campaign_id": "endless", "start_at": at(1)})


@pytest.fixture(scope="module")
def kpis(odd: DataFrame) -> DataFrame:
    return build_kpis(odd, CampaignConfig()).persist()


def test_each_oddity_is_a_finding(spark: SparkSession, odd: DataFrame) -> None:
    found = {row.finding: (row.n_users, row.amount) for row in build_findings(odd, endless(spark)).collect()}
    nobody = dict.fromkeys(("zero_spend", "no_end", "one_buyer"), (0, None))
    of_u1 = dict.fromkeys(("click_without_impression", "conversion_before_click", "money_without_rate"), (1, None))
    assert found == nobody | of_u1 | {"refund_above_sales": (1, 9 - 8)}


def test_without_impressions_and_spend_there_is_no_ratio(kpis: DataFrame) -> None:
    (row,) = measure(kpis.where("variant = 'a'"), CAMPAIGN_KPIS, "campaign_id").collect()
    assert (row.n_clicks, row.ctr, row.roas, row.roi) == (1, None, None, None)
    assert (row.revenue, row.revenue_per_user) == (8, 4)


def test_totals_by_segment_sum_to_the_total(spark: SparkSession, odd: DataFrame, kpis: DataFrame) -> None:
    sums = [F.sum(name).alias(name) for name in SUMS]
    total = odd.agg(*sums).collect()
    assert kpis.agg(*sums).collect() == kpis.groupBy("segment").agg(*sums).agg(*sums).collect() == total
    assert total[0].asDict().items() >= {"n_conversions": 2, "n_purchases": 2, "revenue": 8, "refunds": 9, "n_unpriced": 1}.items()
    published = build_published(kpis, min_users=1).collect()
    of_all = {row.variant: row.revenue for row in published if row.segment == "all"}
    assert of_all == {v: sum(row.revenue for row in published if row.variant == v and row.segment != "all") for v in ("a", "control")}
    results = build_results(
        build_experiment_sums(
            odd, small(spark, [], "campaign_id string, user_id string, revenue_before decimal(18,4)"), ExperimentConfig()
        ),
        empty(spark, CAMPAIGN_ALLOCATIONS),
        endless(spark),
        ExperimentConfig(),
        as_of=dt.date(2017, 4, 1),
    )
    n_users = {row.segment: row.n_users for row in results.where("metric = 'conversion_rate'").collect()}
    assert n_users == {"all": 2, "s": 1, "t": 0, "unknown": 1}


def test_a_campaign_without_end_runs_on(spark: SparkSession, kpis: DataFrame) -> None:
    rule = Rule(name="told", measure="redemption_rate", above=0.1, action="notify", min_users=1)
    (row,) = build_decisions(kpis, endless(spark), dt.date(2030, 1, 1), [rule]).collect()
    assert (row.campaign_id, row.value) == ("endless", 1 / 4)
    assert build_campaign_forecasts(kpis, endless(spark), dt.date(2030, 1, 1)).count() == 0  # it has no length to compare


def test_an_order_in_a_money_without_a_rate_is_credited_without_revenue(spark: SparkSession) -> None:
    config = AttributionConfig(window_days=7)
    happened = events(
        spark,
        event("click", "u1", at(1), channel="mail"),
        event("purchase", "u1", at(2), value=Decimal(5), currency="JPY"),
        event("purchase", "u1", at(3), value=Decimal(8), currency="EUR"),
    )
    with pytest.raises(ConfigError, match="EUR, JPY"):
        priced(happened, empty(spark, CURRENCY_RATES), None)
    money = priced(happened, empty(spark, CURRENCY_RATES), "EUR")
    as_of = dt.date(2017, 4, 1)
    credited = build_attributed(paths(orders(money, as_of, config), touches(money, as_of, config), config), config)
    last = credited.where("method = 'last'").collect()
    assert sorted((row.channel, row.conversions, row.revenue) for row in last) == [("mail", 1, 0), ("mail", 1, 8)]


def test_a_user_in_two_variants_is_refused_where_rows_are_users() -> None:
    users = pd.DataFrame({"user_id": ["u1", "u1", "u2"], "variant": ["a", "b", "a"], "spent": [1, 2, 3]})
    with pytest.raises(ContractError, match="1 rows of users who have another"):
        groups_of(users, {"spent": Columns("spent")})
