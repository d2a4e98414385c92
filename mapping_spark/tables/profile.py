"""What a table holds, in few numbers: a row per column, and a histogram of each column that may be shown.

Ids, keys and free text are counted and never written. Each function reads the table once and brings it down to a few
hundred rows in the first aggregation. Bins do not depend on the data, so any two profiles of a table can be compared.
"""

from __future__ import annotations

import datetime as dt

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.tables import contract
from mapping_spark.tables.contract import Table

QUANTILES = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
"""Column of ops.table_profile to the share of values up to it."""

RANKS = 1000
"""Accuracy of quantiles: ten times as much takes twice the time."""

MAX_VALUES = 100
"""Values of a category that are shown, the most frequent ones; the rest is one bin."""

MAX_LENGTH = 64
"""Characters from which on a value is no category, whatever was declared."""

VALUE, RANGE, NULL, OTHER = "value", "range", "null", "other"
_BIN = ("column_name", "kind", "bin", "low", "high")


def rows_as_of(frame: DataFrame, table: Table, as_of: dt.date) -> DataFrame:
    """The rows a run for `as_of` may use: its slice, or the events of earlier business days, or all of an undated table."""
    if "as_of_date" in table.by_name:
        return frame.where(F.col("as_of_date") == F.lit(as_of))
    return frame.where(F.col("event_date") < F.lit(as_of)) if "event_date" in table.by_name else frame


def profile(frame: DataFrame, table: Table, as_of: dt.date) -> DataFrame:
    """One row per column of `table`, from one aggregate over its rows as of a date.

    Gives (column_name string, n_rows, n_nulls, n_distinct bigint, p05 .. p95 double, freshness_days int). Distinct values
    are estimated to about 5 % (HyperLogLog++, Heule et al. 2013), the same in every run. Quantiles are values of the
    column whose rank is off by at most 1 / `RANKS` of the rows (Greenwald and Khanna 2001); which of such neighbours comes out
    may depend on the partitioning. They are null for text, ids and columns without a value; dates and timestamps count
    as days before `as_of`, and `freshness_days` is the least of them (null for other types).
    """
    counted = {column.name for column in table.counted_columns}
    columns = F.array(*(_summary(column, as_of, has_quantiles=column.name in counted) for column in table.columns))
    return rows_as_of(frame, table, as_of).agg(columns.alias("columns")).select(F.inline("columns"))


def _summary(column: contract.Column, as_of: dt.date, *, has_quantiles: bool) -> Column:
    name, number = f"`{column.name}`", _number(column, as_of) if has_quantiles else None
    quantiles = F.lit(None).cast("array<double>") if number is None else F.percentile_approx(number, list(QUANTILES.values()), RANKS)
    freshness = F.min(_age_days(column, as_of)) if column.is_time else F.lit(None).cast("int")
    return F.struct(
        F.lit(column.name).alias("column_name"),
        F.count(F.lit(1)).alias("n_rows"),
        (F.count(F.lit(1)) - F.count(name)).alias("n_nulls"),
        F.approx_count_distinct(name).alias("n_distinct"),
        *(quantiles[position].alias(label) for position, label in enumerate(QUANTILES)),
        freshness.alias("freshness_days"),
    )


def histograms(frame: DataFrame, table: Table, as_of: dt.date) -> DataFrame:
    """Rows per bin of every counted column of `table` as of a date; bins without rows are left out.

    Gives (column_name, kind, bin string, low, high double, n_rows bigint). A category or a boolean has a bin per value;
    a number (of dates and timestamps: days before `as_of`) a bin per power of two, [2^k, 2^(k+1)), mirrored below 0,
    with 0 and NaN for themselves: half an order of magnitude is seen, a shift within a factor of two only in part.
    Rows are grouped by all their bins together first, so that only combinations that occur are taken apart.
    """
    columns = table.counted_columns
    bounds = [_bin(column, as_of).alias(column.name) for column in columns]
    names = [column.name for column in columns]
    together = rows_as_of(frame, table, as_of).select(*bounds).groupBy(*names).agg(F.count(F.lit(1)).alias("n_rows"))
    apart = together.select(F.inline(F.array(*(_described(column) for column in columns))), "n_rows")
    return _most_frequent(apart.groupBy(*_BIN).agg(F.sum("n_rows").alias("n_rows")))


def _most_frequent(bins: DataFrame) -> DataFrame:
    """Put the values beyond `MAX_VALUES` of a column into one bin; ties by name. Takes and gives a row per bin."""
    by_size = Window.partitionBy("column_name", "kind").orderBy(F.desc("n_rows"), F.asc("bin"))
    is_rare = (F.col("kind") == VALUE) & (F.col("position") > MAX_VALUES)
    ranked = bins.withColumn("position", F.row_number().over(by_size))
    labelled = ranked.withColumns({"kind": F.when(is_rare, OTHER).otherwise(F.col("kind")), "bin": F.when(~is_rare, F.col("bin"))})
    return labelled.fillna("", ["bin"]).groupBy(*_BIN).agg(F.sum("n_rows").alias("n_rows"))


def _bin(column: contract.Column, as_of: dt.date) -> Column:
    """A category's value, or the end of a number's bin that is nearest to 0; null where the column is."""
    number = _number(column, as_of)
    if number is None:
        return F.col(f"`{column.name}`").cast("string")
    bound = F.signum(number) * F.pow(F.lit(2.0), F.floor(F.log2(F.abs(number))))
    return F.when((number == 0) | F.isnan(number), number).otherwise(bound)


def _described(column: contract.Column) -> Column:
    """(column_name, kind, bin, low, high) of a row of grouped bins."""
    bound, nothing = F.col(f"`{column.name}`"), F.lit(None).cast("double")
    if column.type in ("string", "boolean"):
        is_short = F.length(bound) <= MAX_LENGTH
        kind, text, low, high = F.when(is_short, VALUE).otherwise(OTHER), F.when(is_short, bound).otherwise(""), nothing, nothing
    else:
        kind, text = F.lit(RANGE), bound.cast("string")
        low, high = F.when(bound < 0, 2 * bound).otherwise(bound), F.when(bound < 0, bound).otherwise(2 * bound)
    return F.struct(
        F.lit(column.name).alias("column_name"),
        F.when(bound.isNull(), NULL).otherwise(kind).alias("kind"),
        F.when(bound.isNull(), "").otherwise(text).alias("bin"),
        low.alias("low"),
        high.alias("high"),
    )


def _number(column: contract.Column, as_of: dt.date) -> Column | None:
    """A column as a double; None for text and booleans."""
    if column.type in ("string", "boolean"):
        return None
    return (_age_days(column, as_of) if column.is_time else F.col(f"`{column.name}`")).cast("double")


def _age_days(column: contract.Column, as_of: dt.date) -> Column:
    """Days from a date, or the UTC day of a timestamp, to `as_of`; negative after it."""
    return F.datediff(F.lit(as_of), F.col(f"`{column.name}`"))
