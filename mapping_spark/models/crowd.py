"""What the crowd does with an item: how many users chose it, ever and lately. Several models lean on it."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def count_users(interactions: DataFrame, as_of: dt.date, days: int | None) -> DataFrame:
    """(item_idx, n_recent, n_users): users whose last event with the item lies in the `days` before `as_of`, and users ever.

    One row per item of a slice of silver.interactions, which has one row per user and item. Days are 24 h (UTC); None
    counts every user as recent.
    """
    is_recent = F.lit(True) if days is None else F.col("last_at") >= F.date_sub(F.lit(as_of), days).cast("timestamp")
    return interactions.groupBy("item_idx").agg(F.count_if(is_recent).alias("n_recent"), F.count(F.lit(1)).alias("n_users"))


def recent_share(interactions: DataFrame, as_of: dt.date, days: int, power: float) -> DataFrame:
    """(item_idx, share): ((n_recent + 1) / (the most of any item + 1)) ** `power`, in (0, 1]: what few choose sinks a little."""
    counts = count_users(interactions, as_of, days)
    most = counts.agg(F.max("n_recent").alias("most"))  # one row: the largest count of all
    share = F.pow((F.col("n_recent") + 1) / (F.col("most") + 1), F.lit(power)).alias("share")
    return counts.crossJoin(F.broadcast(most)).select("item_idx", share)


def of_frequent_items(entries: DataFrame, min_users: int) -> DataFrame:
    """Those rows of `entries` (one per user and item) whose item at least `min_users` users have."""
    if min_users <= 1:
        return entries  # every item has a user: nothing to count
    counts = entries.groupBy("item_idx").agg(F.count(F.lit(1)).alias("n_users"))
    return entries.join(counts.where(F.col("n_users") >= min_users), on="item_idx", how="left_semi")
