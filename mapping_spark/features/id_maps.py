"""Natural keys to the integers that models use: contiguous from 0, append-only, never renumbered.

Numbering is spread over buckets of a key's hash. Each bucket numbers its own keys; the counts of the buckets before
it move them up. So no task ever holds more than one bucket, and only one small row per bucket meets the others.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import conform

_BUCKETS = 256


def extend_ids(known: DataFrame, keys: DataFrame, table: Table, *, n_buckets: int = _BUCKETS) -> DataFrame:
    """The rows to append to the id map `known` so that every key of `keys` has an integer.

    `table` is silver.user_ids or silver.item_ids: its key is the natural key, its other column the integer.
    `keys` is any frame with the key column (silver.events); repeats are welcome, nulls are left out. New integers go
    from the largest known one + 1 (from 0 in an empty map) without a hole, in the order of (hash bucket, key), so that
    the same two inputs always give the same rows. `n_buckets` bounds how many keys one task sorts.
    """
    key = table.primary_key[0]
    index = next(name for name in table.column_names if name != key)
    new = (
        keys.select(key)
        .where(F.col(key).isNotNull())
        .distinct()
        .join(known.select(key), on=key, how="left_anti")
        .withColumn("bucket", F.pmod(F.xxhash64(key), F.lit(n_buckets)).cast("int"))
    )
    in_bucket = F.row_number().over(Window.partitionBy("bucket").orderBy(key)).cast("bigint")
    numbered = new.withColumn("place", in_bucket).join(_starts(known, new, index, n_buckets), on="bucket", how="inner")
    return conform(numbered.withColumn(index, F.col("start") + F.col("place") - 1), table)


def _starts(known: DataFrame, new: DataFrame, index: str, n_buckets: int) -> DataFrame:
    """(bucket, start): the first integer of each bucket, one row per bucket."""
    # The known ids count as a bucket before all others; one aggregate without groups is one row, also for an empty map.
    before = known.agg(F.coalesce(F.max(index) + 1, F.lit(0)).cast("bigint").alias("n")).select(F.lit(-1).alias("bucket"), "n")
    sizes = new.groupBy("bucket").agg(F.count(F.lit(1)).alias("n")).unionByName(before)
    later = F.explode(F.sequence(F.col("bucket") + 1, F.lit(n_buckets)))
    return sizes.select(later.alias("bucket"), "n").groupBy("bucket").agg(F.sum("n").alias("start"))
