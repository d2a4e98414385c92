"""What a targeting plan would have brought, told from an experiment's log before anything is sent: IPS, SNIPS and DR, as sums.

Log: (campaign_id, user_id, is_treated 0 or 1, propensity, outcome double, segment string), one row per campaign and user, as
drawn; `propensity` is the chance of being treated. Plan: whom it would send which campaign. The estimates hold for outcomes of the
log's time and users.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.pseudo_outcomes import chance_of_own_arm


def policy_sums(log: DataFrame, targeted: DataFrame) -> DataFrame:
    """Sums over users by campaign and segment: the additive columns of gold.plan_values, whose measures are the estimates with intervals.

    `targeted`: (campaign_id, user_id), once each. `log` may hold `if_treated` and `if_not`, modelled outcomes by models that have
    not seen the user; without them the doubly robust estimate is the plain one. Users whom the log does not hold say nothing.

    IPS: mean of w y, w = 1 / chance of the user's own arm where the plan agrees with it, else 0 (Horvitz and Thompson 1952). SNIPS:
    sum of w y / sum of w (Swaminathan and Joachims 2015). DR: mean of the modelled outcome under the plan + w times its residual
    (Dudik, Langford and Li 2011).
    """
    modelled = log if "if_treated" in log.columns else log.withColumns({"if_treated": F.lit(0.0), "if_not": F.lit(0.0)})
    chosen = targeted.select("campaign_id", "user_id", F.lit(1).alias("is_targeted"))
    planned = modelled.join(chosen, on=["campaign_id", "user_id"], how="left").fillna(0, ["is_targeted"])
    agrees = F.col("is_targeted") == F.col("is_treated")
    under_plan = F.when(F.col("is_targeted") == 1, F.col("if_treated")).otherwise(F.col("if_not"))
    weighed = planned.withColumns({"weight": F.when(agrees, 1 / chance_of_own_arm()).otherwise(0.0), "under_plan": under_plan})
    residual = F.col("weight") * (F.col("outcome") - F.col("under_plan"))
    each = weighed.withColumns({"weighted": F.col("weight") * F.col("outcome"), "robust": F.col("under_plan") + residual})
    return each.groupBy("campaign_id", "segment").agg(
        F.count(F.lit(1)).alias("n_users"),
        F.sum(F.col("is_targeted").cast("bigint")).alias("n_targeted"),
        F.sum("weight").alias("weight"),
        F.sum("weighted").alias("weighted_outcome"),
        F.sum("robust").alias("robust_outcome"),
        F.sum(F.col("weight") ** 2).alias("weight_sq"),
        F.sum(F.col("weighted") ** 2).alias("weighted_outcome_sq"),
        F.sum(F.col("weight") * F.col("weighted")).alias("weight_weighted_outcome"),
        F.sum(F.col("robust") ** 2).alias("robust_outcome_sq"),
    )
