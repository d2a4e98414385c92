"""Which types fit which, for every pair; every declared table as a frame, empty and of one row."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.errors import ContractError
from mapping_spark.tables import TABLES
from mapping_spark.tables.contract import TYPES, Column, Table, comment
from mapping_spark.tables.frames import conform, empty, rows, schema, small, widens

FITS = {("int", "bigint"), ("int", "double"), ("float", "double"), ("decimal(18,4)", "decimal(18,8)"), ("decimal(18,8)", "decimal(18,4)")}
"""Pairs of declared types of which the first may be given for the second; 2^53 + 1 is no double, 2^24 + 1 no float."""
OF_ALL_TYPES = Table(
    name="gold.all_types",
    grain="one row per key",
    columns=(
        Column("key", "string", "Key."),
        *(Column(f"c{n}", kind, "A value; null where none.", nullable=True) for n, kind in enumerate(TYPES)),
    ),
    primary_key=("key",),
)


def test_a_type_fits_itself_and_what_holds_all_its_values() -> None:
    assert {(found, declared) for found in TYPES for declared in TYPES if widens(found, declared)} == {(t, t) for t in TYPES} | FITS


@pytest.mark.parametrize("found", ["tinyint", "smallint"])
def test_small_integers_fit_every_number_but_money(found: str) -> None:
    assert {declared for declared in TYPES if widens(found, declared)} >= {"int", "bigint", "float", "double"}
    assert not any(widens(found, declared) for declared in ("string", "boolean", "date", "timestamp", "decimal(18,4)"))


def test_null_alone_fits_everything(spark: SparkSession) -> None:
    frame = spark.sql("SELECT 'k' AS key, " + ", ".join(f"NULL AS c{n}" for n in range(len(TYPES))))
    done = conform(frame, OF_ALL_TYPES)
    assert dict(done.dtypes) == {"key": "string"} | {f"c{n}": kind for n, kind in enumerate(TYPES)}
    assert list(done.collect()[0])[1:] == [None] * len(TYPES)


def test_money_that_does_not_fit_raises_and_is_never_lost(spark: SparkSession) -> None:
    table = Table(name="gold.m", grain="one row per m", columns=(Column("m", "decimal(18,4)", "Money."),), primary_key=("m",))
    fits = conform(spark.sql("SELECT CAST(99999999999999.9999 AS DECIMAL(38, 4)) AS m"), table)
    assert fits.collect()[0].m == Decimal("99999999999999.9999")
    beyond = conform(spark.sql("SELECT CAST(100000000000000 AS DECIMAL(38, 4)) AS m"), table)
    with pytest.raises(PySparkException, match="NUMERIC_VALUE_OUT_OF_RANGE"):
        beyond.collect()


def test_every_wrong_column_is_told_at_once(spark: SparkSession) -> None:
    frame = spark.sql("SELECT 1 AS key, 2.5D AS c0, DATE'2024-01-01' AS c1")
    with pytest.raises(ContractError, match=r"gold.all_types: a frame without c2, c3, c4"):
        conform(frame, OF_ALL_TYPES)
    others = frame.withColumns({f"c{n}": F.lit(None) for n in range(2, len(TYPES))})
    expected = "key is int, declared string; c0 is double, declared string; c1 is date, declared boolean; expected the declared types"
    with pytest.raises(ContractError, match=expected):
        conform(others, OF_ALL_TYPES)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_is_a_frame_of_its_own_types_and_docs(spark: SparkSession, table: Table) -> None:
    struct = schema(table)
    assert [(field.name, field.dataType.simpleString(), field.nullable) for field in struct] == [
        (column.name, column.type, column.nullable) for column in table.columns
    ]
    assert [field.metadata["comment"] for field in struct] == [comment(column) for column in table.columns]
    nothing, neutral = empty(spark, table), rows(spark, table, {})
    assert nothing.schema == neutral.schema
    assert conform(neutral, table).dtypes == neutral.dtypes


def test_a_small_frame_keeps_values_of_every_type(spark: SparkSession) -> None:
    noon = dt.datetime(2024, 3, 10, 12, 0, 0, 1, tzinfo=dt.UTC)
    values = (
        "x",
        True,
        2**31 - 1,
        2**63 - 1,
        0.5,
        1e300,
        dt.date(1, 1, 1),
        noon,
        Decimal("-0.0001"),
        Decimal("0.00000001"),
        b"\0",
        [0.5],
        [1e300],
    )
    (row,) = rows(spark, OF_ALL_TYPES, {"key": "k"} | {f"c{n}": value for n, value in enumerate(values)}).collect()
    assert tuple(row)[1:] == (*values[:7], noon.replace(tzinfo=None), *values[8:10], bytearray(b"\0"), [0.5], [1e300])


@pytest.mark.parametrize("shape", ["bigint", "array<int>"])
def test_a_shape_without_columns_is_refused(spark: SparkSession, shape: str) -> None:
    with pytest.raises(ContractError, match=f"a small frame: '{shape}'; expected columns with names and types"):
        small(spark, [], shape)


def test_records_of_unequal_length_are_refused(spark: SparkSession) -> None:
    with pytest.raises(ValueError, match="shorter"):
        small(spark, [("a", 1), ("b",)], "name string, n int")
