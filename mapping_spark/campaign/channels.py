"""gold.channel_attribution: the rules' credits by channel, and those of the methods that look at all journeys together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F

from mapping_spark.campaign.apportion import apportion
from mapping_spark.campaign.attribution import UNATTRIBUTED, UNITS, build_attributed, orders, paths, touches
from mapping_spark.campaign.markov_attribution import CONVERSION, NOTHING, State, removal_effects
from mapping_spark.campaign.settings import AttributionConfig
from mapping_spark.campaign.shapley import conversion_shares
from mapping_spark.tables.attribution import ATTRIBUTED_CONVERSIONS, CHANNEL_ATTRIBUTION
from mapping_spark.tables.frames import rows
from mapping_spark.tables.store import Store

MARKOV_ORDERS = (1, 2)
SHAPLEY = "shapley"


def build_channels(attributed: DataFrame, journeys: DataFrame, lost: DataFrame, *, as_of: dt.date) -> DataFrame:
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
    for order in MARKOV_ORDERS:
        effects = removal_effects(_counts(transition_counts(journeys, lost, order).collect()), order)
        weights = [effects.get(channel, 0.0) for channel in channels]
        method = {"method": f"markov_{order}"}
        parts = zip(channels, _parts(n_orders, weights), _parts(revenue, weights), weights, strict=True)
        found += [method | {"channel": c, "conversions": n, "revenue": r, "removal_effect": e} for c, n, r, e in parts]
        found += [row | method for row in untouched]
    sets = channel_sets(journeys).collect()  # one row per set of channels that occurs
    shares = [conversion_shares({frozenset(row.channels): float(row[name]) for row in sets}) for name in ("n_orders", "revenue")]
    of_orders, of_revenue = ([share.get(channel, 0.0) for channel in channels] for share in shares)
    parts_of = zip(channels, _parts(n_orders, of_orders), _parts(revenue, of_revenue), strict=True)
    found += [{"method": SHAPLEY, "channel": c, "conversions": n, "revenue": r} for c, n, r in parts_of]
    found += [row | {"method": SHAPLEY} for row in untouched]
    return rows(attributed.sparkSession, CHANNEL_ATTRIBUTION, *({"as_of_date": as_of} | row for row in found))


def lost_paths(journeys: DataFrame, touched: DataFrame, config: AttributionConfig) -> DataFrame:
    """(path): the touches that no order followed within the window, oldest first: journeys that ended in nothing.

    A user's next such journey begins where no touch came for a window's length.
    """
    used = journeys.select(F.explode("path.touch_event_id").alias("touch_event_id")).distinct()  # a touch may lead to several orders
    unused = touched.select("user_id", "event_at", "touch", F.col("touch.touch_event_id").alias("touch_event_id"))
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
    """(channels array<string>, n_orders, revenue): orders with a touch by the set of channels touched before them."""
    touched = journeys.where(F.size("path") > 0).withColumn("channels", F.array_sort(F.array_distinct("path.channel")))
    return touched.groupBy("channels").agg(F.count(F.lit(1)).alias("n_orders"), F.sum("value").alias("revenue"))


def _counts(steps: Sequence[Row]) -> Mapping[tuple[State, str], float]:
    return {(tuple(row.state), row.next): float(row.n) for row in steps}


def _parts(total: Decimal, weights: Sequence[float]) -> list[Decimal]:
    """The total parted by weights, to four decimals, summing to it."""
    return [Decimal(int(part)) / UNITS for part in apportion(int(total * UNITS), np.array(weights))] if weights else []


def attribute(store: Store, events: DataFrame, config: AttributionConfig, as_of: dt.date) -> None:
    """Replace gold.attributed_conversions, then gold.channel_attribution from what was written."""
    touched = touches(events, as_of, config)
    journeys = paths(orders(events, as_of, config), touched, config).persist()
    store.replace_slice(ATTRIBUTED_CONVERSIONS, build_attributed(journeys, config), {})
    lost = lost_paths(journeys, touched, config)
    store.replace_slice(CHANNEL_ATTRIBUTION, build_channels(store.read(ATTRIBUTED_CONVERSIONS), journeys, lost, as_of=as_of), {})
    journeys.unpersist()
