"""silver.events as campaigns count them: late ones on the day they happened, all money in one currency."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.outcomes import counted_events, with_segment
from mapping_spark.errors import ConfigError
from mapping_spark.tables.contract import Table
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS, CAMPAIGNS, CURRENCY_RATES, EVENTS, LATE_EVENTS, USERS

INPUTS = (EVENTS, LATE_EVENTS, CAMPAIGNS, CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS, CURRENCY_RATES, USERS)
"""What is read to count events for campaigns."""

MAX_BROADCAST_MEMBERS = 2_000_000
"""Members (campaign and user) up to which every executor gets them all, some 150 bytes each, and no event is shuffled to be joined.
As many users at most: a broadcast that waits for a join with many more would run into Spark's time limit."""


def with_late(events: DataFrame, late: DataFrame) -> DataFrame:
    """silver.events and those of silver.late_events that it does not hold: an event delivered again long after is late, and known."""
    if late.isEmpty():  # as mostly: to ask is cheaper than to plan two more passes over the events
        return events
    again = events.select("event_id").join(late.select("event_id"), on="event_id", how="left_semi")  # as few as are late
    return events.unionByName(late.join(again, on="event_id", how="left_anti"))


def declared_currency(events: DataFrame, currency: str | None) -> str | None:
    """The configured currency, else the only one of the events (null where no money moved). Raises `ConfigError` where there are two."""
    if currency is not None:
        return currency
    found = sorted(row["currency"] for row in events.where("currency IS NOT NULL").select("currency").distinct().limit(3).collect())
    if len(found) > 1:
        raise ConfigError(
            "campaigns.currency", f"null, and events in {', '.join(found)}", "an ISO 4217 code", "Set it, and declare rates of the others."
        )
    return found[0] if found else None


def in_currency(events: DataFrame, rates: DataFrame, currency: str | None) -> DataFrame:
    """The events with `value`, `discount` and `currency` in the declared currency, decimal(18,4), rounded half up.

    `rates` is silver.currency_rates: a rate holds on the business days [valid_from, valid_to), and at most one on each. Money in a
    currency without a rate that day is never taken as it is: `value` and `discount` are null, `currency` stays the foreign one.
    Where no money moved all three are null or untouched, and no rate is looked for.
    """
    holds = (
        (F.col("event.currency") == F.col("rate.currency"))
        & (F.col("rate.valid_from") <= F.col("event.event_date"))
        & F.coalesce(F.col("event.event_date") < F.col("rate.valid_to"), F.lit(True))
    )
    # At most one rate of a currency holds on a day, so that the join cannot multiply events.
    rated = events.alias("event").join(F.broadcast(rates.alias("rate")), on=holds, how="left")
    is_own = F.col("event.currency") == F.lit(currency)
    rate = F.when(is_own, F.lit(1)).otherwise(F.col("rate.rate")).cast("decimal(18,8)")
    money = {name: (F.col(f"event.{name}") * rate).cast("decimal(18,4)") for name in ("value", "discount")}
    is_moved = F.col("event.value").isNotNull()
    code = F.when(is_moved, F.when(rate.isNotNull(), F.lit(currency)).otherwise(F.col("event.currency")))
    return rated.select(*({name: F.col(f"event.{name}") for name in events.columns} | money | {"currency": code}).values()).toDF(
        *events.columns
    )


def priced(events: DataFrame, rates: DataFrame, currency: str | None) -> DataFrame:
    """`in_currency`, in the configured currency, else the only one of the events. Raises `ConfigError` where there are two."""
    return in_currency(events, rates, declared_currency(events, currency))


def without_overlap(rates: DataFrame) -> DataFrame:
    """Rates as delivered, each ending at the latest where the next one of its currency begins."""
    following = F.expr("lead(valid_from) OVER (PARTITION BY currency ORDER BY valid_from)")
    return rates.withColumn("valid_to", F.least("valid_to", following))


def members_of(read: Callable[[Table], DataFrame]) -> DataFrame:
    """`outcomes.with_segment` of the audience and the users, as `read` gives them."""
    return with_segment(read(CAMPAIGN_AUDIENCE), read(USERS))


def counted_events_of(read: Callable[[Table], DataFrame], currency: str | None, days: Sequence[dt.date] | None = None) -> DataFrame:
    """`outcomes.counted_events` over the tables `INPUTS`, each as `read` gives it; of some business days only, where `days` names them."""
    events = with_late(read(EVENTS), read(LATE_EVENTS))
    of_days = events if days is None else events.where(F.col("event_date").isin(list(days)))
    priced = in_currency(of_days, read(CURRENCY_RATES), declared_currency(events, currency))
    audience, users = read(CAMPAIGN_AUDIENCE), read(USERS)
    if max(audience.count(), users.count()) <= MAX_BROADCAST_MEMBERS:  # from Delta's statistics, without a scan
        return counted_events(priced, read(CAMPAIGNS), F.broadcast(with_segment(audience, users)), read(CAMPAIGN_ITEMS))
    if days is not None:
        active = of_days.select("user_id").distinct()  # of a few days a small part: who else is a member need not be joined
        audience, users = (table.join(active, on="user_id", how="left_semi") for table in (audience, users))
    return counted_events(priced, read(CAMPAIGNS), with_segment(audience, users), read(CAMPAIGN_ITEMS))
