"""Who chose what as of a date: how strongly, one row per user and item, and in which order, one row per choice."""

from __future__ import annotations

import datetime as dt
import difflib

from pydantic import Field, field_validator
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.config import Section
from mapping_spark.features.fixed_point import UNIT, fixed_point_sum
from mapping_spark.tables.frames import conform
from mapping_spark.tables.silver import EVENT_TYPES, INTERACTIONS


class InteractionsConfig(Section):
    """How events become weights."""

    event_weights: dict[str, float] = Field({"purchase": 1.0}, min_length=1)
    """Weight of one event by type; a type that is not named is not a choice and is left out."""

    half_life_days: float | None = Field(90.0, gt=0)
    """Days after which an event counts half; null counts all events alike."""

    max_events_per_user: int = Field(20_000, ge=1)
    """A user's most recent events that count: a bot or a reseller cannot outweigh or slow down the rest."""

    @field_validator("event_weights")
    @classmethod
    def _known_and_positive(cls, weights: dict[str, float]) -> dict[str, float]:
        faults = []
        for name, weight in weights.items():
            if name not in EVENT_TYPES:
                near = difflib.get_close_matches(name, EVENT_TYPES, n=1)
                faults.append(f"{name!r} is no event type" + (f" (did you mean {near[0]!r}?)" if near else ""))
            elif not 0 < weight <= 1_000:
                faults.append(f"{name} weighs {weight}; use more than 0, at most 1000, or leave it out")
        if faults:
            raise ValueError("; ".join(faults))
        return weights


def build_interactions(
    events: DataFrame, user_ids: DataFrame, item_ids: DataFrame, *, as_of: dt.date, config: InteractionsConfig
) -> DataFrame:
    """The slice `as_of` of silver.interactions from silver.events and the two id maps.

    Counted are choices (see `is_choice`) with event_date < `as_of`, at most `max_events_per_user` of a user's latest
    (ties by event_id). weight = sum of event_weight * 0.5 ** (age_days / half_life_days), age_days counted from the
    business day of the event to `as_of`, so at least 1; each event weighs at least 2^-32. The sum is exact in those
    units: another order of the rows gives the same weight. Users or items without an integer are left out. Where `events`
    has a column `weight` (double above 0; null counts 1; no column of silver.events), an event's weight is multiplied by it.
    """
    pairs = (
        _counted(events, as_of, config)
        .groupBy("user_id", "item_id")
        .agg(
            fixed_point_sum(event_weight(as_of, config, _own_weight(events))).alias("weight"),
            F.count(F.lit(1)).alias("n_events"),
            F.min("event_at").alias("first_at"),
            F.max("event_at").alias("last_at"),
        )
    )
    return conform(_with_indices(pairs, user_ids, item_ids).withColumn("as_of_date", F.lit(as_of)), INTERACTIONS)


def build_choices(events: DataFrame, user_ids: DataFrame, item_ids: DataFrame, *, as_of: dt.date, config: InteractionsConfig) -> DataFrame:
    """The events that `build_interactions` counts, in order: (user_idx, item_idx, basket string, recency int), one row per event.

    basket = what a user took together: the event's session_id, else its business day; a name within the user. recency counts
    from 1, the user's latest event (ties by event_id). No column is null. Users or items without an integer are left out.
    """
    basket = F.coalesce("session_id", F.col("event_date").cast("string")).alias("basket")
    counted = _counted(events, as_of, config).select("user_id", "item_id", basket, "recency")
    return _with_indices(counted, user_ids, item_ids).select("user_idx", "item_idx", "basket", "recency")


def _counted(events: DataFrame, as_of: dt.date, config: InteractionsConfig) -> DataFrame:
    """Choices before `as_of`, each user's latest ones, with `recency`: 1, 2 … back from the user's latest."""
    latest = Window.partitionBy("user_id").orderBy(F.desc("event_at"), F.asc("event_id"))
    return (
        events.where(is_choice(config) & (F.col("event_date") < F.lit(as_of)))
        .withColumn("recency", F.row_number().over(latest))
        .where(F.col("recency") <= config.max_events_per_user)
    )


def future_interactions(
    events: DataFrame, user_ids: DataFrame, item_ids: DataFrame, *, as_of: dt.date, until: dt.date, config: InteractionsConfig
) -> DataFrame:
    """Distinct (user_idx, item_idx) chosen on business days in [`as_of`, `until`): what an evaluation calls relevant.

    The same events count as in `build_interactions`, without its cap.
    """
    in_period = (F.col("event_date") >= F.lit(as_of)) & (F.col("event_date") < F.lit(until))
    # A set is asked for: a pair is relevant once however often it was chosen.
    pairs = events.where(is_choice(config) & in_period).select("user_id", "item_id").distinct()
    return _with_indices(pairs, user_ids, item_ids).select("user_idx", "item_idx")


def is_choice(config: InteractionsConfig) -> Column:
    """Whether an event says that its user wanted its item: a weighted type, an item, and no purchase for nothing.

    A purchase line without a positive value is a gift, a deposit or a correction; a null value is an unknown price and counts.
    """
    is_weighted = F.col("event_type").isin(sorted(config.event_weights))
    is_paid = (F.col("event_type") != "purchase") | F.col("value").isNull() | (F.col("value") > 0)
    return F.col("item_id").isNotNull() & is_weighted & is_paid


def _own_weight(events: DataFrame) -> Column:
    return F.coalesce("weight", F.lit(1.0)) if "weight" in events.columns else F.lit(1.0)


def event_weight(as_of: dt.date, config: InteractionsConfig, own: Column) -> Column:
    """Weight of one event as of a date: its type's weight times its `own`, halved every half-life, at least 2^-32."""
    by_type = F.create_map(*(F.lit(part) for name in sorted(config.event_weights) for part in (name, config.event_weights[name])))
    weight = by_type[F.col("event_type")].cast("double") * own
    if config.half_life_days is not None:
        age_days = F.datediff(F.lit(as_of), F.col("event_date"))
        weight = weight * F.pow(F.lit(0.5), age_days / F.lit(config.half_life_days))
    return F.greatest(weight, F.lit(UNIT))


def _with_indices(pairs: DataFrame, user_ids: DataFrame, item_ids: DataFrame) -> DataFrame:
    """Add both integers. Each id map has one row per key, so no pair is multiplied."""
    return pairs.join(user_ids, on="user_id", how="inner").join(item_ids, on="item_id", how="inner")


def as_of_slice(interactions: DataFrame, as_of: dt.date) -> DataFrame:
    """The rows of silver.interactions of one date."""
    return interactions.where(F.col("as_of_date") == F.lit(as_of))
