"""Which row of an exposure log counts for an experiment, and why the others do not."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

SHOWN_ANOTHER, TWO_VARIANTS, REPEATED = "shown_another_variant", "in_two_variants", "repeated"


def judge_exposures(exposures: DataFrame) -> DataFrame:
    """`exposures` with `reason`: null for the one row of a user that counts, else why the row is excluded.

    `exposures`: event_id, user_id, variant (assigned), shown_variant, event_at. A row that shows another variant than the assigned
    one says nothing of either; a user whose other rows name two variants is left out whole; of the rest the first row counts, ties
    by event id. Counts by `reason` sum to the rows.
    """
    fits = F.col("variant").eqNullSafe(F.col("shown_variant"))
    of_user = Window.partitionBy("user_id")
    n_variants = F.size(F.collect_set(F.when(fits, F.col("variant"))).over(of_user))
    first = F.min(F.when(fits, F.struct("event_at", "event_id"))).over(of_user)
    is_first = F.struct("event_at", "event_id") == first
    reason = F.when(~fits, F.lit(SHOWN_ANOTHER)).when(n_variants > 1, F.lit(TWO_VARIANTS)).when(~is_first, F.lit(REPEATED))
    return exposures.withColumn("reason", reason)
