"""A declared table as Spark sees it: its schema, a frame brought to its contract, tiny frames for tests."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_schema

from mapping_spark.errors import ContractError
from mapping_spark.tables.contract import Table, comment

_SPARK_TYPES: dict[str, T.DataType] = {
    "string": T.StringType(),
    "boolean": T.BooleanType(),
    "int": T.IntegerType(),
    "bigint": T.LongType(),
    "float": T.FloatType(),
    "double": T.DoubleType(),
    "array<float>": T.ArrayType(T.FloatType()),
    "array<double>": T.ArrayType(T.DoubleType()),
    "date": T.DateType(),
    "timestamp": T.TimestampType(),
    "decimal(18,4)": T.DecimalType(18, 4),
    "decimal(18,8)": T.DecimalType(18, 8),
    "binary": T.BinaryType(),
}
_WIDENS_TO: dict[str, tuple[str, ...]] = {
    "tinyint": ("smallint", "int", "bigint", "float", "double"),
    "smallint": ("int", "bigint", "float", "double"),
    "int": ("bigint", "double"),
    "bigint": (),
    "float": ("double",),
    "void": tuple(_SPARK_TYPES),
}
_PLACEHOLDERS: dict[str, Any] = {
    "string": "",
    "boolean": False,
    "int": 0,
    "bigint": 0,
    "float": 0.0,
    "double": 0.0,
    "date": dt.date(2000, 1, 1),
    "timestamp": dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
    "decimal(18,4)": Decimal(0),
    "decimal(18,8)": Decimal(0),
    "binary": b"",
    "array<float>": [0.0],
    "array<double>": [0.0],
}


def schema(table: Table) -> T.StructType:
    """The table's Spark schema: declared order, nullability, and each column's doc as its comment."""
    fields = [T.StructField(c.name, _SPARK_TYPES[c.type], c.nullable, {"comment": comment(c)}) for c in table.columns]
    return T.StructType(fields)


def conform(frame: DataFrame, table: Table) -> DataFrame:
    """Select the declared columns in declared order and type; columns beyond them are left behind.

    Widening casts are made (int to bigint, float to double, any decimal that fits (18,4) by value). Raises
    `ContractError` with every missing or mistyped column, before anything runs.
    """
    found = dict(frame.dtypes)
    missing = [name for name in table.column_names if name not in found]
    if missing:
        spare = [name for name in found if name not in table.by_name]
        near = {name: difflib.get_close_matches(name, spare, n=1) for name in missing}
        hints = ", ".join(f"{name} (the frame has {match[0]!r})" if match else name for name, match in near.items())
        raise ContractError(table.name, f"a frame without {hints}", f"the columns {list(table.column_names)}", "Add or rename them.")
    wrong = [f"{c.name} is {found[c.name]}, declared {c.type}" for c in table.columns if not widens(found[c.name], c.type)]
    if wrong:
        raise ContractError(table.name, "; ".join(wrong), "the declared types", "Cast them before conform().")
    return frame.select(*(F.col(f"`{c.name}`").cast(_SPARK_TYPES[c.type]).alias(c.name) for c in table.columns))


def widens(found: str, declared: str) -> bool:
    """Whether a value of the Spark type `found` fits `declared` without loss (decimals: up to overflow, checked at run time)."""
    if found.startswith("decimal") and declared.startswith("decimal"):
        return True
    return found == declared or declared in _WIDENS_TO.get(found, ())


def empty(spark: SparkSession, table: Table) -> DataFrame:
    """A frame with the table's schema and no rows."""
    return small(spark, [], schema(table))


def rows(spark: SparkSession, table: Table, *values: dict[str, Any]) -> DataFrame:
    """A tiny frame of the table from the columns that matter; the rest is null, or a neutral value where null is not allowed.

    Naive datetimes are UTC.
    """
    unknown = sorted({name for row in values for name in row} - set(table.column_names))
    if unknown:
        raise ContractError(table.name, f"the columns {unknown}", f"columns among {list(table.column_names)}", "Mend the test row.")
    neutral = {c.name: None if c.nullable else _PLACEHOLDERS[c.type] for c in table.columns}
    records = [tuple(_utc((neutral | row)[name]) for name in table.column_names) for row in values]
    return small(spark, records, schema(table))


def small(spark: SparkSession, records: Sequence[tuple[Any, ...]], shape: T.StructType | str) -> DataFrame:
    """A frame of a few `records`, held in the plan itself: no Python worker is started to read it.

    Datetimes are aware (UTC). Raises `ContractError` where a column that allows no null holds one.
    """
    struct = shape if isinstance(shape, T.StructType) else T.StructType.fromDDL(shape)
    if not isinstance(struct, T.StructType):
        raise ContractError("a small frame", repr(shape), "columns with names and types", "Write 'name type, name type'.")
    columns = list(zip(*records, strict=True)) if records else [()] * len(struct.fields)
    empty_keys = [f.name for f, values in zip(struct.fields, columns, strict=True) if not f.nullable and None in values]
    if empty_keys:
        raise ContractError("a small frame", f"null in {', '.join(empty_keys)}", "a value in every row", "Give it a value.")
    arrow = to_arrow_schema(struct)
    arrays = [pa.array(list(values), type=field.type) for field, values in zip(arrow, columns, strict=True)]
    return spark.createDataFrame(pa.Table.from_arrays(arrays, schema=arrow), struct)


def _utc(value: Any) -> Any:
    return value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) and value.tzinfo is None else value
