"""Different users by day, exactly, and as sketches that merge: gold.campaign_reach."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.outcomes import COUNTS
from mapping_spark.tables.campaigns import CAMPAIGN_REACH
from mapping_spark.tables.frames import conform

ACTIONS = {"impression": "n_impressions", "click": "n_clicks", "conversion": "n_conversions", "purchase": "n_purchases"}
"""What users are counted for, and the count of `outcomes.COUNTS` that tells it."""
LOG2_BUCKETS = 12
RELATIVE_ERROR = 0.016
"""Standard error of a merged sketch of 2^12 buckets as a share of the users: 1.04 / sqrt(2^12) (Flajolet et al. 2007)."""


def build_reach(counted: DataFrame) -> DataFrame:
    """Different users of every (business day, campaign, variant, segment, action), and their HLL sketch."""
    did = F.array_compact(F.array(*(F.when(F.expr(COUNTS[count]), F.lit(action)) for action, count in ACTIONS.items())))
    group = ("date", "campaign_id", "variant", "segment", "action")
    each = counted.select(*group[1:4], F.col("event_date").alias("date"), F.explode(did).alias("action"), "user_id").distinct()
    sketch = F.hll_sketch_agg("user_id", F.lit(LOG2_BUCKETS)).alias("users_sketch")
    return conform(each.groupBy(*group).agg(F.count(F.lit(1)).alias("n_users"), sketch), CAMPAIGN_REACH)


def reach(daily: DataFrame, *group_by: str) -> DataFrame:
    """Different users of any roll-up of gold.campaign_reach that keeps `action`: `n_users`, estimated within `RELATIVE_ERROR`."""
    merged = F.hll_sketch_estimate(F.hll_union_agg("users_sketch")).alias("n_users")
    return daily.groupBy(*dict.fromkeys((*group_by, "action"))).agg(merged)
