"""The words that describe each item of the id map."""

from __future__ import annotations

from pyspark.sql import DataFrame


def item_text(items: DataFrame, item_ids: DataFrame) -> DataFrame:
    """(item_idx, text): one row per item of the id map, `text` null where silver.items lacks the item."""
    # silver.items has one row per item_id, so the join keeps one row per id.
    return item_ids.join(items.select("item_id", "text"), on="item_id", how="left").select("item_idx", "text")


def item_categories(items: DataFrame, item_ids: DataFrame) -> DataFrame:
    """(item_idx, category string) of silver.items, one row per item of the catalogue and the id map."""
    return item_ids.join(items.select("item_id", "category"), on="item_id", how="inner").select("item_idx", "category")
