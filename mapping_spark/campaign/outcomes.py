"""What each user of a campaign's audience did: gold.campaign_outcomes.

`counted_events` says which event counts for which campaign, and how much. Outcomes sum it by user, daily KPIs by day:
so the two agree by construction.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.tables.frames import conform
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES

COUNTED_TYPES: dict[str, tuple[str, ...]] = {
    "n_sends": ("campaign_send",),
    "n_impressions": ("impression", "campaign_open"),
    "n_clicks": ("click", "campaign_click"),
    "n_conversions": ("coupon_redeem",),
}
"""Which event types each count counts. An opened message is an impression: it was seen."""

SUMS = (*COUNTED_TYPES, "revenue", "discount", "cost")
"""The columns of `counted_events` that add up over users and days."""

UNKNOWN_SEGMENT = "unknown"

_EVENT_COLUMNS = ("campaign_id", "user_id", "event_at", "event_date")
_CAMPAIGN_COLUMNS = ("campaign_id", "start_at", "end_at", "unit_cost")


def build_outcomes(counted: DataFrame, audience: DataFrame, users: DataFrame) -> DataFrame:
    """One row per (campaign, user) of the audience with what `counted_events` counted for it, 0 where nothing was.

    `segment` is the user's in silver.users, `unknown` where none is declared. Money is in the declared currency.
    """
    converted_at = F.min(F.when(F.col("n_conversions") > 0, F.col("event_at"))).alias("first_conversion_at")
    by_user = counted.groupBy("campaign_id", "user_id").agg(*(F.sum(name).alias(name) for name in SUMS), converted_at)
    # Neither join multiplies rows: `by_user` has one row per (campaign, user), silver.users one per user.
    outcomes = (
        audience.select("campaign_id", "user_id", "variant")
        .join(by_user, on=["campaign_id", "user_id"], how="left")
        .join(users.select("user_id", "segment"), on="user_id", how="left")
        .fillna(0, list(SUMS))
        .withColumn("segment", F.coalesce("segment", F.lit(UNKNOWN_SEGMENT)))
        .withColumn("is_converted", F.col("n_conversions") > 0)
    )
    return conform(outcomes, CAMPAIGN_OUTCOMES)


def counted_events(events: DataFrame, campaigns: DataFrame, audience: DataFrame, campaign_items: DataFrame) -> DataFrame:
    """What every event adds to every campaign it counts for.

    Columns: campaign_id, user_id, variant, event_at (UTC), event_date, and what is added: n_sends, n_impressions,
    n_clicks, n_conversions (0 or 1), revenue, discount and cost (decimal(18,4), never null).

    An event counts for a campaign only if its user is in the audience. Sends count whenever they happened (a mailing
    goes out before its campaign starts) and cost the campaign's `unit_cost`; everything else counts in
    [start_at, end_at). Impressions, clicks and redemptions count for the campaign they name; a purchase counts for
    every campaign that then promotes its item: so a sale may be revenue of two campaigns, and revenue adds up over
    users and days, but over campaigns it is attributed, not earned. Refunds are not subtracted. A campaign that
    silver.campaigns does not declare has no time and no cost: nothing counts for it.
    """
    touches = _touches(events, campaigns)
    sales = _sales(events, campaigns, campaign_items)
    # silver.campaign_audience has one row per (campaign, user): this join only drops rows.
    return touches.unionByName(sales).join(audience.select("campaign_id", "user_id", "variant"), on=["campaign_id", "user_id"], how="inner")


def _touches(events: DataFrame, campaigns: DataFrame) -> DataFrame:
    """Sends, impressions, clicks and redemptions of the campaign they name."""
    counts = [F.col("event_type").isin(*types).cast("bigint").alias(name) for name, types in COUNTED_TYPES.items()]
    is_send = F.col("event_type") == "campaign_send"
    known = [name for types in COUNTED_TYPES.values() for name in types]
    named = events.where(F.col("event_type").isin(*known)).join(campaigns.select(*_CAMPAIGN_COLUMNS), on="campaign_id", how="inner")
    return named.where(is_send | _while_it_runs()).select(
        *_EVENT_COLUMNS,
        *counts,
        _money(F.lit(0)).alias("revenue"),
        _money(F.lit(0)).alias("discount"),
        _money(F.when(is_send, F.col("unit_cost")).otherwise(0)).alias("cost"),
    )


def _sales(events: DataFrame, campaigns: DataFrame, campaign_items: DataFrame) -> DataFrame:
    """Purchases of a campaign's items while it runs, by anyone.

    The item is joined before the audience: with the time in the join's condition, a purchase meets only the campaigns
    that promote its item at that moment, a handful. Joined by user first it would meet every campaign that ever
    reached the user, a number that grows with the years.
    """
    running = campaigns.select(*_CAMPAIGN_COLUMNS)
    promoted = campaign_items.join(running, on="campaign_id", how="inner").select("item_id", *_CAMPAIGN_COLUMNS)
    purchases = events.where(F.col("event_type") == "purchase").drop("campaign_id").alias("purchase")
    is_promoted = F.col("purchase.item_id") == F.col("promoted.item_id")
    matched = purchases.join(promoted.alias("promoted"), on=is_promoted & _while_it_runs(), how="inner")
    return matched.select(
        *_EVENT_COLUMNS,
        *(F.lit(0).cast("bigint").alias(name) for name in COUNTED_TYPES),
        _money(F.coalesce("value", F.lit(0))).alias("revenue"),
        _money(F.coalesce("discount", F.lit(0))).alias("discount"),
        _money(F.lit(0)).alias("cost"),
    )


def _while_it_runs() -> Column:
    return (F.col("start_at") <= F.col("event_at")) & (F.col("event_at") < F.col("end_at"))


def _money(column: Column) -> Column:
    return column.cast("decimal(18,4)")
