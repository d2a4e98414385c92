"""What became of days that had already been published: gold.campaign_daily_revisions."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.tables.campaigns import CAMPAIGN_DAILY_REVISIONS, REVISED
from mapping_spark.tables.frames import conform

_KEY = ("campaign_id", "variant", "date")


def build_revisions(before: DataFrame, after: DataFrame, *, revised_at: dt.datetime) -> DataFrame:
    """One row per (campaign, variant, day) of which two states of gold.campaign_daily_kpis differ in a number of `REVISED`.

    A day without a row counts 0. Days after the last one that `before` holds are new, not revised.
    """
    sides = [
        frame.select(*_KEY, *(F.col(name).alias(f"{name}_{when}") for name in REVISED))
        for frame, when in ((before, "before"), (after, "after"))
    ]
    # Both sides hold each key once, so that the join cannot multiply rows; the last day is one row.
    both = sides[0].join(sides[1], on=list(_KEY), how="full_outer").crossJoin(F.broadcast(before.agg(F.max("date").alias("__last"))))
    known = both.where(F.col("date") <= F.col("__last")).fillna(0)
    differs = F.array_contains(F.array(*(F.col(f"{name}_before") != F.col(f"{name}_after") for name in REVISED)), F.lit(True))
    return conform(known.where(differs).withColumn("revised_at", F.lit(revised_at)), CAMPAIGN_DAILY_REVISIONS)
