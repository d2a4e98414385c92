"""Choices folded to baskets, and rules between items: what the models of baskets and sessions share."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.models.vectors import as_index


def fold(choices: DataFrame, max_items: int) -> DataFrame:
    """(user_idx, basket, last int, items array<int>): one row per basket with its latest `max_items` choices, latest first.

    `choices` as in `TrainingData`; `last` is the recency of the basket's latest choice. An item chosen twice stands twice.
    """
    cells = F.sort_array(F.collect_list(F.struct("recency", as_index("item_idx").alias("item"))))
    folded = choices.groupBy("user_idx", "basket").agg(F.min("recency").alias("last"), F.slice(cells, 1, max_items).alias("cells"))
    return folded.select("user_idx", "basket", "last", F.col("cells.item").alias("items"))


def strongest(rules: DataFrame, n: int) -> DataFrame:
    """The `n` rules of each antecedent with the largest value above 0, ties by smaller item_idx, as item vectors: value over antecedent.

    `rules`: (antecedent int, item_idx, value), a pair at most once.
    """
    best_first = Window.partitionBy("antecedent").orderBy(F.desc("value"), F.asc("item_idx"))
    placed = rules.where(F.col("value") > 0).withColumn("place", F.row_number().over(best_first))
    return placed.where(F.col("place") <= n).select("item_idx", F.col("antecedent").alias("index"), "value")
