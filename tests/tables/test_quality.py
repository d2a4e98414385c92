from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.tables import TABLES
from mapping_spark.tables.contract import Check, Column, Table
from mapping_spark.tables.frames import small
from mapping_spark.tables.quality import columns_of, duplicate_keys, split, violations

PRICES = Table(
    name="silver.prices",
    grain="one row per item",
    columns=(
        Column("item_id", "string", "Item key."),
        Column("low", "int", "Lowest price.", unit="currency"),
        Column("high", "int", "Highest price; null where open.", unit="currency", nullable=True),
    ),
    primary_key=("item_id",),
    checks=(Check(name="not_reversed", condition="low <= high"), Check(name="known_item", condition="item_id <> 'low'")),
)


def prices(spark: SparkSession, *values: tuple[str | None, int | None, int | None]) -> DataFrame:
    # Nulls that the contract forbids cannot stand in the table's own schema.
    return small(spark, list(values), "item_id string, low int, high int")


def codes(frame: DataFrame, table: Table) -> list[list[str]]:
    return [row.codes for row in frame.select(violations(table).alias("codes")).collect()]


def test_a_row_names_every_rule_it_breaks_in_order(spark: SparkSession) -> None:
    frame = prices(spark, ("a", 1, 2), ("low", 3, 2), (None, None, 2))
    assert codes(frame, PRICES) == [[], ["known_item", "not_reversed"], ["item_id_missing", "low_missing"]]


def test_a_condition_that_is_null_passes(spark: SparkSession) -> None:
    assert codes(prices(spark, ("a", 1, None)), PRICES) == [[]]


def test_only_rules_over_the_given_columns_are_judged(spark: SparkSession) -> None:
    frame = prices(spark, ("low", None, 2)).drop("high")
    judged = frame.select(violations(PRICES, ["item_id", "low"]).alias("codes"))
    assert judged.collect()[0].codes == ["known_item", "low_missing"]
    assert frame.select(violations(PRICES, []).alias("codes")).collect()[0].codes == []


def test_columns_of_a_check_are_not_looked_for_inside_text() -> None:
    assert [columns_of(check, PRICES) for check in PRICES.checks] == [{"low", "high"}, {"item_id"}]


def test_split_keeps_every_row_once(spark: SparkSession) -> None:
    good, bad = split(prices(spark, ("a", 1, 2), ("b", 3, 2)), PRICES)
    assert [tuple(row) for row in good.collect()] == [("a", 1, 2)]
    assert [tuple(row) for row in bad.collect()] == [("b", 3, 2, ["not_reversed"])]


def test_repeated_keys_are_counted(spark: SparkSession) -> None:
    frame = prices(spark, ("a", 1, 2), ("a", 1, 3), ("b", 1, 2), (None, 1, 2), (None, 1, 2))
    assert [tuple(row) for row in duplicate_keys(frame, PRICES).collect()] == [("a", 2)]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_null_rules_of_every_declared_table(spark: SparkSession, table: Table) -> None:
    one_row = spark.sql("VALUES (1)")  # folded by the optimizer, so that no query runs a job
    nulls = one_row.select(*(F.lit(None).cast(column.type).alias(column.name) for column in table.columns))
    one = F.array(F.lit(1))
    values = {"boolean": F.lit("true"), "array<float>": one, "array<double>": one}
    filled = one_row.select(*(values.get(c.type, F.lit("2000")).cast(c.type).alias(c.name) for c in table.columns))
    assert not [code for code in codes(filled, table)[0] if code.endswith("_missing")]
    assert set(codes(nulls, table)[0]) >= {f"{column.name}_missing" for column in table.columns if not column.nullable}
