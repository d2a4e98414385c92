"""Text to values: what is read, what is a fault, and that nothing raises."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.events.parse import RAW
from mapping_spark.events.typed import Bounds, typed_columns
from mapping_spark.ingest.source import RawType

NOON = dt.datetime(2024, 5, 1, 12)
SECONDS = int(NOON.replace(tzinfo=dt.UTC).timestamp())


READ: list[tuple[RawType, str, Any]] = [
    ("string", "  a b ", "a b"),
    ("bigint", "7", 7),
    ("bigint", "2.0", 2),
    ("bigint", "9223372036854775807", 2**63 - 1),
    ("double", " 1.5e3", 1500.0),
    ("double", '"2"', 2.0),
    ("decimal(18,4)", "12.30", Decimal("12.3")),
    ("decimal(18,4)", "0.00005", Decimal("0.0001")),
    ("boolean", "TRUE", True),
    ("date", "2024-02-29T23:59:59Z", dt.date(2024, 2, 29)),
    ("timestamp", "2024-05-01", dt.datetime(2024, 5, 1, 4)),
    ("timestamp", "2024-05-01 08:00:00", NOON),
    ("timestamp", "2024-05-01T08:00:00.5", NOON.replace(microsecond=500_000)),
    ("timestamp", "2024-05-01T12:00:00Z", NOON),
    ("timestamp", "2024-05-01T14:00:00+02:00", NOON),
    ("timestamp", "2024-05-01 21:00:00 Asia/Tokyo", NOON),
    ("epoch_s", f"{SECONDS}", NOON),
    ("epoch_s", f"{SECONDS}.25", NOON.replace(microsecond=250_000)),
    ("epoch_ms", f"{SECONDS}000", NOON),
    ("epoch_us", f"{SECONDS}000001", NOON.replace(microsecond=1)),
]
FAULTS: list[tuple[RawType, str, str]] = [
    ("bigint", "2.5", "bad_type"),
    ("bigint", "9223372036854775808", "bad_type"),
    ("double", "1.5d", "bad_type"),
    ("double", "0x1p3", "bad_type"),
    ("double", "x", "bad_type"),
    ("double", '"NaN"', "not_finite"),
    ("double", "-Infinity", "not_finite"),
    ("double", "1e400", "not_finite"),
    ("decimal(18,4)", "1e15", "overflow"),
    ("decimal(18,4)", "NaN", "not_finite"),
    ("decimal(18,4)", "x", "bad_type"),
    ("boolean", "perhaps", "bad_type"),
    ("date", "2024-02-30", "unparsable"),
    ("date", "20240201", "unparsable"),
    ("timestamp", "2024-02-30 10:00:00", "unparsable"),
    ("timestamp", "12:30:00", "unparsable"),
    ("timestamp", "2024-05-01 25:00:00", "unparsable"),
    ("epoch_s", "noon", "unparsable"),
    ("epoch_s", "1e300", "unparsable"),
    ("epoch_s", f"{SECONDS}000", "wrong_unit"),
    ("epoch_s", f"{SECONDS}000000", "wrong_unit"),
    ("epoch_ms", f"{SECONDS}", "wrong_unit"),
    ("epoch_us", f"{SECONDS}000", "wrong_unit"),
    ("epoch_us", "NaN", "unparsable"),
]


def read_as(spark: SparkSession, cases: list[tuple[RawType, str, Any]]) -> list[tuple[Any, str | None]]:
    """Every case as one column of one record, told in New York."""
    raw = spark.range(1).select(F.struct(*(F.lit(text).alias(f"c{i}") for i, (_, text, _) in enumerate(cases))).alias(RAW))
    types = {f"c{i}": raw_type for i, (raw_type, _, _) in enumerate(cases)}
    bounds = Bounds(F.lit(dt.datetime(2000, 1, 1)), F.lit(dt.datetime(2024, 5, 2)))
    row = typed_columns(raw, types, "America/New_York", bounds, types).collect()[0].asDict()
    return [(row[name], row.get(f"__fault:{name}")) for name in types]


def test_texts_of_the_declared_type_are_read(spark: SparkSession) -> None:
    for case, found in zip(READ, read_as(spark, READ), strict=True):
        assert found == (case[2], None), case


def test_texts_of_another_type_are_null_with_a_fault(spark: SparkSession) -> None:
    for (raw_type, text, fault), (value, found) in zip(FAULTS, read_as(spark, FAULTS), strict=True):
        assert found == fault, (raw_type, text)
        assert value is None or fault == "wrong_unit", (raw_type, text)


@pytest.mark.parametrize("text", ["", "  "])
def test_blank_text_is_null_without_a_fault(spark: SparkSession, text: str) -> None:
    types: tuple[RawType, ...] = ("string", "bigint", "double", "decimal(18,4)", "boolean", "date", "timestamp", "epoch_s")
    assert read_as(spark, [(raw_type, text, None) for raw_type in types]) == [(None, None)] * len(types)
