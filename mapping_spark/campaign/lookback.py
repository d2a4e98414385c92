"""What a user did in the days before a moment, joined at a cost linear in both sides."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_DAY_SECONDS = 86_400


def looked_back(moments: DataFrame, events: DataFrame, *, days: int) -> DataFrame:
    """Every pair of a moment and an event of its user in [moment_at - days, moment_at).

    `moments` has user_id and moment_at, `events` user_id and event_at (UTC), and no further column of one name; the pairs hold
    all columns. A moment meets the two blocks of `days` that its window touches, never a user's whole history.
    """
    block = "lookback_block"
    seconds = days * _DAY_SECONDS
    now = _block("moment_at", seconds)
    blocked = moments.withColumn(block, F.explode(F.array(now, now - 1)))
    pairs = blocked.join(events.withColumn(block, _block("event_at", seconds)), on=["user_id", block], how="inner")
    age = F.unix_micros("moment_at") - F.unix_micros("event_at")
    return pairs.where((age > 0) & (age <= seconds * 1_000_000)).drop(block)


def _block(at: str, seconds: int) -> Column:
    return F.floor(F.unix_seconds(at) / F.lit(seconds))
