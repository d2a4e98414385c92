"""What to know before a campaign's numbers are believed: gold.campaign_findings."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.outcomes import SUMS
from mapping_spark.tables.campaigns import CAMPAIGN_FINDINGS
from mapping_spark.tables.frames import conform

OF_USERS = {
    "click_without_impression": ("n_clicks > 0 AND n_impressions = 0", "users who clicked what they were never shown; counted"),
    "conversion_before_click": ("first_conversion_at < first_click_at", "users who converted before their first click; counted"),
    "refund_above_sales": (
        "refunds > revenue",
        "users given back more than they bought; counted whole, so revenue less refunds is below 0",
    ),
    "sale_of_several_campaigns": (
        "n_purchases > n_exclusive_purchases",
        "users with sales that another campaign counts too; revenue holds them, exclusive_revenue only once",
    ),
    "money_without_rate": ("n_unpriced > 0", "users whose money is in a currency without a rate on that day; left out of all money"),
}
"""Findings about users: a condition on a row of gold.campaign_outcomes, and its meaning."""

OF_CAMPAIGNS = {
    "zero_spend": ("cost + discount = 0", "nothing was spent: ROAS, ROI and costs per event are null"),
    "no_end": ("no_end", "the campaign has no end: it counts until one is set"),
    "one_segment_only": ("n_segments = 1", "all users are of one segment"),
    "one_buyer": ("revenue > 0 AND largest_revenue = revenue", "all revenue comes from one user"),
}
"""Findings about a campaign: a condition on its sums, and its meaning."""


def build_findings(outcomes: DataFrame, campaigns: DataFrame) -> DataFrame:
    """One row per (campaign, finding) of `OF_USERS` and `OF_CAMPAIGNS` that holds.

    About users: how many, how many events of theirs the finding is about, and the money. A campaign without audience has none.
    """
    known = outcomes.fillna(0, list(SUMS))
    of_user = [(name, F.expr(condition), meaning) for name, (condition, meaning) in OF_USERS.items()]
    users = known.select("campaign_id", *SUMS, F.explode(_held(of_user)).alias("found")).select("campaign_id", "found.*", *SUMS)
    by_user = users.groupBy("campaign_id", "finding", "meaning").agg(
        F.count(F.lit(1)).alias("n_users"), F.sum(_events()).alias("n_events"), F.sum(_amount()).alias("amount")
    )
    sums = known.groupBy("campaign_id").agg(
        *(F.sum(name).alias(name) for name in ("cost", "discount", "revenue")),
        F.max("revenue").alias("largest_revenue"),
        F.count_distinct("segment").alias("n_segments"),
    )
    ends = campaigns.select("campaign_id", F.col("end_at").isNull().alias("no_end"))  # one row per campaign
    of_campaign = [(name, F.expr(condition), meaning) for name, (condition, meaning) in OF_CAMPAIGNS.items()]
    joined = sums.join(ends, on="campaign_id", how="left").select("campaign_id", F.explode(_held(of_campaign)).alias("found"))
    nobody = {"n_users": F.lit(0).cast("bigint"), "n_events": F.lit(0).cast("bigint"), "amount": F.lit(None).cast("decimal(18,4)")}
    by_campaign = joined.select("campaign_id", "found.*").withColumns(nobody)
    return conform(by_user.unionByName(by_campaign), CAMPAIGN_FINDINGS)


def _held(findings: list[tuple[str, Column, str]]) -> Column:
    """Those findings that hold, as an array of (finding, meaning)."""
    rows = [F.when(held, F.struct(F.lit(name).alias("finding"), F.lit(meaning).alias("meaning"))) for name, held, meaning in findings]
    return F.array_compact(F.array(*rows))


def _events() -> Column:
    counts = {
        "click_without_impression": F.col("n_clicks"),
        "conversion_before_click": F.col("n_conversions"),
        "refund_above_sales": F.col("n_refunds"),
        "sale_of_several_campaigns": F.col("n_purchases") - F.col("n_exclusive_purchases"),
        "money_without_rate": F.col("n_unpriced"),
    }
    return _by_finding(counts)


def _amount() -> Column:
    money = {"refund_above_sales": F.expr("refunds - revenue"), "sale_of_several_campaigns": F.expr("revenue - exclusive_revenue")}
    return _by_finding(money).cast("decimal(18,4)")


def _by_finding(values: dict[str, Column]) -> Column:
    start = F.lit(None)
    return reduce(lambda rest, one: F.when(F.col("finding") == one[0], one[1]).otherwise(rest), values.items(), start)
