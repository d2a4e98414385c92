"""What counts as right after the as-of date, by protocol."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from mapping_spark.evaluation.splits import PROTOCOLS, relevant_items
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.silver import INTERACTIONS

PAIR = "user_idx bigint, item_idx bigint"  # the two columns read from the future: no declared table


def train(spark: SparkSession, *pairs: tuple[int, int]) -> DataFrame:
    return rows(spark, INTERACTIONS, *(dict(user_idx=user, item_idx=item) for user, item in pairs))


def split(
    spark: SparkSession, future: Sequence[tuple[int | None, int | None]], interactions: DataFrame
) -> dict[str, list[tuple[int, int]]]:
    found = relevant_items(small(spark, future, PAIR), interactions)
    assert found.columns == ["protocol", "user_idx", "item_idx"]
    return {name: sorted((row.user_idx, row.item_idx) for row in found.where(found.protocol == name).collect()) for name in PROTOCOLS}


def test_a_repeated_item_is_relevant_but_not_new(spark: SparkSession) -> None:
    found = split(spark, [(1, 10), (1, 11), (2, 10)], train(spark, (1, 10), (2, 11)))
    assert found == {"all_items": [(1, 10), (1, 11), (2, 10)], "new_items": [(1, 11), (2, 10)]}


def test_a_user_unknown_in_train_is_left_out(spark: SparkSession) -> None:
    assert split(spark, [(1, 11), (9, 10)], train(spark, (1, 10))) == {"all_items": [(1, 11)], "new_items": [(1, 11)]}


def test_many_events_of_one_pair_are_one_row(spark: SparkSession) -> None:
    assert split(spark, [(1, 11)] * 3 + [(1, 10)] * 2, train(spark, (1, 10))) == {"all_items": [(1, 10), (1, 11)], "new_items": [(1, 11)]}


def test_a_row_without_an_id_is_left_out(spark: SparkSession) -> None:
    assert split(spark, [(None, 10), (1, None)], train(spark, (1, 10))) == {"all_items": [], "new_items": []}


def test_an_item_unknown_in_train_is_relevant(spark: SparkSession) -> None:
    assert split(spark, [(1, 99)], train(spark, (1, 10))) == {"all_items": [(1, 99)], "new_items": [(1, 99)]}


def test_empty_future_and_empty_train_give_nothing(spark: SparkSession) -> None:
    nothing: dict[str, list[tuple[int, int]]] = {"all_items": [], "new_items": []}
    assert split(spark, [], train(spark, (1, 10))) == nothing
    assert split(spark, [(1, 10)], train(spark)) == nothing
