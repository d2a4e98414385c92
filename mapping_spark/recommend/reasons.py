"""Why this item: a code and a sentence with its evidence for every slot. Every join starts from the slots."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.recommend.evidence import Evidence
from mapping_spark.recommend.settings import RecommendConfig

REASON_CODES = ("bought_again", "like_item", "popular_in_segment", "popular", "model_rank", "catalogue")
"""What `reason_code` can say, strongest first: a slot gets the first it has evidence for."""


def add_reasons(slots: DataFrame, popular: DataFrame, evidence: Evidence, config: RecommendConfig) -> DataFrame:
    """`slots` (as `ladder.fill_ladder` returns them) with `reason_code` and `reason`, row by row; neither is ever null.

    `bought_again`: the user chose the item before: how often, and business days since the last time. `like_item`: the
    user's own eligible item with the largest weight x likeness among the `similar_k` most like this one (stage `similar`:
    the largest term of the score). `popular_in_segment`, `popular`: users in the window, if the stage says so, or if
    nothing better is known and there are `min_users_shown` of them. `model_rank`: the place in the model's list.
    `catalogue`: nobody chose it in the window.
    """
    facts = _with_counts(_with_like_item(_with_history(slots, evidence), evidence), popular)
    is_shown = F.lit(config.min_users_shown)
    code = (
        F.when(F.col("n_events").isNotNull(), "bought_again")
        .when(F.col("like_title").isNotNull(), "like_item")
        .when((F.col("stage") == "segment_popular") | (F.col("n_users_like_you") >= is_shown), "popular_in_segment")
        .when((F.col("stage") == "popular") & (F.col("n_users") > 0) | (F.col("n_users") >= is_shown), "popular")
        .when(F.col("stage") == "model", "model_rank")
        .otherwise("catalogue")
    )
    sentences = _sentences(evidence, config)
    reason = F.coalesce(*(F.when(F.col("reason_code") == name, sentence) for name, sentence in sentences.items()))
    return facts.withColumn("reason_code", code).withColumn("reason", reason).select(*slots.columns, "reason_code", "reason")


def _with_history(slots: DataFrame, evidence: Evidence) -> DataFrame:
    """Add n_events and last_at of the pair, null where the user never chose the item."""
    pairs = evidence.interactions.select("user_idx", "item_idx", "n_events", "last_at")  # one row per pair
    return slots.join(pairs, on=["user_idx", "item_idx"], how="left")


def _with_like_item(slots: DataFrame, evidence: Evidence) -> DataFrame:
    """Add like_title, null where the user has no item like it, or needs none because of stronger evidence."""
    nearest = F.collect_list(F.struct(F.col("similar_item_idx").alias("own_idx"), F.col("score").alias("likeness"))).alias("nearest")
    neighbours = evidence.similar.groupBy("item_idx").agg(nearest)  # at most similar_k each
    known = F.array(F.struct(F.col("evidence_idx").alias("own_idx"), F.lit(1.0).alias("likeness")))
    looked_at = F.when(F.col("evidence_idx").isNotNull(), known).when(
        (F.col("stage") == "model") & F.col("n_events").isNull(), F.col("nearest")
    )
    candidates = slots.join(neighbours, on="item_idx", how="left").select(*slots.columns, F.explode_outer(looked_at).alias("near"))
    own = evidence.interactions.select("user_idx", F.col("item_idx").alias("own_idx"), "weight")
    titles = evidence.items.select(F.col("item_idx").alias("own_idx"), F.col("title").alias("own_title"))
    owned = (
        candidates.select(*slots.columns, "near.own_idx", "near.likeness")
        .join(own, on=["user_idx", "own_idx"], how="left")  # one row per pair
        .join(titles, on="own_idx", how="left")  # one row per item
    )
    strength = F.when(
        F.col("weight").isNotNull() & F.col("own_title").isNotNull(), F.struct(F.col("weight") * F.col("likeness"), -F.col("own_idx"))
    )
    return owned.groupBy(*slots.columns).agg(F.max_by("own_title", strength).alias("like_title"))


def _with_counts(slots: DataFrame, popular: DataFrame) -> DataFrame:
    """Add n_users and n_users_like_you (in the user's segment): users who chose the item in the window, 0 where none is counted."""
    is_of_all = F.col("stage") == "popular"  # one list; the others are of one segment each, which may be called ''
    of_segments = F.collect_list(F.when(~is_of_all, F.struct("segment", "n_users")))
    n_users, by_segment = F.max(F.when(is_of_all, F.col("n_users"))), F.map_from_entries(of_segments)
    counts = popular.groupBy("item_idx").agg(n_users.alias("n_users"), by_segment.alias("by_segment"))
    like_you = F.try_element_at("by_segment", F.col("segment"))
    counted = slots.join(counts, on="item_idx", how="left").withColumn("n_users_like_you", like_you)
    return counted.fillna(0, subset=["n_users", "n_users_like_you"])


def _sentences(evidence: Evidence, config: RecommendConfig) -> dict[str, Column]:
    """The sentence of each code."""
    last_date = F.to_date(F.from_utc_timestamp("last_at", config.time_zone))
    ago = F.concat(_counted(F.date_diff(F.lit(evidence.as_of), last_date), "day"), F.lit(" ago"))
    once = F.concat(F.lit(f"{config.verb_past} once, "), ago)
    often = F.concat(F.lit(f"{config.verb_past} "), F.col("n_events"), F.lit(" times, last "), ago)
    window = f"in the last {config.popular_days} days"
    return {
        "bought_again": F.when(F.col("n_events") == 1, once).otherwise(often),
        "like_item": F.concat(F.lit("like "), F.col("like_title"), F.lit(f", which you {config.verb}")),
        "popular_in_segment": F.concat(_at_least(F.col("n_users_like_you"), config), F.lit(f" like you {window}")),
        "popular": F.concat(_at_least(F.col("n_users"), config), F.lit(f" {window}")),
        "model_rank": F.concat(F.lit("place "), F.col("rank"), F.lit(f" in the list of {config.model}")),
        "catalogue": F.lit(f"in the catalogue, no users {window}"),
    }


def _counted(number: Column, noun: str) -> Column:
    return F.concat(number, F.when(number == 1, f" {noun}").otherwise(f" {noun}s"))


def _at_least(n_users: Column, config: RecommendConfig) -> Column:
    """`312 users`, or `fewer than 5 users`."""
    few = F.lit(f"fewer than {config.min_users_shown} users")
    return F.when(n_users < config.min_users_shown, few).otherwise(_counted(n_users, "user"))
