"""What each user of a campaign's audience did: gold.campaign_outcomes.

`counted_events` says which event counts for which campaign, `COUNTS` and `MONEY` what it adds to. Outcomes sum it by user, daily
KPIs by day: so the two agree by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.tables.frames import conform
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES

COUNTS: dict[str, str] = {
    "n_sends": "event_type = 'campaign_send'",
    "n_impressions": "event_type IN ('impression', 'campaign_open')",  # an opened message is an impression: it was seen
    "n_opens": "event_type = 'campaign_open'",
    "n_clicks": "event_type IN ('click', 'campaign_click')",
    "n_conversions": "event_type = 'coupon_redeem' OR (event_type = 'purchase' AND is_named)",
    "n_unsubscribes": "event_type = 'unsubscribe'",
    "n_purchases": "event_type = 'purchase'",
    "n_exclusive_purchases": "event_type = 'purchase' AND is_exclusive",
    "n_refunds": "event_type = 'refund'",
    "n_unpriced": "is_unpriced",
}
"""Which rows of `counted_events` each count counts."""

MONEY: dict[str, tuple[str, str]] = {
    "revenue": ("amount", "n_purchases"),
    "exclusive_revenue": ("amount", "n_exclusive_purchases"),
    "refunds": ("amount", "n_refunds"),
    "discount": ("discount", "n_purchases"),
    "cost": ("amount", "n_sends"),
}
"""Which column of `counted_events` each sum of money sums, and over the rows of which count."""

SUMS = (*COUNTS, *MONEY)
"""What adds up over users and days."""

SALES = ("purchase", "refund")
COUNTED_TYPES = ("campaign_send", "impression", "campaign_open", "click", "campaign_click", "coupon_redeem", "unsubscribe", *SALES)
"""Types of the events that count for the campaign they name."""

UNKNOWN_SEGMENT = "unknown"

FIRST_TIMES = {"first_impression_at": "n_impressions", "first_click_at": "n_clicks", "first_conversion_at": "n_conversions"}
"""What each first time of an outcome is the first of."""

_EVENT_COLUMNS = ("event_type", "user_id", "event_at", "event_date", "recommendation_id", "discount", "is_unpriced")


def build_outcomes(counted: DataFrame, members: DataFrame, *, rates_version: str | None = None) -> DataFrame:
    """One row per (campaign, user) of `members` with what `counted_events` counted for it, 0 where nothing was.

    Money is in the declared currency.
    """
    first = (F.expr(f"min(event_at) FILTER (WHERE {COUNTS[count]})").alias(name) for name, count in FIRST_TIMES.items())
    by_user = summed(counted, ("campaign_id", "user_id"), *first)
    # Both sides have one row per (campaign, user): the join does not multiply them.
    outcomes = (
        members.join(by_user, on=["campaign_id", "user_id"], how="left")
        .fillna(0, list(SUMS))
        .withColumns({"is_converted": F.col("n_conversions") > 0, "rates_version": F.lit(rates_version)})
    )
    return conform(outcomes, CAMPAIGN_OUTCOMES)


def with_segment(audience: DataFrame, users: DataFrame) -> DataFrame:
    """The members of campaigns: campaign_id, user_id, variant, and `segment` of silver.users, `unknown` where none is declared."""
    segments = users.select("user_id", "segment")  # one row per user
    members = audience.select("campaign_id", "user_id", "variant").join(segments, on="user_id", how="left")
    return members.withColumn("segment", F.coalesce("segment", F.lit(UNKNOWN_SEGMENT)))


def summed(counted: DataFrame, group: Sequence[str], *more: Column) -> DataFrame:
    """`SUMS` (counts bigint, money decimal(28,4), never null) of rows of `counted_events` by `group`, and `more` aggregates.

    Only here, after the joins, does a row become all it may add to: on its way it is as narrow as the event. A filtered sum
    passes over the rows that are not its own, which are nearly all: decimals are added for sales and sends alone.
    """
    counts = {name: f"count_if({condition})" for name, condition in COUNTS.items()}
    money = {name: f"coalesce(sum({column}) FILTER (WHERE {COUNTS[count]}), 0)" for name, (column, count) in MONEY.items()}
    return counted.groupBy(*group).agg(*(F.expr(sql).alias(name) for name, sql in (counts | money).items()), *more)


def counted_events(events: DataFrame, campaigns: DataFrame, members: DataFrame, campaign_items: DataFrame) -> DataFrame:
    """Every event once for every campaign it counts for.

    Columns: campaign_id, user_id, variant, segment, channel, event_type, event_at (UTC), event_date, recommendation_id?,
    amount? (decimal(18,4): the value of a sale, what a send costs), discount? (decimal(18,4)), is_unpriced (a sale in a money
    without a rate that day), is_named (counts because the event names the campaign, not because of its item), is_exclusive
    (counts for no other campaign). `COUNTS` and `MONEY` say what such a row adds to.

    `events` hold money in one currency (see `inputs.in_currency`), `members` are `with_segment`'s. One with a currency and no value
    had no rate: it adds to `n_unpriced` and no money. An event counts for a campaign only if its user is a member. Sends count
    whenever they happened (a mailing goes out before its campaign starts) and cost the campaign's `unit_cost`; everything else
    counts in [start_at, end_at), without end where none is set. Impressions, opens, clicks, redemptions and unsubscribes count for
    the campaign they name; a purchase or refund counts for every campaign that then promotes its item, and for the one it names
    where that lists no items (it is a conversion there). So a sale may be `revenue` of two campaigns: revenue adds up over users
    and days, but over campaigns it is attributed, not earned; `exclusive_revenue` gives each sale to one campaign. Refunds stand
    beside revenue, not subtracted, even where they exceed it. A campaign that silver.campaigns does not declare has no time and
    no cost: nothing counts for it. `channel` is the event's, else the campaign's.
    """
    listing = campaign_items.select("campaign_id").distinct().withColumn("lists_items", F.lit(True))
    known = campaigns.join(listing, on="campaign_id", how="left").withColumn("lists_items", F.coalesce("lists_items", F.lit(False)))
    is_unpriced = F.col("event_type").isin(*SALES) & F.col("value").isNull() & F.col("currency").isNotNull()
    judged = events.withColumn("is_unpriced", is_unpriced)
    # One row per (campaign, user): these joins only drop rows.
    touches = _of_members(_touches(judged, known), members)
    named = touches.withColumns({"is_named": F.lit(True), "is_exclusive": F.lit(True)})
    if campaign_items.isEmpty():  # to ask is cheaper than to plan a second pass over the events that finds nothing
        return named
    sales = _of_members(_sales(judged, known, campaign_items), members)
    return named.unionByName(_exclusive(sales).withColumn("is_named", F.lit(False)))


def _touches(events: DataFrame, campaigns: DataFrame) -> DataFrame:
    """What counts for the campaign it names: messages and what follows them, and sales where the campaign lists no items."""
    is_send, is_sale = F.col("event_type") == "campaign_send", F.col("event_type").isin(*SALES)
    named = events.where(F.col("event_type").isin(*COUNTED_TYPES)).alias("event")
    matched = named.join(F.broadcast(campaigns.alias("campaign")), on="campaign_id", how="inner")
    counted = matched.where(is_send | (_while_it_runs() & ~(is_sale & F.col("lists_items"))))
    amount = F.when(is_send, F.col("unit_cost")).otherwise(F.col("value")).alias("amount")
    return counted.select("campaign_id", *_EVENT_COLUMNS, _channel(), amount)


def _sales(events: DataFrame, campaigns: DataFrame, campaign_items: DataFrame) -> DataFrame:
    """Purchases and refunds of a campaign's items while it runs, by anyone; with what `_exclusive` needs.

    The item is joined before the audience: with the time in the join's condition, a purchase meets only the campaigns
    that promote its item at that moment, a handful. Joined by user first it would meet every campaign that ever
    reached the user, a number that grows with the years.
    """
    promoted = campaign_items.join(campaigns, on="campaign_id", how="inner").withColumnRenamed("channel", "campaign_channel")
    sold = events.where(F.col("event_type").isin(*SALES)).drop("campaign_id").alias("event")
    is_promoted = F.col("event.item_id") == F.col("campaign.item_id")
    matched = sold.join(promoted.alias("campaign"), on=is_promoted & _while_it_runs(), how="inner")
    amount = F.col("value").alias("amount")
    return matched.select("event_id", "start_at", "campaign_id", *_EVENT_COLUMNS, _channel("campaign_channel"), amount)


def _of_members(counted: DataFrame, members: DataFrame) -> DataFrame:
    """The rows of `counted` whose user is a member of their campaign, with the member's variant and segment.

    Both sides meet by one 64-bit hash of campaign and user, and only then are these compared: Spark looks up a long in two thirds
    of the time that two strings take. The comparison is written as an order, of which Spark makes no further key.
    """
    key = ("campaign_id", "user_id")
    rows, audience = (frame.withColumn("__pair", F.xxhash64(*key)) for frame in (counted, members))
    same = (F.col(f"row.{name}").between(F.col(f"member.{name}"), F.col(f"member.{name}")) for name in key)
    joined = rows.alias("row").join(audience.alias("member"), reduce(and_, same, F.col("row.__pair") == F.col("member.__pair")), "inner")
    return joined.select("row.*", "member.variant", "member.segment").drop("__pair")


def _exclusive(sales: DataFrame) -> DataFrame:
    """Give each sale to one of the campaigns it counts for: the one that began last, ties by the larger id."""
    latest = Window.partitionBy("event_id").orderBy(F.desc("start_at"), F.desc("campaign_id"))
    return sales.withColumn("is_exclusive", F.row_number().over(latest) == 1).drop("event_id", "start_at")


def _channel(of_campaign: str = "campaign.channel") -> Column:
    return F.coalesce("event.channel", of_campaign).alias("channel")


def _while_it_runs() -> Column:
    """Half-open: a campaign without end runs on."""
    is_over = F.coalesce(F.col("event_at") >= F.col("end_at"), F.lit(False))
    return (F.col("start_at") <= F.col("event_at")) & ~is_over
