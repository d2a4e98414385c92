"""The shapes in which models hand over vectors, and baskets and rules on their way there."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pyspark.errors import ArithmeticException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.models.baskets import fold, strongest
from mapping_spark.models.vectors import as_index, dense, entries, log_weight, longer, one_hot, sparse, unit_length
from mapping_spark.tables.frames import small

from .checkerboard import choices

VECTOR = [("item_idx", "bigint"), ("indices", "array<int>"), ("values", "array<float>")]
RULES = "antecedent int, item_idx bigint, value double"


def collected(frame: DataFrame) -> dict[int, tuple[list[int] | None, list[float]]]:
    assert frame.dtypes == VECTOR
    return {row.item_idx: (row.indices, row["values"]) for row in frame.collect()}


def vectors(spark: SparkSession, rows: list[tuple[int, list[int] | None, list[float]]]) -> DataFrame:
    return small(spark, rows, ", ".join(f"{name} {kind}" for name, kind in VECTOR))


def test_cells_fold_into_ascending_vectors_and_unfold_again(spark: SparkSession) -> None:
    cells = [(7, 9, 0.5), (7, 2, -1.0), (7, 0, 0.0), (8, 2, 0.25)]
    folded = sparse(small(spark, cells, "item_idx bigint, index int, value double"), "item_idx")
    assert collected(folded) == {7: ([0, 2, 9], [0.0, -1.0, 0.5]), 8: ([2], [0.25])}  # a zero that was given stays
    assert sorted(tuple(row) for row in entries(folded, "item_idx").collect()) == sorted(cells)


def test_one_hot_dense_and_longer(spark: SparkSession) -> None:
    frame = small(spark, [(3, [1.0, 0.5]), (4, [0.0, 2.0])], "item_idx int, wide array<double>")
    assert collected(one_hot(frame.withColumn("item_idx", F.col("item_idx").cast("bigint")), "item_idx")) == {3: ([3], [1]), 4: ([4], [1])}
    plain = dense(frame, "item_idx", F.col("wide"))
    assert collected(plain) == {3: (None, [1, 0.5]), 4: (None, [0, 2])}
    assert collected(longer(plain.withColumn("extra", F.lit(9.0)), F.col("extra") / 2)) == {
        3: (None, [1, 0.5, 4.5]),
        4: (None, [0, 2, 4.5]),
    }


def test_vectors_of_length_1_zeros_and_nothing(spark: SparkSession) -> None:
    long = [(1, None, [3.0, -4.0]), (2, [5, 8], [0.0, -2.0]), (3, None, [0.0, 0.0]), (4, [], []), (5, None, [1e-12, 0.0])]
    found = collected(unit_length(vectors(spark, long), "item_idx"))
    expected = {1: (None, [3 / 5, -4 / 5]), 2: ([5, 8], [0, -1]), 3: (None, [0, 0]), 4: ([], []), 5: (None, [1, 0])}
    assert {item: indices for item, (indices, _) in found.items()} == {item: indices for item, (indices, _) in expected.items()}
    assert all(found[item][1] == pytest.approx(values) for item, (_, values) in expected.items())


def test_an_integer_beyond_a_position_fails_and_never_wraps(spark: SparkSession) -> None:
    largest = small(spark, [(2**31 - 1,)], "item_idx bigint")
    assert collected(one_hot(largest, "item_idx")) == {2**31 - 1: ([2**31 - 1], [1])}
    with pytest.raises(ArithmeticException, match="CAST_OVERFLOW"):
        largest.select((F.col("item_idx") + 1).alias("item_idx")).select(as_index("item_idx")).collect()


def test_a_weight_counts_by_its_logarithm(spark: SparkSession) -> None:
    weights = small(spark, [(0.0,), (0.25,), (4.0,)], "weight double").select(log_weight(4.0).alias("value"))
    assert [row.value for row in weights.collect()] == pytest.approx([0, math.log(1 + 1), math.log(1 + 16)])


def folded(spark: SparkSession, histories: dict[int, list[list[int]]], max_items: int) -> set[tuple[Any, ...]]:
    """(user, recency of the latest choice, items latest first) of each basket."""
    frame = fold(choices(spark, histories).repartition(3, "item_idx"), max_items)
    assert frame.columns == ["user_idx", "basket", "last", "items"]
    return {(row.user_idx, row.last, tuple(row["items"])) for row in frame.collect()}


def test_a_basket_holds_its_latest_choices_first_repeats_among_them(spark: SparkSession) -> None:
    histories = {1: [[5, 6], [7, 5, 7, 8]], 2: [[5]]}
    assert folded(spark, histories, 9) == {(1, 1, (8, 7, 5, 7)), (1, 5, (6, 5)), (2, 1, (5,))}
    assert folded(spark, histories, 2) == {(1, 1, (8, 7)), (1, 5, (6, 5)), (2, 1, (5,))}
    assert folded(spark, {}, 2) == set()


def test_baskets_of_two_users_with_one_name_stay_apart(spark: SparkSession) -> None:
    frame = small(spark, [(1, 5, "b", 1), (2, 6, "b", 1)], "user_idx bigint, item_idx bigint, basket string, recency int")
    assert {(row.user_idx, tuple(row["items"])) for row in fold(frame, 9).collect()} == {(1, (5,)), (2, (6,))}


def test_of_equal_rules_the_smaller_item_stays_and_worthless_ones_go(spark: SparkSession) -> None:
    rules = [(1, 12, 0.5), (1, 11, 0.5), (1, 13, 0.75), (1, 14, 0.25), (2, 11, 0.0), (2, 12, -1.0), (3, 11, 0.125)]
    found = strongest(small(spark, rules, RULES).repartition(3, "item_idx"), 2)
    assert found.columns == ["item_idx", "index", "value"]
    assert {tuple(row) for row in found.collect()} == {(13, 1, 0.75), (11, 1, 0.5), (11, 3, 0.125)}
