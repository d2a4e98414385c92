"""What each user of a campaign's audience did: gold.campaign_outcomes.

`counted_events` says which event counts for which campaign, and how much. Outcomes sum it by user, daily KPIs by day:
so the two agree by construction.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.tables.frames import conform
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES

COUNTED_TYPES: dict[str, tuple[str, ...]] = {
    "n_sends": ("campaign_send",),
    "n_impressions": ("impression", "campaign_open"),
    "n_opens": ("campaign_open",),
    "n_clicks": ("click", "campaign_click"),
    "n_conversions": ("coupon_redeem",),
    "n_unsubscribes": ("unsubscribe",),
}
"""Which event types each count counts. An opened message is an impression: it was seen."""

SALE_COUNTS = ("n_purchases", "n_exclusive_purchases", "n_refunds", "n_unpriced")
MONEY = ("revenue", "exclusive_revenue", "refunds", "discount", "cost")
SUMS = (*COUNTED_TYPES, *SALE_COUNTS, *MONEY)
"""The columns of `counted_events` that add up over users and days."""

UNKNOWN_SEGMENT = "unknown"

FIRST_TIMES = {"first_impression_at": "n_impressions", "first_click_at": "n_clicks", "first_conversion_at": "n_conversions"}
"""What each first time of an outcome is the first of."""

_EVENT_COLUMNS = ("campaign_id", "user_id", "event_at", "event_date", "recommendation_id")


def build_outcomes(counted: DataFrame, audience: DataFrame, users: DataFrame, *, rates_version: str | None = None) -> DataFrame:
    """One row per (campaign, user) of the audience with what `counted_events` counted for it, 0 where nothing was.

    `segment` is the user's in silver.users, `unknown` where none is declared. Money is in the declared currency.
    """
    first = (F.min(F.when(F.col(count) > 0, F.col("event_at"))).alias(name) for name, count in FIRST_TIMES.items())
    by_user = counted.groupBy("campaign_id", "user_id").agg(*(F.sum(name).alias(name) for name in SUMS), *first)
    # Neither join multiplies rows: `by_user` has one row per (campaign, user), silver.users one per user.
    outcomes = (
        audience.select("campaign_id", "user_id", "variant")
        .join(by_user, on=["campaign_id", "user_id"], how="left")
        .join(users.select("user_id", "segment"), on="user_id", how="left")
        .fillna(0, list(SUMS))
        .withColumn("segment", F.coalesce("segment", F.lit(UNKNOWN_SEGMENT)))
        .withColumns({"is_converted": F.col("n_conversions") > 0, "rates_version": F.lit(rates_version)})
    )
    return conform(outcomes, CAMPAIGN_OUTCOMES)


def counted_events(events: DataFrame, campaigns: DataFrame, audience: DataFrame, campaign_items: DataFrame) -> DataFrame:
    """What every event adds to every campaign it counts for.

    Columns: campaign_id, user_id, variant, channel, recommendation_id?, event_at (UTC), event_date, and the columns `SUMS`:
    counts (0 or 1) and money (decimal(18,4), never null).

    `events` hold money in one currency (see `inputs.in_currency`); one with a currency and no value had no rate: it adds to
    `n_unpriced` and no money. An event counts for a campaign only if its user is in the audience. Sends count whenever they
    happened (a mailing goes out before its campaign starts) and cost the campaign's `unit_cost`; everything else counts in
    [start_at, end_at), without end where none is set. Impressions, opens, clicks, redemptions and unsubscribes count for the
    campaign they name; a purchase or refund counts for every campaign that then promotes its item, and for the one it names
    where that lists no items (it is a conversion there). So a sale may be `revenue` of two campaigns: revenue adds up over users
    and days, but over campaigns it is attributed, not earned; `exclusive_revenue` gives each sale to one campaign. Refunds stand
    beside revenue, not subtracted, even where they exceed it. A campaign that silver.campaigns does not declare has no time and
    no cost: nothing counts for it. `channel` is the event's, else the campaign's.
    """
    listing = campaign_items.select("campaign_id").distinct().withColumn("lists_items", F.lit(True))
    known = campaigns.join(listing, on="campaign_id", how="left").withColumn("lists_items", F.coalesce("lists_items", F.lit(False)))
    members = audience.select("campaign_id", "user_id", "variant")
    # silver.campaign_audience has one row per (campaign, user): these joins only drop rows.
    touches = _touches(events, known).join(members, on=["campaign_id", "user_id"], how="inner")
    sales = _sales(events, known, campaign_items).join(members, on=["campaign_id", "user_id"], how="inner")
    return touches.unionByName(_exclusive(sales))


def _touches(events: DataFrame, campaigns: DataFrame) -> DataFrame:
    """What counts for the campaign it names: messages and what follows them, and sales where the campaign lists no items."""
    is_send, is_sale = F.col("event_type") == "campaign_send", F.col("event_type").isin("purchase", "refund")
    types = {name for types in COUNTED_TYPES.values() for name in types}
    named = events.where(F.col("event_type").isin("purchase", "refund", *sorted(types))).alias("event")
    matched = named.join(F.broadcast(campaigns.alias("campaign")), on="campaign_id", how="inner")
    counts = {name: F.col("event_type").isin(*types) for name, types in COUNTED_TYPES.items()}
    counts["n_conversions"] |= F.col("event_type") == "purchase"
    counted = matched.where(is_send | (_while_it_runs() & ~(is_sale & F.col("lists_items"))))
    money = _sale_sums() | {"cost": _money(F.when(is_send, F.col("unit_cost")).otherwise(0))}
    money |= {"n_exclusive_purchases": money["n_purchases"], "exclusive_revenue": money["revenue"]}
    sums = {name: column.cast("bigint") for name, column in counts.items()} | money
    return counted.select(*_EVENT_COLUMNS, _channel(), *(sums[name].alias(name) for name in SUMS))


def _sales(events: DataFrame, campaigns: DataFrame, campaign_items: DataFrame) -> DataFrame:
    """Purchases and refunds of a campaign's items while it runs, by anyone; with what `_exclusive` needs.

    The item is joined before the audience: with the time in the join's condition, a purchase meets only the campaigns
    that promote its item at that moment, a handful. Joined by user first it would meet every campaign that ever
    reached the user, a number that grows with the years.
    """
    promoted = campaign_items.join(campaigns, on="campaign_id", how="inner").withColumnRenamed("channel", "campaign_channel")
    sold = events.where(F.col("event_type").isin("purchase", "refund")).drop("campaign_id").alias("event")
    is_promoted = F.col("event.item_id") == F.col("campaign.item_id")
    matched = sold.join(promoted.alias("campaign"), on=is_promoted & _while_it_runs(), how="inner")
    sums = {name: F.lit(0).cast("bigint") for name in COUNTED_TYPES} | _sale_sums() | {"cost": _money(F.lit(0))}
    return matched.select(
        "event_id", "start_at", *_EVENT_COLUMNS, _channel("campaign_channel"), *(sums[name].alias(name) for name in SUMS if name in sums)
    )


def _exclusive(sales: DataFrame) -> DataFrame:
    """Give each sale to one of the campaigns it counts for: the one that began last, ties by the larger id."""
    latest = Window.partitionBy("event_id").orderBy(F.desc("start_at"), F.desc("campaign_id"))
    is_first = F.row_number().over(latest) == 1
    return (
        sales.withColumn("__is_first", is_first)
        .withColumn("n_exclusive_purchases", F.when(F.col("__is_first"), F.col("n_purchases")).otherwise(0))
        .withColumn("exclusive_revenue", F.when(F.col("__is_first"), F.col("revenue")).otherwise(_money(F.lit(0))))
        .drop("__is_first", "event_id", "start_at")
    )


def _sale_sums() -> dict[str, Column]:
    """What a purchase or refund adds, 0 for other events."""
    is_purchase, is_refund = F.col("event_type") == "purchase", F.col("event_type") == "refund"
    is_unpriced = F.col("value").isNull() & F.col("currency").isNotNull() & (is_purchase | is_refund)
    return {
        "n_purchases": is_purchase.cast("bigint"),
        "n_refunds": is_refund.cast("bigint"),
        "n_unpriced": is_unpriced.cast("bigint"),
        "revenue": _money(F.when(is_purchase, F.coalesce("value", F.lit(0))).otherwise(0)),
        "refunds": _money(F.when(is_refund, F.coalesce("value", F.lit(0))).otherwise(0)),
        "discount": _money(F.when(is_purchase, F.coalesce("discount", F.lit(0))).otherwise(0)),
    }


def _channel(of_campaign: str = "campaign.channel") -> Column:
    return F.coalesce("event.channel", of_campaign).alias("channel")


def _while_it_runs() -> Column:
    """Half-open: a campaign without end runs on."""
    is_over = F.coalesce(F.col("event_at") >= F.col("end_at"), F.lit(False))
    return (F.col("start_at") <= F.col("event_at")) & ~is_over


def _money(column: Column) -> Column:
    return column.cast("decimal(18,4)")
