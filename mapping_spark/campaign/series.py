"""Daily KPIs as series: (series string, date, value double), one row per series and day on which something happened."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

OF_CAMPAIGNS = ("n_conversions", "revenue")
"""Columns of gold.campaign_daily_kpis that make a series each, `campaign <id>: <column>`."""


def shop_series(events: DataFrame) -> DataFrame:
    """Revenue and buyers by business day, of all purchases."""
    purchases = events.where(F.col("event_type") == "purchase")
    daily = purchases.groupBy(F.col("event_date").alias("date")).agg(
        F.coalesce(F.sum("value"), F.lit(0)).cast("double").alias("revenue"), F.countDistinct("user_id").cast("double").alias("buyers")
    )
    return _long(daily, F.lit("shop"), "revenue", "buyers")


def of_running(daily_kpis: DataFrame, campaigns: DataFrame, as_of: dt.date) -> DataFrame:
    """The rows of campaigns that are not over by the start of `as_of` (UTC): of the others nothing lies ahead."""
    over = campaigns.where(F.col("end_at") <= F.lit(dt.datetime.combine(as_of, dt.time(), dt.UTC))).select("campaign_id")
    return daily_kpis.join(over, on="campaign_id", how="left_anti")


def campaign_series(daily_kpis: DataFrame) -> DataFrame:
    """Conversions and revenue of each campaign by business day, its variants together."""
    sums = [F.sum(name).cast("double").alias(name) for name in OF_CAMPAIGNS]
    daily = daily_kpis.groupBy("campaign_id", "date").agg(*sums)
    return _long(daily, F.concat(F.lit("campaign "), F.col("campaign_id")), *OF_CAMPAIGNS)


def _long(daily: DataFrame, owner: Column, *names: str) -> DataFrame:
    named = daily.withColumn("owner", owner).unpivot(["owner", "date"], list(names), "name", "value")
    return named.select(F.concat_ws(": ", "owner", "name").alias("series"), "date", "value")
