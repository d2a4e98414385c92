"""gold.channel_attribution: the rules' credits by channel, and those of the methods that look at all journeys together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F

from mapping_spark.campaign.apportion import apportion
from mapping_spark.campaign.attribution import UNATTRIBUTED, UNITS, build_attributed, orders, paths, touches
from mapping_spark.campaign.markov_attribution import CONVERSION, NOTHING, State, removal_effects
from mapping_spark.campaign.settings import AttributionConfig
from mapping_spark.campaign.shapley import conversion_rates, conversion_shares, shapley
from mapping_spark.tables.attribution import ATTRIBUTED_CONVERSIONS, CHANNEL_ATTRIBUTION
from mapping_spark.tables.frames import rows
from mapping_spark.tables.store import Store

MARKOV_ORDERS = (1, 2)
SHAPLEY, SHAPLEY_RATE = "shapley", "shapley_rate"


@dataclass(frozen=True, slots=True)
class _Method:
    """One method's weights by channel, and further columns by channel."""

    name: str
    of_orders: Mapping[str, float]
    of_revenue: Mapping[str, float]
    noted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def rows(self, channels: Sequence[str], n_orders: Decimal, revenue: Decimal) -> Iterator[dict[str, Any]]:
        """The totals parted by the weights; a weight below 0 gets nothing."""
        weights = ([max(of.get(channel, 0.0), 0.0) for channel in channels] for of in (self.of_orders, self.of_revenue))
        parts = (_parts(total, of) for total, of in zip((n_orders, revenue), weights, strict=True))
        for channel, n, money in zip(channels, *parts, strict=True):
            facts = {name: of.get(channel, 0.0) for name, of in self.noted.items()}
            yield {"method": self.name, "channel": channel, "conversions": n, "revenue": money} | facts


def build_channels(
    attributed: DataFrame, journeys: DataFrame, lost: DataFrame, config: AttributionConfig, *, as_of: dt.date, seed: int
) -> DataFrame:
    """One row per (method, channel): the sums of `attributed`, and Markov's and Shapley's parts of the same totals.

    `journeys` is `attribution.paths`, `lost` is `lost_paths`. What reaches the driver is counts by channel, by set of channels and
    by transition, not by user. Orders without a touch stay `(unattributed)` under every method.
    """
    sums = attributed.groupBy("method", "channel").agg(F.sum("conversions").alias("conversions"), F.sum("revenue").alias("revenue"))
    by_rule = [row.asDict() for row in sums.collect()]  # one row per rule and channel
    touched = [row for row in by_rule if row["method"] == "last" and row["channel"] != UNATTRIBUTED]
    n_orders, revenue = (sum((row[name] for row in touched), Decimal(0)) for name in ("conversions", "revenue"))
    untouched = [row for row in by_rule if row["method"] == "last" and row["channel"] == UNATTRIBUTED]
    channels = sorted({row["channel"] for row in by_rule} - {UNATTRIBUTED})
    found = list(by_rule)
    for method in (*_markov(journeys, lost), *_shapley(journeys, lost, config, seed)):
        found += [*method.rows(channels, n_orders, revenue), *(row | {"method": method.name} for row in untouched)]
    return rows(attributed.sparkSession, CHANNEL_ATTRIBUTION, *({"as_of_date": as_of} | row for row in found))


def _markov(journeys: DataFrame, lost: DataFrame) -> Iterator[_Method]:
    for order in MARKOV_ORDERS:
        effects = removal_effects(_counts(transition_counts(journeys, lost, order).collect()), order)
        yield _Method(f"markov_{order}", effects, effects, {"removal_effect": effects})


def _shapley(journeys: DataFrame, lost: DataFrame, config: AttributionConfig, seed: int) -> Iterator[_Method]:
    """The games of the settings. What reaches the driver is one row per set of channels that occurs."""
    sets = {frozenset(row.channels): row for row in channel_sets(journeys).collect()}
    if "conversions" in config.shapley_games:
        of_orders, of_revenue = (
            conversion_shares({key: float(row[name]) for key, row in sets.items()}) for name in ("n_orders", "revenue")
        )
        yield _Method(SHAPLEY, of_orders, of_revenue)
    if "conversion_rate" in config.shapley_games:
        n_lost = {frozenset(row.channels): row.n_orders for row in channel_sets(lost.withColumn("value", F.lit(0))).collect()}
        n_sold = {key: row.n_orders for key, row in sets.items()}
        counts = {key: (n_sold.get(key, 0), n_sold.get(key, 0) + n_lost.get(key, 0)) for key in n_sold | n_lost}
        channels = sorted({channel for key in counts for channel in key})
        found = shapley(channels, conversion_rates(channels, counts), seed=seed)
        yield _Method(SHAPLEY_RATE, found.values, found.values, {"sampling_error": found.errors})


