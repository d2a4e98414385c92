"""Decisions by declared rules: a measure of a running campaign beyond a limit becomes a row. Nothing is sent anywhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.settings import Rule
from mapping_spark.tables.forecasts import CAMPAIGN_DECISIONS
from mapping_spark.tables.frames import conform, empty
from mapping_spark.tables.gold import CAMPAIGN_KPIS
from mapping_spark.tables.measures import measure


def build_decisions(kpis: DataFrame, campaigns: DataFrame, as_of: dt.date, rules: Sequence[Rule]) -> DataFrame:
    """gold.campaign_decisions: a row per rule and campaign running when the date begins (UTC) whose measure lies beyond the rule's limit.

    A measure that is null (nothing was spent, no spread) fires no rule.
    """
    begin = F.lit(as_of).cast("timestamp")
    is_over = F.coalesce(F.col("end_at") <= begin, F.lit(False))  # without end it runs on
    running = campaigns.where((F.col("start_at") <= begin) & ~is_over).select("campaign_id")
    # silver.campaigns has one row per campaign: this join only drops rows.
    measured = measure(kpis, CAMPAIGN_KPIS, "campaign_id").join(running, on="campaign_id", how="inner")
    fired = [_fired(measured, rule) for rule in rules]
    if not fired:
        return empty(kpis.sparkSession, CAMPAIGN_DECISIONS)
    return conform(reduce(DataFrame.unionByName, fired).withColumn("as_of_date", F.lit(as_of)), CAMPAIGN_DECISIONS)


def _fired(measured: DataFrame, rule: Rule) -> DataFrame:
    value, limit = F.col(rule.measure), rule.below if rule.below is not None else rule.above
    word = "below" if rule.below is not None else "above"
    is_beyond = value < F.lit(limit) if word == "below" else value > F.lit(limit)
    reason = F.format_string(f"{rule.measure} of %.4g is {word} {limit:g}, among %d users", value, "n_users")
    return measured.where(is_beyond & (F.col("n_users") >= rule.min_users)).select(
        F.lit(rule.name).alias("rule"),
        "campaign_id",
        F.lit(rule.action).alias("action"),
        F.lit(rule.measure).alias("measure"),
        value.alias("value"),
        F.lit(float(limit or 0.0)).alias("limit"),
        reason.alias("reason"),
    )
