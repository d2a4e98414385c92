"""Which candidates become events: one per id within a window of dates, none that came too late.

Of records with one id in a batch the first delivered wins: the smallest (source_file, source_offset). Over batches the
one that is already there wins. Ids are compared by a 64-bit hash first, so that wide shuffles carry a short key.
"""

from __future__ import annotations

import datetime as dt

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from mapping_spark.events.canonical import REASONS

OUTCOME = "outcome"
QUARANTINED, DUPLICATE, LATE, CLEAN = "quarantined", "duplicate", "late", "clean"

_KEY = ("__hash", "__id")


def classify(candidates: DataFrame, known: DataFrame, known_late: DataFrame, *, late_before: dt.date | None, window_days: int) -> DataFrame:
    """Add `outcome` to candidates of one batch: `quarantined`, `duplicate`, `late` or `clean`.

    `known` (event_id, event_date): events of other batches that the window can reach. `known_late` (event_id): late
    events of other batches. `late_before`: events of earlier business days are late; None where none can be.
    """
    is_good = F.col(REASONS) == ""
    # Rejected rows are spread by where they came from: most have no id, and one task would get them all.
    scattered = F.xxhash64("source_file", "source_offset")
    keyed = candidates.withColumn("__hash", F.when(is_good, F.xxhash64("event_id")).otherwise(scattered))
    keyed = keyed.withColumn("__id", F.when(is_good, F.col("event_id")))
    first = F.row_number().over(Window.partitionBy(*_KEY).orderBy("source_file", "source_offset")) == 1
    ranked = keyed.withColumn("__is_first", first)
    # Both sides hold each id once, so that the joins cannot multiply rows.
    seen = ranked.join(_by_id(known, F.collect_set("event_date").alias("__dates")), on=[*_KEY], how="left")
    near = F.exists("__dates", lambda day: F.abs(F.date_diff("event_date", day)) <= window_days)
    if late_before is None:
        seen = seen.withColumn("__is_known_late", F.lit(False))
    else:
        seen = seen.join(_by_id(known_late, F.lit(True).alias("__is_known_late")), on=[*_KEY], how="left")
    is_late = F.lit(False) if late_before is None else F.col("event_date") < F.lit(late_before)
    outcome = (
        F.when(~is_good, F.lit(QUARANTINED))
        .when(~F.col("__is_first"), F.lit(DUPLICATE))
        .when(is_late, F.when(F.col("__is_known_late"), F.lit(DUPLICATE)).otherwise(F.lit(LATE)))
        .when(near, F.lit(DUPLICATE))
        .otherwise(F.lit(CLEAN))
    )
    return seen.withColumn(OUTCOME, outcome).drop(*_KEY, "__is_first", "__dates", "__is_known_late")


def _by_id(known: DataFrame, what: Column) -> DataFrame:
    return known.groupBy(F.xxhash64("event_id").alias("__hash"), F.col("event_id").alias("__id")).agg(what)
