"""What counts as right: the items a known user took after the as-of date, by protocol."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

ALL_ITEMS = "all_items"
NEW_ITEMS = "new_items"
PROTOCOLS = (ALL_ITEMS, NEW_ITEMS)


def relevant_items(future: DataFrame, interactions: DataFrame) -> DataFrame:
    """The items each known user interacted with after the as-of date: (protocol string, user_idx, item_idx), one row per triple.

    `future`: (user_idx, item_idx) of the interactions on or after the as-of date, in any number of rows per pair.
    `interactions`: the slice of silver.interactions of that date (what the models were fitted on).

    `all_items` holds every pair of a user whom `interactions` knows; `new_items` only those pairs that are not in
    `interactions`, so that repeating a habit earns nothing. Left out: users unknown to `interactions`, and rows where
    either integer is null (a user or an item without an id). A time split, not a random one: Ji et al. 2023, "A critical
    study on data leakage in recommender system offline evaluation".
    """
    known_users = interactions.select("user_idx").distinct()
    seen = interactions.select("user_idx", "item_idx", F.lit(True).alias("is_seen"))  # one row per (user, item)
    # distinct: from one row per interaction to one per pair, the grain of relevance
    pairs = future.select("user_idx", "item_idx").where(F.col("item_idx").isNotNull()).distinct()
    marked = pairs.join(known_users, on="user_idx", how="left_semi").join(seen, on=["user_idx", "item_idx"], how="left")
    always = F.array(F.lit(ALL_ITEMS))
    protocols = F.when(F.col("is_seen"), always).otherwise(F.array(F.lit(ALL_ITEMS), F.lit(NEW_ITEMS)))
    return marked.select(F.explode(protocols).alias("protocol"), "user_idx", "item_idx")
