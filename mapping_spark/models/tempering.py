"""How popular an item is lately, as a gentle factor on what a model says: what few choose sinks a little."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def recent_popularity(interactions: DataFrame, as_of: dt.date, days: int, power: float) -> DataFrame:
    """(item_idx, share): ((users of the item in the `days` before `as_of`, plus 1) / the most of any item) ** `power`, in (0, 1].

    One row per item of silver.interactions' slice `interactions`; days are 24 h (UTC).
    """
    is_recent = F.col("last_at") >= F.date_sub(F.lit(as_of), days).cast("timestamp")
    counts = interactions.groupBy("item_idx").agg((F.count_if(is_recent) + 1).alias("n_users"))
    most = counts.agg(F.max("n_users").alias("most"))  # one row: the largest count of all
    share = F.pow(F.col("n_users") / F.col("most"), F.lit(power)).alias("share")
    return counts.crossJoin(F.broadcast(most)).select("item_idx", share)
