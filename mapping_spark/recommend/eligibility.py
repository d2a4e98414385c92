"""Who may be recommended to, and what: rules that are tables.

Rules on items drop targets before the search and rules on users drop queries, so neither can leave a hole in a list and
nothing need be fetched in excess. Rules on pairs (seen items) are exclusions of the search itself.
"""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def eligible_items(item_ids: DataFrame, items: DataFrame, blocked: DataFrame) -> DataFrame:
    """Items that may be recommended: (item_id, item_idx, title), one row per item.

    Left out are items whose silver.items row says `is_available = false`, and all in silver.blocked_items. An item the
    catalogue lacks stays in: no rule speaks against it; its title is its id.
    """
    catalogue = items.select("item_id", "title", "is_available")  # one row per item_id
    described = item_ids.join(catalogue, on="item_id", how="left")
    offered = described.where(F.coalesce("is_available", F.lit(True)))
    allowed = offered.join(blocked.select("item_id"), on="item_id", how="left_anti")
    return allowed.select("item_id", "item_idx", F.coalesce("title", "item_id").alias("title"))


def eligible_users(user_ids: DataFrame, users: DataFrame, known: DataFrame) -> DataFrame:
    """Users who get recommendations: (user_id, user_idx, segment), one row per user; segment is null where undeclared.

    Kept are users of `known` (user_id, any number of rows each; see `known_before`) whose silver.users row says that they
    consent. A user without a row has not consented.
    """
    consenting = users.where("has_marketing_consent").select("user_id", "segment")  # one row per user_id
    allowed = user_ids.join(consenting, on="user_id", how="inner")
    return allowed.join(known.select("user_id"), on="user_id", how="left_semi").select("user_id", "user_idx", "segment")


def known_before(events: DataFrame, as_of: dt.date) -> DataFrame:
    """(user_id) of every event on a business day before `as_of`, whatever its type; users repeat."""
    return events.where(F.col("event_date") < F.lit(as_of)).select("user_id")
