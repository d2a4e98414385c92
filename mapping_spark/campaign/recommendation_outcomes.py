"""From a recommendation to what it was shown, clicked and bought for: gold.recommendation_outcomes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.lookback import looked_back
from mapping_spark.campaign.outcomes import UNKNOWN_SEGMENT
from mapping_spark.campaign.settings import AttributionConfig
from mapping_spark.tables.attribution import RECOMMENDATION_OUTCOMES
from mapping_spark.tables.frames import conform


def build_recommendation_outcomes(
    events: DataFrame, recommendations: DataFrame, users: DataFrame, config: AttributionConfig, *, margin: Decimal, as_of: dt.date
) -> DataFrame:
    """One row per recommendation that an event before `as_of` names, or a purchase follows.

    A purchase belongs to the recommendation it names; else to the one of its item that its user was last shown or clicked in the
    window before it, ties by id: so it never counts twice. Refunds are not subtracted.
    """
    past = events.where(F.col("event_date") < F.lit(as_of))
    named = past.where(F.col("recommendation_id").isNotNull() & F.col("event_type").isin("impression", "click"))
    touches = named.groupBy("recommendation_id").agg(
        F.count_if(F.col("event_type") == "impression").alias("n_impressions"),
        F.count_if(F.col("event_type") == "click").alias("n_clicks"),
    )
    bought = _bought(past, named, recommendations, config)
    # Each join brings at most one row per recommendation: all keys are unique on the right.
    seen = touches.join(bought, on="recommendation_id", how="full").fillna(0, ["n_impressions", "n_clicks", "n_purchases", "revenue"])
    rows = recommendations.join(seen, on="recommendation_id", how="inner").join(
        users.select("user_id", F.coalesce("segment", F.lit(UNKNOWN_SEGMENT)).alias("segment")), on="user_id", how="left"
    )
    money = {
        "segment": F.coalesce("segment", F.lit(UNKNOWN_SEGMENT)),
        "gross_margin": (F.col("revenue") * F.lit(margin)).cast("decimal(18,4)"),
        "cost": (F.col("n_impressions") * F.lit(config.impression_cost)).cast("decimal(18,4)"),
    }
    return conform(rows.withColumns(money), RECOMMENDATION_OUTCOMES)


def _bought(past: DataFrame, named: DataFrame, recommendations: DataFrame, config: AttributionConfig) -> DataFrame:
    """(recommendation_id, n_purchases, revenue)."""
    purchases = past.where(F.col("event_type") == "purchase").select(
        "event_id", "user_id", "item_id", F.col("event_at").alias("moment_at"), "value", F.col("recommendation_id").alias("stated_id")
    )
    items = recommendations.select("recommendation_id", F.col("item_id").alias("recommended_item_id"))  # one row per recommendation
    touched = named.select("user_id", "event_at", "recommendation_id").join(items, on="recommendation_id", how="inner")
    pairs = looked_back(purchases, touched, days=config.window_days).where(F.col("item_id") == F.col("recommended_item_id"))
    last = pairs.groupBy("event_id").agg(F.max(F.struct("event_at", "recommendation_id")).alias("last"))
    followed = purchases.join(last, on="event_id", how="left")  # one row per purchase
    credited = followed.select(F.coalesce("stated_id", "last.recommendation_id").alias("recommendation_id"), "value")
    return (
        credited.where(F.col("recommendation_id").isNotNull())
        .groupBy("recommendation_id")
        .agg(F.count(F.lit(1)).alias("n_purchases"), F.coalesce(F.sum("value"), F.lit(0)).cast("decimal(18,4)").alias("revenue"))
    )
