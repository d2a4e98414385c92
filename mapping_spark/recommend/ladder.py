"""Every user gets exactly k items: what the model leaves open is filled, and each slot says by what.

The rungs: `model`, then `similar` (like what the user chose), `segment_popular`, `popular`. Only users with open slots
meet the lower rungs, each with as many rows as could be needed, and an item keeps the highest rung that offers it.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.features.fixed_point import fixed_point_sum
from mapping_spark.recommend.evidence import Evidence
from mapping_spark.recommend.settings import RecommendConfig

STAGES = ("model", "similar", "segment_popular", "popular")
"""The rungs, highest first."""


def fill_ladder(lists: DataFrame, popular: DataFrame, evidence: Evidence, config: RecommendConfig) -> DataFrame:
    """k slots per user: (user_idx, rank int from 1, item_idx, score double, stage, evidence_idx).

    `lists`: (user_idx, item_idx, score, rank), the model's; `popular`: as `evidence.popularity_lists` returns it. Every
    user of `evidence.users` gets ranks 1..k without a gap and no item twice; fewer only where there are fewer eligible
    items (with `exclude_seen`: that the user has not seen, see `popular_depth`). Score: of the stage (`model`: the model's,
    `similar`: sum of weight x likeness, else users in the window). evidence_idx: the user's item that speaks most for a
    `similar` one, else null. `lists` is read three times: hand in a frame that is stored or cached.
    """
    model = lists.join(evidence.users, on="user_idx", how="left_semi").where(F.col("rank") <= config.k)
    opened = _users_with_open_slots(lists, evidence, config)
    rungs = [
        model.select("user_idx", "item_idx", "score", F.col("rank").alias("place"), F.lit(None).cast("bigint").alias("evidence_idx")),
        _unseen(_like_what_they_chose(opened, evidence, config), evidence, config),
        *(_unseen(_from_lists(opened, popular, stage), evidence, config) for stage in STAGES[2:]),
    ]
    offers = reduce(DataFrame.unionByName, (rung.withColumn("rung", F.lit(number)) for number, rung in enumerate(rungs)))
    best = F.min(F.struct("rung", "place", "score", "evidence_idx")).alias("best")
    # By user first, so that neither the grouping nor the window moves the rows again.
    once = offers.repartition("user_idx").groupBy("user_idx", "item_idx").agg(best).select("user_idx", "item_idx", "best.*")
    down_the_ladder = Window.partitionBy("user_idx").orderBy("rung", "place", "item_idx")
    slots = once.withColumn("rank", F.row_number().over(down_the_ladder)).where(F.col("rank") <= config.k)
    stage = F.element_at(F.array(*map(F.lit, STAGES)), F.col("rung") + 1)
    return slots.select("user_idx", "rank", "item_idx", "score", stage.alias("stage"), "evidence_idx")


def _users_with_open_slots(lists: DataFrame, evidence: Evidence, config: RecommendConfig) -> DataFrame:
    """(user_idx, segment, n_needed): users with fewer than k items, and how far down a list k new ones are found at worst."""
    listed = lists.groupBy("user_idx").agg(F.count(F.lit(1)).alias("n_listed"))
    opened = evidence.users.join(listed, on="user_idx", how="left").where(F.coalesce("n_listed", F.lit(0)) < config.k)
    if not config.exclude_seen:
        return opened.select("user_idx", "segment", F.lit(config.k).alias("n_needed"))
    owned = evidence.interactions.groupBy("user_idx").agg(F.count(F.lit(1)).alias("n_seen"))
    n_needed = F.lit(config.k) + F.coalesce("n_seen", F.lit(0)).cast("int")
    return opened.join(owned, on="user_idx", how="left").select("user_idx", "segment", n_needed.alias("n_needed"))


def _like_what_they_chose(opened: DataFrame, evidence: Evidence, config: RecommendConfig) -> DataFrame:
    """Items like the user's own: score = sum over own items of weight x likeness; the largest term is the evidence."""
    own = evidence.interactions.select("user_idx", F.col("item_idx").alias("own_idx"), "weight")
    # The item itself and the items like it; `similar` has one row per pair of items.
    like = evidence.similar.select(
        F.col("item_idx").alias("own_idx"), F.col("similar_item_idx").alias("item_idx"), F.col("score").alias("likeness")
    )
    offered = like.join(evidence.items.select("item_idx"), on="item_idx", how="left_semi").where(F.col("likeness") > 0)
    term = F.col("weight") * F.col("likeness")
    terms = opened.select("user_idx", "n_needed").join(own, on="user_idx", how="inner").join(offered, on="own_idx", how="inner")
    scored = terms.groupBy("user_idx", "item_idx", "n_needed").agg(
        fixed_point_sum(term).alias("score"), F.max_by("own_idx", F.struct(term, -F.col("own_idx"))).alias("evidence_idx")
    )
    best_first = Window.partitionBy("user_idx").orderBy(F.desc("score"), F.asc("item_idx"))
    placed = scored.withColumn("place", F.row_number().over(best_first))
    return placed.where(F.col("place") <= F.col("n_needed")).select("user_idx", "item_idx", "score", "place", "evidence_idx")


def _from_lists(opened: DataFrame, popular: DataFrame, stage: str) -> DataFrame:
    """The first n_needed items of the user's list: an equi-join on list and position, so no user meets more rows than that."""
    segment = F.col("segment") if stage == "segment_popular" else F.lit("")
    positions = opened.select("user_idx", segment.alias("segment"), F.explode(F.sequence(F.lit(1), "n_needed")).alias("position"))
    listed = positions.join(popular.where(F.col("stage") == stage), on=["segment", "position"], how="inner")
    score, nothing = F.col("n_users").cast("double").alias("score"), F.lit(None).cast("bigint").alias("evidence_idx")
    return listed.select("user_idx", "item_idx", score, F.col("position").alias("place"), nothing)


def _unseen(offers: DataFrame, evidence: Evidence, config: RecommendConfig) -> DataFrame:
    """Without the user's own items, if the settings say so (the model's lists were made that way)."""
    if not config.exclude_seen:
        return offers
    return offers.join(evidence.interactions.select("user_idx", "item_idx"), on=["user_idx", "item_idx"], how="left_anti")
