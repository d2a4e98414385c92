"""What is known on the date about users and items: the ladder fills slots from it, reasons quote it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.recommend.settings import RecommendConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`users`: (user_id, user_idx, segment) of those who get recommendations; `items`: (item_id, item_idx, title) of those
    that may be recommended (see `eligibility`); `interactions`: the slice of silver.interactions of `as_of`; `similar`:
    (item_idx, similar_item_idx, score, rank) as `topk.similar_items` returns it.
    """

    users: DataFrame
    items: DataFrame
    interactions: DataFrame
    similar: DataFrame
    as_of: dt.date


def popularity_lists(evidence: Evidence, config: RecommendConfig) -> DataFrame:
    """What many users chose in the days before the date: (stage, segment, item_idx, n_users bigint, position int from 1).

    Stage `segment_popular` has one list per segment, of items with users in the window; stage `popular` (segment '') lists
    every eligible item, so that it can always fill a list. n_users = users whose last event with the item lies in
    [as_of - popular_days, as_of), business days, which is every user with an event in it. Order: n_users, then users ever,
    then smaller item_idx. At most `popular_depth` items per list.
    """
    first_day = evidence.as_of - dt.timedelta(days=config.popular_days)
    is_recent = F.col("last_at") >= F.to_utc_timestamp(F.lit(first_day), config.time_zone)
    choices = evidence.interactions.select("user_idx", "item_idx", is_recent.cast("int").alias("recent"), F.lit(1).alias("ever"))
    segments = evidence.users.where(F.col("segment").isNotNull()).select("user_idx", "segment")  # one row per user
    in_segments = choices.join(segments, on="user_idx", how="inner").withColumn("stage", F.lit("segment_popular"))
    everywhere = choices.withColumns({"segment": F.lit(""), "stage": F.lit("popular")})
    nobody = evidence.items.select("item_idx", F.lit(0).alias("recent"), F.lit(0).alias("ever"), F.lit("").alias("segment"))
    counted = (
        in_segments.drop("user_idx")
        .unionByName(everywhere.drop("user_idx"))
        .unionByName(nobody.withColumn("stage", F.lit("popular")))
        .groupBy("stage", "segment", "item_idx")
        .agg(F.sum("recent").alias("n_users"), F.sum("ever").alias("n_ever"))
    )
    offered = counted.join(evidence.items.select("item_idx"), on="item_idx", how="left_semi")
    most_first = Window.partitionBy("stage", "segment").orderBy(F.desc("n_users"), F.desc("n_ever"), F.asc("item_idx"))
    placed = offered.where((F.col("stage") == "popular") | (F.col("n_users") > 0)).withColumn("position", F.row_number().over(most_first))
    return placed.where(F.col("position") <= config.popular_depth).drop("n_ever")
