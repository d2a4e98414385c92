"""Campaign KPIs as sums that add up. Ratios and their intervals are measures of the tables, computed from the sums."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.outcomes import SUMS, summed
from mapping_spark.config import Section
from mapping_spark.tables.frames import conform
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS, CAMPAIGN_KPIS, USER_PRODUCTS


class CampaignConfig(Section):
    """Settings of the campaign KPIs."""

    margin: Decimal = Field(default=Decimal("0.25"), ge=0, le=1, decimal_places=4)
    """Gross margin as a share of revenue: an assumption, the same for every item. Sums of gross margin agree to the
    last digit between tables while money times margin fits four decimals."""
    default_variant: str = Field(default="mailed", min_length=1)
    """Variant of a send that names none."""
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    """ISO 4217 code of the money of the campaign tables, into which silver.currency_rates convert every other; null where all
    events are in one currency: a second one is then an error."""
    min_published_users: int = Field(default=10, ge=2)
    """Users below which a group is withheld from published tables."""


def build_kpis(outcomes: DataFrame, config: CampaignConfig) -> DataFrame:
    """gold.campaign_kpis: gold.campaign_outcomes summed by (campaign, variant, segment).

    Sums of squares and products over users (doubles, in currency squared) are what intervals need. They are summed as
    exact decimals and cast at the end, so that they do not depend on the order of rows.
    """
    margin = gross_margin("revenue", config)
    per_user = outcomes.fillna(0, list(SUMS)).withColumn("gross_margin", margin)
    per_user = per_user.withColumns({"net_gain": _money("gross_margin - discount - cost"), "spend": _money("cost + discount")})
    squared = ("n_conversions", "revenue", "net_gain", "spend", "n_impressions", "n_clicks", "cost")
    products = (*((name, name, f"{name}_sq") for name in squared), *((one, other, f"{one}_{other}") for one, other in USER_PRODUCTS))
    sums = per_user.groupBy("campaign_id", "variant", "segment").agg(
        F.count(F.lit(1)).alias("n_users"),
        *(F.sum(name).alias(name) for name in (*SUMS, "gross_margin")),
        F.count_if("is_converted").alias("n_converted_users"),
        _sum_of_products("net_gain", "spend").alias("net_gain_spend"),
        *(_sum_of_products(one, other).alias(name) for one, other, name in products),
        F.max("rates_version").alias("rates_version"),
    )
    return conform(sums, CAMPAIGN_KPIS)


def build_daily_kpis(counted: DataFrame, config: CampaignConfig, *, rates_version: str | None = None) -> DataFrame:
    """gold.campaign_daily_kpis: `outcomes.counted_events` summed by (campaign, variant, business day).

    A day without an event has no row. Over days the sums equal gold.campaign_kpis by campaign and variant.
    """
    daily = summed(counted.withColumnRenamed("event_date", "date"), ("campaign_id", "variant", "date"))
    facts = {"gross_margin": gross_margin("revenue", config), "rates_version": F.lit(rates_version)}
    return conform(daily.withColumns(facts), CAMPAIGN_DAILY_KPIS)


def gross_margin(revenue: str, config: CampaignConfig) -> Column:
    """The assumed margin share times revenue, decimal(18,4), rounded half up."""
    return (F.col(revenue) * F.lit(config.margin)).cast("decimal(18,4)")


def _money(expression: str) -> Column:
    return F.expr(expression).cast("decimal(18,4)")


def _sum_of_products(left: str, right: str) -> Column:
    return F.sum(F.col(left) * F.col(right)).cast("double")