def lost_paths(journeys: DataFrame, touched: DataFrame, as_of: dt.date, config: AttributionConfig) -> DataFrame:
    """(path): the touches that no order followed within the window, oldest first: journeys that ended in nothing.

    A user's next such journey begins where no touch came for a window's length. Touches before the first day of `orders` are left
    out: an order before that day may have followed. Those of the last window count as lost although one may still follow.
    """
    led = F.concat("path.touch_event_id", "cut")  # also those too many to be credited
    used = journeys.select(F.explode(led).alias("touch_event_id")).distinct()  # a touch may lead to several orders
    is_counted = F.col("event_date") >= F.lit(as_of - dt.timedelta(days=config.days))
    unused = touched.where(is_counted).select("user_id", "event_at", "touch", F.col("touch.touch_event_id").alias("touch_event_id"))
    by_user = Window.partitionBy("user_id").orderBy("event_at", "touch_event_id")
    gap = F.unix_seconds("event_at") - F.unix_seconds(F.lag("event_at").over(by_user))
    begins = F.coalesce(gap > config.window_days * 86_400, F.lit(True)).cast("int")
    left = unused.join(used, on="touch_event_id", how="left_anti").withColumn("begins", begins)
    numbered = left.withColumn("journey", F.sum("begins").over(by_user.rowsBetween(Window.unboundedPreceding, Window.currentRow)))
    sorted_path = F.sort_array(F.collect_list("touch"))
    latest = F.slice(sorted_path, F.greatest(F.lit(1), F.size(sorted_path) - config.max_touches + 1), F.lit(config.max_touches))
    return numbered.groupBy("user_id", "journey").agg(latest.alias("path")).select("path")


def transition_counts(journeys: DataFrame, lost: DataFrame, order: int) -> DataFrame:
    """(state array<string>, next, n): steps of all journeys with a touch; `next` is a channel, `(conversion)` or `(null)`.

    The state before a step is the last `order` channels. Counts add up over journeys, days and sources.
    """
    ends = journeys.select("path", F.lit(CONVERSION).alias("end")).unionByName(lost.select("path", F.lit(NOTHING).alias("end")))
    named = ends.where(F.size("path") > 0).select(F.concat(F.col("path.channel"), F.array("end")).alias("steps"))
    steps = named.select("steps", F.posexplode("steps").alias("at", "next"))
    state = F.slice("steps", F.greatest(F.lit(1), F.col("at") - order + 1), F.least(F.col("at"), F.lit(order)))
    return steps.select(state.alias("state"), "next").groupBy("state", "next").agg(F.count(F.lit(1)).alias("n"))


def channel_sets(journeys: DataFrame) -> DataFrame:
    """(channels array<string>, n_orders, revenue): journeys (path, value) with a touch by the set of channels touched."""
    touched = journeys.where(F.size("path") > 0).withColumn("channels", F.array_sort(F.array_distinct("path.channel")))
    return touched.groupBy("channels").agg(F.count(F.lit(1)).alias("n_orders"), F.sum("value").alias("revenue"))


def _counts(steps: Sequence[Row]) -> Mapping[tuple[State, str], float]:
    return {(tuple(row.state), row.next): float(row.n) for row in steps}


def _parts(total: Decimal, weights: Sequence[float]) -> list[Decimal]:
    """The total parted by weights, to four decimals, summing to it."""
    return [Decimal(int(part)) / UNITS for part in apportion(int(total * UNITS), np.array(weights))] if weights else []


def attribute(store: Store, events: DataFrame, config: AttributionConfig, as_of: dt.date, seed: int) -> None:
    """Replace gold.attributed_conversions, then gold.channel_attribution from what was written."""
    touched = touches(events, as_of, config)
    journeys = paths(orders(events, as_of, config), touched, config).persist()
    store.replace_slice(ATTRIBUTED_CONVERSIONS, build_attributed(journeys, config), {})
    lost = lost_paths(journeys, touched, as_of, config)
    channels = build_channels(store.read(ATTRIBUTED_CONVERSIONS), journeys, lost, config, as_of=as_of, seed=seed)
    store.replace_slice(CHANNEL_ATTRIBUTION, channels, {})
    journeys.unpersist()
