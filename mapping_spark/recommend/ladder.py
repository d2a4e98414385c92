"""Every user gets exactly k items: what the model leaves open is filled, and each slot says by what.

The rungs: `model`, then `similar` (like what the user chose), `segment_popular`, `popular`. Only users with open slots
meet the lower rungs, each with as many rows as could be needed, and an item keeps the highest rung that offers it.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.features.fixed_point import fixed_point_sum
from mapping_spark.recommend.evidence import Evidence
from mapping_spark.recommend.settings import RecommendConfig

STAGES = ("model", "similar", "segment_popular", "popular")
"""The rungs, highest first."""


def fill_ladder(lists: DataFrame, popular: DataFrame, evidence: Evidence, config: RecommendConfig) -> DataFrame:
    """k slots per user: (user_id, user_idx, segment, rank int from 1, item_id, item_idx, score double, stage, evidence_idx).

    `lists`: the model's (user_idx, item_idx, score, rank), of eligible items; `popular`: see `evidence.popularity_lists`.
    Every user of `evidence.users` gets ranks 1..k without a gap and no item twice; fewer only where there are fewer
    eligible items (with `exclude_seen`: unseen ones, and see `popular_depth`). Score: of the stage (`model`: the model's;
    `similar`: sum of weight x likeness; else users in the window). evidence_idx: the user's own item that speaks most for
    a `similar` one, else null. `lists` is read three times: hand in a frame that is stored or cached.
    """
    opened = _users_with_open_slots(lists, evidence, config)
    model = lists.where(F.col("rank") <= config.k)
    rungs = [
        model.select("user_idx", "item_idx", "score", F.col("rank").alias("place"), _rung("model"), _no_evidence()),
        _like_what_they_chose(opened, evidence),
        _from_popularity_lists(opened, popular),
    ]
    offers = reduce(DataFrame.unionByName, rungs)
    if config.exclude_seen:
        offers = offers.join(evidence.interactions.select("user_idx", "item_idx"), on=["user_idx", "item_idx"], how="left_anti")
    # One row per user and per item on the right: rules hold for every rung, and no row is multiplied.
    allowed = offers.join(evidence.items.select("item_idx", "item_id"), on="item_idx", how="inner")
    by_user = allowed.repartition("user_idx").join(evidence.users, on="user_idx", how="inner")
    best = F.min(F.struct("rung", "place", "score", "evidence_idx")).alias("best")
    once = by_user.groupBy("user_id", "user_idx", "segment", "item_id", "item_idx").agg(best)
    down_the_ladder = Window.partitionBy("user_idx").orderBy("best.rung", "best.place", "item_idx")
    slots = once.withColumn("rank", F.row_number().over(down_the_ladder)).where(F.col("rank") <= config.k)
    stage = F.element_at(F.array(*map(F.lit, STAGES)), F.col("best.rung") + 1).alias("stage")
    return slots.select("user_id", "user_idx", "segment", "rank", "item_id", "item_idx", "best.score", stage, "best.evidence_idx")


def _rung(stage: str) -> Column:
    return F.lit(STAGES.index(stage)).alias("rung")


def _no_evidence() -> Column:
    return F.lit(None).cast("bigint").alias("evidence_idx")


def _users_with_open_slots(lists: DataFrame, evidence: Evidence, config: RecommendConfig) -> DataFrame:
    """(user_idx, segment, n_needed): users with fewer than k items, and how far down a list k new ones are found at worst."""
    listed = lists.groupBy("user_idx").agg(F.count(F.lit(1)).alias("n_listed"))
    opened = evidence.users.join(listed, on="user_idx", how="left").where(F.coalesce("n_listed", F.lit(0)) < config.k)
    if not config.exclude_seen:
        return opened.select("user_idx", "segment", F.lit(config.k).alias("n_needed"))
    owned = evidence.interactions.groupBy("user_idx").agg(F.count(F.lit(1)).alias("n_seen"))
    n_needed = F.lit(config.k) + F.coalesce("n_seen", F.lit(0)).cast("int")
    return opened.join(owned, on="user_idx", how="left").select("user_idx", "segment", n_needed.alias("n_needed"))


def _like_what_they_chose(opened: DataFrame, evidence: Evidence) -> DataFrame:
    """Items like the user's own: score = sum over own items of weight x likeness; the largest term is the evidence."""
    own = evidence.interactions.select("user_idx", F.col("item_idx").alias("own_idx"), "weight")
    like = evidence.similar.select(
        F.col("item_idx").alias("own_idx"), F.col("similar_item_idx").alias("item_idx"), F.col("score").alias("likeness")
    )
    term = F.col("weight") * F.col("likeness")
    # A user has several own items, an item several like it: a row per term of the sum.
    terms = opened.join(own, on="user_idx", how="inner").join(like.where("likeness > 0"), on="own_idx", how="inner")
    scored = terms.groupBy("user_idx", "item_idx").agg(
        fixed_point_sum(term).alias("score"), F.max_by("own_idx", F.struct(term, -F.col("own_idx"))).alias("evidence_idx")
    )
    best_first = Window.partitionBy("user_idx").orderBy(F.desc("score"), F.asc("item_idx"))
    return scored.select("user_idx", "item_idx", "score", F.row_number().over(best_first).alias("place"), _rung("similar"), "evidence_idx")


def _from_popularity_lists(opened: DataFrame, popular: DataFrame) -> DataFrame:
    """The first n_needed items of each user's two lists: an equi-join on list and position, so no user meets more rows."""
    of_segment = F.struct(F.lit("segment_popular").alias("stage"), F.col("segment"))
    of_all = F.struct(F.lit("popular").alias("stage"), F.lit("").alias("segment"))
    places = opened.select("user_idx", "n_needed", F.inline(F.array(of_segment, of_all)))
    positions = places.withColumn("position", F.explode(F.sequence(F.lit(1), "n_needed")))
    listed = positions.join(popular, on=["stage", "segment", "position"], how="inner")  # one row per list and position
    rung = F.when(F.col("stage") == "popular", _rung("popular")).otherwise(_rung("segment_popular")).alias("rung")
    score = F.col("n_users").cast("double").alias("score")
    return listed.select("user_idx", "item_idx", score, F.col("position").alias("place"), rung, _no_evidence())
