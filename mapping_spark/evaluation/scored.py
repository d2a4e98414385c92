"""How good scores are where every row has one and its true label: AUC, log loss, RMSE and MAE, in one grouped pass.

Rows whose score or label is null, NaN or infinite are left out and counted in `n_rows_skipped`. Everything is folded to one
row per score value first, so cost is linear in the rows, and what is sorted are distinct values, in many small parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

CLIP = 2.0**-52
"""Probabilities count as at least this and at most 1 minus this, so that a sure and wrong score costs 36.04 nats, not
infinitely many; the machine epsilon of a double, as in scikit-learn since 1.3."""

_COUNT = "decimal(18,0)"  # a product of two is exact
_BUCKETS_PER_OCTAVE = 64
_SMALLEST = 1_100 * _BUCKETS_PER_OCTAVE  # buckets of positive scores start above 0: log2 of the smallest double is -1074


def auc(wins: Column, n_positive: Column, n_negative: Column) -> Column:
    """Area under the ROC curve: the chance that a positive row scores higher than a negative one, in [0, 1]; 0.5 is guessing.

    = U / (n_positive * n_negative), `wins` = U = pairs in which the positive scores higher + half of the tied pairs. Null
    where there is no positive or no negative row. Mann and Whitney 1947; Hanley and McNeil 1982.
    """
    return F.try_divide(wins.cast("double"), n_positive.cast("double") * n_negative.cast("double"))


def log_loss(score: Column, label: Column) -> Column:
    """Loss of one row, in nats, 0 is best: -ln(p) for label 1, -ln(1 - p) for label 0, p = the score clipped (see `CLIP`).

    Its mean is the log loss, also known as binary cross-entropy: Good 1952, "Rational decisions". Null where the label is
    neither 0 nor 1, or the score no probability in [0, 1].
    """
    is_defined = label.isin(0.0, 1.0) & score.between(0.0, 1.0)
    of_label = F.when(label == 1, score).otherwise(F.lit(1.0) - score)
    return F.when(is_defined, -F.ln(F.least(F.greatest(of_label, F.lit(CLIP)), F.lit(1.0 - CLIP))))


def squared_error(score: Column, label: Column) -> Column:
    """Squared error of one row; the root of its mean is the RMSE, in the unit of the label, 0 is best. Gauss 1823."""
    return (score - label) * (score - label)


def absolute_error(score: Column, label: Column) -> Column:
    """Absolute error of one row; its mean is the MAE, in the unit of the label, 0 is best. Willmott and Matsuura 2005."""
    return F.abs(score - label)


LOSSES: Mapping[str, Callable[[Column, Column], Column]] = MappingProxyType(
    {"log_loss": log_loss, "squared_error": squared_error, "absolute_error": absolute_error}
)
"""What one row costs."""


def scored_metrics(rows: DataFrame, by: Sequence[str] = ()) -> DataFrame:
    """All metrics per group: (`by` ..., auc, log_loss, rmse, mae double, n_rows, n_positive, n_rows_skipped bigint).

    `rows`: (`by` ..., score, label: numbers), for example by run_id. One row per group, or one in all without `by`. auc is
    null where a label is neither 0 nor 1, or all are the same; log_loss where a label is neither, or a score lies outside
    [0, 1]; rmse and mae take any numbers. All are null without a row that counts. n_positive counts the labels 1. auc is
    exact, ties included; sums of doubles depend on their order in the last digit.
    """
    in_bucket = Window.partitionBy(*by, "bucket").orderBy("score")
    per_bucket = _with_wins(_per_score(rows, by), in_bucket).groupBy(*by, "bucket").agg(*_sums())
    over_buckets = Window.partitionBy(*by).orderBy("bucket")  # few rows per group: 64 for every doubling of the score
    sums = _with_wins(per_bucket, over_buckets).groupBy(*by).agg(*_sums())
    n_rows = F.col("n_rows")
    is_binary = F.col("n_positive") + F.col("n_negative") == n_rows
    return sums.select(
        *by,
        F.when(is_binary, auc(F.col("twice_wins") / 2, F.col("n_positive"), F.col("n_negative"))).alias("auc"),
        F.when(F.col("n_log_loss") == n_rows, F.try_divide("log_loss", n_rows)).alias("log_loss"),
        F.sqrt(F.try_divide("squared_error", n_rows)).alias("rmse"),
        F.try_divide("absolute_error", n_rows).alias("mae"),
        "n_rows",
        "n_positive",
        "n_rows_skipped",
    )


_COUNTS = ("n_rows", "n_positive", "n_negative", "n_rows_skipped", "n_log_loss")


def _per_score(rows: DataFrame, by: Sequence[str]) -> DataFrame:
    """One row per group and distinct score: counts, losses, and twice the wins among its own ties. The skipped have a null score."""
    score, label = F.col("score").cast("double"), F.col("label").cast("double")
    is_counted = F.coalesce((F.abs(score) < math.inf) & (F.abs(label) < math.inf), F.lit(False))  # NaN is above all numbers
    counted = rows.select(*by, *(F.when(is_counted, value).alias(name) for name, value in (("score", score), ("label", label))))
    score, label = F.col("score"), F.col("label")
    totals = [F.sum(loss(score, label)).alias(name) for name, loss in LOSSES.items()]
    folded = counted.groupBy(*by, "score").agg(
        F.count("score").alias("n_rows"),
        F.count_if(label == 1).alias("n_positive"),
        F.count_if(label == 0).alias("n_negative"),
        F.count_if(score.isNull()).alias("n_rows_skipped"),
        F.count(log_loss(score, label)).alias("n_log_loss"),
        *totals,
    )
    return folded.withColumns({"twice_wins": _exact("n_positive") * _exact("n_negative"), "bucket": _bucket(score)})


def _bucket(score: Column) -> Column:
    """A number that never falls as the score rises: sorting within and over buckets sorts all, in many small parts."""
    magnitude = F.floor(F.log2(F.abs(score)) * _BUCKETS_PER_OCTAVE) + _SMALLEST  # null for 0
    return F.coalesce(F.signum(score) * magnitude, F.lit(0.0))


def _with_wins(frame: DataFrame, order: WindowSpec) -> DataFrame:
    """Add each row's wins over the negatives of the rows before it."""
    below = F.coalesce(F.sum("n_negative").over(order.rowsBetween(Window.unboundedPreceding, -1)), F.lit(0))
    return frame.withColumn("twice_wins", F.col("twice_wins") + 2 * _exact("n_positive") * below.cast(_COUNT))


def _sums() -> list[Column]:
    counts = [F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in _COUNTS]
    return [*counts, *(F.sum(name).alias(name) for name in (*LOSSES, "twice_wins"))]


def _exact(name: str) -> Column:
    return F.col(name).cast(_COUNT)
