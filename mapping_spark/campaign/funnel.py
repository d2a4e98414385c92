"""How far users came, and how long it took: gold.campaign_funnel and gold.conversion_delays."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.tables.campaigns import CAMPAIGN_FUNNEL, CONVERSION_DELAYS
from mapping_spark.tables.frames import conform


def build_funnel(outcomes: DataFrame) -> DataFrame:
    """Users of gold.campaign_outcomes who took each step and all steps before it, by (campaign, variant, segment).

    A step is taken or not; its time does not matter (see gold.campaign_findings for conversions before clicks).
    """
    steps = {"n_sent": "n_sends > 0", "n_seen": "n_impressions > 0", "n_clicked": "n_clicks > 0", "n_converted": "is_converted"}
    taken = {name: " AND ".join(list(steps.values())[: place + 1]) for place, name in enumerate(steps)}
    counts = {name: F.count_if(F.expr(condition)) for name, condition in (taken | {"n_converted_anyhow": "is_converted"}).items()}
    users = F.count(F.lit(1)).alias("n_users")
    grouped = outcomes.groupBy("campaign_id", "variant", "segment").agg(users, *(count.alias(name) for name, count in counts.items()))
    return conform(grouped, CAMPAIGN_FUNNEL)


def build_conversion_delays(outcomes: DataFrame, audience: DataFrame) -> DataFrame:
    """Users of each (campaign, variant) by whole days from assignment to their first conversion, rounded down."""
    assigned = audience.select("campaign_id", "user_id", "assigned_at")  # one row per (campaign, user)
    converted = outcomes.where("is_converted").join(assigned, on=["campaign_id", "user_id"], how="inner")
    seconds = F.unix_seconds("first_conversion_at") - F.unix_seconds("assigned_at")
    days = F.floor(seconds / 86_400).cast("int").alias("days")
    return conform(converted.groupBy("campaign_id", "variant", days).agg(F.count(F.lit(1)).alias("n_users")), CONVERSION_DELAYS)
