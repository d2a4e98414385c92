"""Which touches get the credit for an order, by rules; the credits of an order sum to 1 and to its revenue, exactly.

| method | credit of the touches before an order |
|---|---|
| last, first | all to one |
| linear | in equal parts |
| position | 40 % to the first, 40 % to the last, the rest in equal parts |
| time_decay | half as much for each half-life before the order |
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.apportion import apportioned
from mapping_spark.campaign.lookback import looked_back
from mapping_spark.campaign.settings import AttributionConfig
from mapping_spark.evaluation.metrics import Ints, Numbers
from mapping_spark.tables.attribution import ATTRIBUTED_CONVERSIONS
from mapping_spark.tables.frames import conform

UNATTRIBUTED = "(unattributed)"
"""The channel of orders that no touch came before."""
UNKNOWN_CHANNEL = "unknown"
UNITS = 10_000
"""Credits and money are parted in ten-thousandths, the last digit that is stored."""

_ENDS_SHARE = 0.4

Rule = Callable[[Ints, Ints, Numbers], Numbers]
"""(position (N,) from 1, touches of the order (N,), age in days / half-life (N,)) -> weights (N,), some above 0 in every order."""


def _position(position_N: Ints, length_N: Ints, age_N: Numbers) -> Numbers:
    is_end = (position_N == 1) | (position_N == length_N)
    inner = (1 - 2 * _ENDS_SHARE) / np.maximum(length_N - 2, 1)
    return np.where(is_end, np.where(length_N <= 2, 1.0, _ENDS_SHARE), inner)


RULES: dict[str, Rule] = {
    "last": lambda position_N, length_N, age_N: (position_N == length_N).astype(float),
    "first": lambda position_N, length_N, age_N: (position_N == 1).astype(float),
    "linear": lambda position_N, length_N, age_N: np.ones(len(position_N)),
    "position": _position,
    "time_decay": lambda position_N, length_N, age_N: np.exp2(-np.minimum(age_N, 500.0)),
}
"""Weights by method; parts of an order are in proportion to them."""


def orders(events: DataFrame, as_of: dt.date, config: AttributionConfig) -> DataFrame:
    """(conversion_id, user_id, moment_at, value): purchases of one user and session are one order, without a session each is one.

    Orders that began on the `days` business days before `as_of`; `conversion_id` is the event id of the first purchase. A session
    is taken to last less than a day.
    """
    day, since = dt.timedelta(days=1), as_of - dt.timedelta(days=config.days)
    is_read = F.col("event_date").between(F.lit(since - day), F.lit(as_of - day))  # a session may have begun on the evening before
    purchases = events.where((F.col("event_type") == "purchase") & is_read)
    order = F.coalesce(F.concat(F.lit("session "), "session_id"), F.concat(F.lit("event "), "event_id"))
    first = F.min(F.struct("event_at", "event_id", "event_date")).alias("first")
    value = F.coalesce(F.sum("value"), F.lit(0)).cast("decimal(18,4)").alias("value")
    grouped = purchases.groupBy("user_id", order.alias("order")).agg(first, value).where(F.col("first.event_date") >= F.lit(since))
    return grouped.select(F.col("first.event_id").alias("conversion_id"), "user_id", F.col("first.event_at").alias("moment_at"), "value")


def touches(events: DataFrame, as_of: dt.date, config: AttributionConfig) -> DataFrame:
    """(user_id, event_at, event_date, touch): every touch that may lie in the window of an order."""
    since = as_of - dt.timedelta(days=config.days + config.window_days + 1)
    is_counted = F.col("event_type").isin(*config.touch_types) & F.col("event_date").between(F.lit(since), F.lit(as_of))
    channel = F.coalesce("channel", F.lit(UNKNOWN_CHANNEL)).alias("channel")
    touch = F.struct(F.col("event_at").alias("at"), F.col("event_id").alias("touch_event_id"), channel, "campaign_id")
    return events.where(is_counted).select("user_id", "event_at", "event_date", touch.alias("touch"))


def paths(ordered: DataFrame, touched: DataFrame, config: AttributionConfig) -> DataFrame:
    """`orders` with `path`: the latest touches of its user in the window before it, oldest first, ties by event id; empty where none.

    `cut`: the event ids of the touches in the window before those.
    """
    pairs = looked_back(ordered.select("conversion_id", "user_id", "moment_at"), touched, days=config.window_days)
    found = pairs.groupBy("conversion_id").agg(F.sort_array(F.collect_list("touch")).alias("every"))
    # One path per order: the join multiplies none.
    joined = ordered.join(found, on="conversion_id", how="left").withColumn("every", F.coalesce("every", F.expr("slice(array(), 1, 0)")))
    n_cut = F.greatest(F.lit(0), F.size("every") - config.max_touches)
    path, cut = F.slice("every", n_cut + 1, F.lit(config.max_touches)), F.slice("every.touch_event_id", F.lit(1), n_cut)
    return joined.withColumns({"path": path, "cut": cut}).drop("every")


def build_attributed(journeys: DataFrame, config: AttributionConfig) -> DataFrame:
    """gold.attributed_conversions from `paths`, by every rule. An order without a touch has one row per method, `(unattributed)`."""
    half_life = config.half_life_days

    def credit(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from credited(batch, half_life)

    amount = (F.col("value") * UNITS).cast("bigint").alias("amount")
    asked = journeys.select("conversion_id", "user_id", "moment_at", "path", amount, F.xxhash64("conversion_id").alias("tie"))
    # Columns and types are those of the declared table; credit and amount are in units.
    kept = ", ".join(f"{c.name} {c.type}" for c in ATTRIBUTED_CONVERSIONS.columns if c.name not in ("conversions", "revenue"))
    rows = asked.mapInArrow(credit, f"{kept}, credit bigint, amount bigint")
    money = {"conversions": _from_units("credit"), "revenue": _from_units("amount")}
    return conform(rows.withColumn("channel", F.coalesce("channel", F.lit(UNATTRIBUTED))).withColumns(money), ATTRIBUTED_CONVERSIONS)


def _from_units(name: str) -> Column:
    return (F.col(name).cast("decimal(18,0)") / F.lit(UNITS)).cast("decimal(18,4)")


def credited(batch: pa.RecordBatch, half_life: float) -> Iterator[pa.RecordBatch]:
    """Credits of a batch of orders (conversion_id, user_id, moment_at, path, amount in units, tie), one batch per method.

    An order without touches gets one row at position 0, with nulls for the touch. Ties of the largest remainder go by `tie` and
    place.
    """
    path = batch.column("path")
    lengths_G = np.asarray(path.value_lengths().fill_null(0)).astype(np.int64)
    rows_G = np.maximum(lengths_G, 1)
    order_N = np.repeat(np.arange(len(rows_G)), rows_G)
    place_N = np.arange(len(order_N)) - np.repeat(np.cumsum(rows_G) - rows_G, rows_G)
    is_touch_N = lengths_G[order_N] > 0
    at_N = pa.array(np.cumsum(is_touch_N) - 1, mask=~is_touch_N)
    touch = {name: path.flatten().field(name).take(at_N) for name in ("at", "channel", "campaign_id", "touch_event_id")}
    order = {name: batch.column(name).take(pa.array(order_N)) for name in ("conversion_id", "user_id", "moment_at")}
    age_N = (_days(order["moment_at"]) - _days(touch["at"])) / half_life
    with np.errstate(over="ignore"):
        tie_N = (np.asarray(batch.column("tie"))[order_N] ^ (place_N + 1)) * np.int64(0x9E3779B97F4A7C1)
    amounts_G = np.asarray(batch.column("amount"))
    for method, rule in RULES.items():
        weights_N = rule(place_N + 1, rows_G[order_N], np.nan_to_num(age_N))
        columns = {
            "conversion_id": order["conversion_id"],
            "method": pa.array([method]).take(pa.array(np.zeros(len(order_N), np.int64))),
            "position": pa.array(np.where(is_touch_N, place_N + 1, 0).astype(np.int32)),
            "user_id": order["user_id"],
            "converted_at": order["moment_at"],
            "channel": touch["channel"],
            "campaign_id": touch["campaign_id"],
            "touch_event_id": touch["touch_event_id"],
            "credit": pa.array(apportioned(np.full(len(rows_G), UNITS), weights_N, order_N, tie_N)),
            "amount": pa.array(apportioned(amounts_G, weights_N, order_N, tie_N)),
        }
        yield pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _days(at: pa.Array) -> Numbers:
    """Days since 1970, NaN for null."""
    micros = at.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return np.asarray(micros.to_numpy(zero_copy_only=False), float) / (86_400 * 1_000_000)
