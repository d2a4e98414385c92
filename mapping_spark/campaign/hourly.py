"""Campaign sums by hour, segment, channel and model, and the days among them: gold.campaign_hourly_kpis and what adds up from it."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.kpis import CampaignConfig, gross_margin
from mapping_spark.campaign.outcomes import SUMS, summed
from mapping_spark.tables.campaigns import CAMPAIGN_DAILY_SEGMENT_KPIS, CAMPAIGN_HOURLY_KPIS
from mapping_spark.tables.frames import conform
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS

NO_MODEL = "none"
_GROUP = ("date", "hour_at", "campaign_id", "variant", "segment", "channel")


def build_hourly_kpis(
    counted: DataFrame, recommendations: DataFrame, config: CampaignConfig, *, rates_version: str | None = None
) -> DataFrame:
    """gold.campaign_hourly_kpis: `outcomes.counted_events` summed by hour, with the model of the recommendation.

    Summed by recommendation before its model is looked up: events that name none, nearly all, are few rows by then.
    """
    hours = counted.withColumnRenamed("event_date", "date").withColumn("hour_at", F.date_trunc("hour", "event_at"))
    by_recommendation = summed(hours, (*_GROUP, "recommendation_id"))
    models = recommendations.select("recommendation_id", "model")  # one row per recommendation
    named = by_recommendation.join(models, on="recommendation_id", how="left").withColumn("model", F.coalesce("model", F.lit(NO_MODEL)))
    facts = {"gross_margin": gross_margin("revenue", config), "rates_version": F.lit(rates_version)}
    return conform(_rolled_up(named, (*_GROUP, "model")).withColumns(facts), CAMPAIGN_HOURLY_KPIS)


def build_daily_segment_kpis(hourly: DataFrame) -> DataFrame:
    """gold.campaign_daily_segment_kpis: the hours of gold.campaign_hourly_kpis summed by business day."""
    sums = _days(hourly, CAMPAIGN_DAILY_SEGMENT_KPIS.primary_key, F.sum("gross_margin").alias("gross_margin"))
    return conform(sums, CAMPAIGN_DAILY_SEGMENT_KPIS)


def roll_up_days(hourly: DataFrame, config: CampaignConfig) -> DataFrame:
    """gold.campaign_daily_kpis from the hours: what `kpis.build_daily_kpis` makes of the events themselves."""
    sums = _days(hourly, CAMPAIGN_DAILY_KPIS.primary_key)
    return conform(sums.withColumn("gross_margin", gross_margin("revenue", config)), CAMPAIGN_DAILY_KPIS)


def _days(hourly: DataFrame, group: Sequence[str], *more: Column) -> DataFrame:
    return _rolled_up(hourly, group, F.max("rates_version").alias("rates_version"), *more)


def _rolled_up(sums: DataFrame, group: Sequence[str], *more: Column) -> DataFrame:
    return sums.groupBy(*group).agg(*(F.sum(name).alias(name) for name in SUMS), *more)
