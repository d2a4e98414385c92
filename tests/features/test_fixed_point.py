from __future__ import annotations

from itertools import permutations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.features.fixed_point import fixed_point_sum
from mapping_spark.tables.frames import small


def test_sum_is_the_same_in_every_order(spark: SparkSession) -> None:
    terms = (0.1, 0.2, 0.3)  # in doubles (0.1 + 0.2) + 0.3 is not 0.1 + (0.2 + 0.3)
    rows = [(number, term) for number, order in enumerate(permutations(terms)) for term in order]
    sums = small(spark, rows, "number int, term double").groupBy("number").agg(fixed_point_sum(F.col("term")).alias("total"))
    totals = {row.total for row in sums.collect()}
    assert len(totals) == 1
    assert abs(totals.pop() - 0.6) <= 3 * 2**-32


def test_sum_of_nothing_is_null(spark: SparkSession) -> None:
    frame = small(spark, [(None,)], "term double")
    assert frame.agg(fixed_point_sum(F.col("term")).alias("total")).collect()[0].total is None
