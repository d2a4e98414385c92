"""Columns and frames in the shape of `Vectors`: (key, indices array<int>, values array<float>)."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

INDICES, VALUES = "indices", "values"


def sparse(entries: DataFrame, key: str) -> DataFrame:
    """Fold (key, index int, value) into one sparse vector per key, indices ascending; an index must stand once per key."""
    cells = F.sort_array(F.collect_list(F.struct("index", F.col("value").cast("float").alias("value"))))
    folded = entries.groupBy(key).agg(cells.alias("cells"))
    return folded.select(key, F.col("cells.index").alias(INDICES), F.col("cells.value").alias(VALUES))


def entries(vectors: DataFrame, key: str) -> DataFrame:
    """(key, index, value): one row per stored number of sparse vectors."""
    return vectors.select(key, F.explode(F.arrays_zip(INDICES, VALUES)).alias("cell")).select(
        key, F.col("cell.indices").alias("index"), F.col("cell.values").alias("value")
    )


def one_hot(frame: DataFrame, key: str) -> DataFrame:
    """The vector of each row of `frame`: 1 at its own integer, so that the other side's entry is the score."""
    return frame.select(key, F.array(as_index(key)).alias(INDICES), F.array(F.lit(1.0).cast("float")).alias(VALUES))


def dense(frame: DataFrame, key: str, values: Column) -> DataFrame:
    """The dense vectors `values` (an array column; equally long in every row)."""
    return frame.select(F.col(key).cast("bigint"), F.lit(None).cast("array<int>").alias(INDICES), values.cast("array<float>").alias(VALUES))


def longer(vectors: DataFrame, value: Column) -> DataFrame:
    """Dense vectors with one more number at their end; other columns are left out."""
    key = vectors.columns[0]
    return vectors.select(key, INDICES, F.concat(VALUES, F.array(value.cast("float"))).alias(VALUES))


def unit_length(vectors: DataFrame, key: str) -> DataFrame:
    """Each vector divided by its L2 norm; a vector of zeros stays one."""
    unit = F.aggregate(
        VALUES,
        F.lit(0.0),
        lambda total, x: total + x.cast("double") * x.cast("double"),
        # the sum as a variable: Spark would compute an expression outside again for every number
        lambda total: F.transform(VALUES, lambda x: (x / F.greatest(F.sqrt(total), F.lit(1e-30))).cast("float")),
    )
    return vectors.select(key, INDICES, unit.alias(VALUES))


def as_index(column: str) -> Column:
    """An id-map integer as a position in a vector; 2^31 and beyond fail the query (ANSI cast), they never wrap."""
    return F.col(column).cast("int")


def log_weight(scale: float) -> Column:
    """ln(1 + scale * weight) of an interaction: the tenth purchase says less than the second."""
    return F.log1p(F.lit(scale) * F.col("weight"))
