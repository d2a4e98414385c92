"""Days on which a KPI is far from what its weekday had lately: flags by a robust deviation."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.campaign.settings import AnomalyConfig
from mapping_spark.tables.forecasts import KPI_ANOMALIES
from mapping_spark.tables.frames import conform

_TO_DEVIATION = 1.4826
"""A normal distribution's standard deviation per median absolute deviation."""


def build_anomalies(series: DataFrame, config: AnomalyConfig) -> DataFrame:
    """gold.kpi_anomalies: the flagged days of (series, date, value double), one row per series and day.

    Expected: median of the same weekday in the `weeks` before. Deviation: distance from it over 1.4826 x the median of such
    distances on the days of those weeks (Hampel 1974). Days of series with fewer than `weeks` such days, and of those that never
    varied, are not judged. A day without a row is 0 between the first and the last day of its series.
    """
    by_weekday = Window.partitionBy("series", F.dayofweek("date")).orderBy("date").rowsBetween(-config.weeks, -1)
    lately = Window.partitionBy("series").orderBy("date").rowsBetween(-7 * config.weeks, -1)  # a series: one row per day
    known = F.count(F.lit(1)).over(by_weekday) >= config.weeks
    expected = complete(series).withColumn("expected", F.when(known, F.percentile("value", F.lit(0.5)).over(by_weekday)))
    off = expected.withColumn("off", F.col("value") - F.col("expected"))
    scaled = off.withColumn("scale", F.percentile(F.abs("off"), F.lit(0.5)).over(lately) * _TO_DEVIATION)
    judged = scaled.where(F.col("scale") > 0).withColumn("deviation", F.col("off") / F.col("scale"))
    return conform(judged.where(F.abs("deviation") > config.limit), KPI_ANOMALIES)


def complete(series: DataFrame) -> DataFrame:
    """Every day from a series' first to its last, 0 where it has no row."""
    bounds = series.groupBy("series").agg(F.min("date").alias("first"), F.max("date").alias("last"))
    days = bounds.select("series", F.explode(F.sequence("first", "last")).alias("date"))
    return days.join(series, on=["series", "date"], how="left").fillna(0.0, ["value"])
