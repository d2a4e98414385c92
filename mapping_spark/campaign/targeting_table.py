"""gold.targeting_plan, gold.targeting_summary and gold.plan_values: whom to send what next, and what that would have brought."""

from __future__ import annotations

import datetime as dt
import math

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.off_policy import policy_sums
from mapping_spark.campaign.settings import TargetingConfig
from mapping_spark.campaign.targeting import Caps, TargetingPlan, plan
from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import conform, rows
from mapping_spark.tables.uplift import PLAN_VALUES, TARGETING_PLAN, TARGETING_SUMMARY


def caps_of(config: TargetingConfig) -> Caps:
    """The limits as the plan reads them."""
    budget = math.inf if config.budget is None else float(config.budget)
    return Caps(budget=budget, by_segment=config.by_segment, by_channel=config.by_channel)


def offers_of(scores: DataFrame, campaigns: DataFrame, config: TargetingConfig) -> DataFrame:
    """What could be sent to whom: the scored users of each campaign, at its unit cost, by its channel."""
    priced = campaigns.select("campaign_id", "channel", F.col("unit_cost").cast("double").alias("cost"))
    # silver.campaigns has one row per campaign: this join only adds columns.
    named = scores.select("user_id", "campaign_id", "segment", "uplift").join(priced, on="campaign_id", how="inner")
    return named.withColumn("value", F.lit(float(config.value)))


def plan_rows(made: TargetingPlan, as_of: dt.date) -> DataFrame:
    """gold.targeting_plan."""
    return conform(made.chosen.withColumn("as_of_date", F.lit(as_of)), TARGETING_PLAN)


def summary_row(made: TargetingPlan, as_of: dt.date, config: TargetingConfig) -> DataFrame:
    """gold.targeting_summary."""
    row = {"as_of_date": as_of, "n_users": made.chosen.count(), "gain": made.gain, "cost": made.cost, "bound": made.bound}
    known = ({} if math.isnan(made.gap) else {"gap": made.gap}) | ({} if config.budget is None else {"budget": float(config.budget)})
    return rows(made.chosen.sparkSession, TARGETING_SUMMARY, row | known)


def plan_values(outcomes: DataFrame, scores: DataFrame, made: TargetingPlan, as_of: dt.date) -> DataFrame:
    """gold.plan_values: sums of the off-policy estimates, from the campaigns whose users were scored.

    A user for whom another campaign was chosen counts as not sent this one. The doubly robust estimate takes outcomes from the
    scores: `if_not`, with the uplift where a user is sent the campaign, within 0 and 1; a user without a score has none of it.
    """
    is_sent = F.col("variant") != "control"
    shares = outcomes.groupBy("campaign_id").agg(F.avg(is_sent.cast("double")).alias("propensity"))
    scored = scores.select("campaign_id").distinct()
    logged = outcomes.join(scored, on="campaign_id", how="left_semi").join(F.broadcast(shares), on="campaign_id", how="inner")
    outcome = {"is_treated": is_sent.cast("int"), "outcome": F.col("is_converted").cast("double")}
    if_treated = F.least(F.lit(1.0), F.greatest(F.lit(0.0), F.col("if_not") + F.col("uplift"))).alias("if_treated")
    modelled = scores.select("campaign_id", "user_id", "if_not", if_treated)  # one row per campaign and user
    joined = logged.withColumns(outcome).join(modelled, on=["campaign_id", "user_id"], how="left")
    log = joined.fillna(0.0, ["if_not", "if_treated"])
    sums = policy_sums(log, made.chosen)
    return conform(sums.withColumn("as_of_date", F.lit(as_of)), PLAN_VALUES)


def build_plan(
    scores: DataFrame, campaigns: DataFrame, outcomes: DataFrame, *, as_of: dt.date, config: TargetingConfig
) -> dict[Table, DataFrame]:
    """The tables of a date, from its slice of gold.uplift_scores; a plan of no one where nobody was scored. Runs Spark jobs at once."""
    of_date = scores.where(F.col("as_of_date") == F.lit(as_of))
    made = plan(offers_of(of_date, campaigns, config), caps_of(config))
    values = plan_values(outcomes, of_date, made, as_of)
    return {TARGETING_PLAN: plan_rows(made, as_of), TARGETING_SUMMARY: summary_row(made, as_of, config), PLAN_VALUES: values}
