"""The text of a record to raw columns: what is one whole object, what is told of the rest, and what a value keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from mapping_spark.events.parse import RAW, UNREADABLE, parse
from mapping_spark.ingest.source import Format
from mapping_spark.tables.frames import small

MAX_BYTES, MAX_NESTING = 60, 4
READ: list[tuple[str, tuple[str | None, str | None]]] = [
    ('{"a": "x", "b": 1}', ("x", "1")),
    ("{}", (None, None)),
    ('{"c": 1}', (None, None)),
    ('{"a": null, "b": ""}', (None, "")),
    (' \t{"a": "x"} \r', ("x", None)),
    ('\ufeff{"a": "x"}', ("x", None)),
    ('{"a": 9223372036854775808, "b": 1.50}', ("9223372036854775808", "1.5")),
    ('{"a": true, "b": "true"}', ("true", "true")),
    ('{"a": [1, {"x": 2}], "b": {"y": [ ]}}', ('[1,{"x":2}]', '{"y":[]}')),
    ('{"a": "Zo\\u00eb", "b": "{[\\"]}"}', ("Zo\u00eb", '{["]}')),
    ('{"A": "x", "a": "y"}', ("y", None)),
    ('{"a": "[[[[[[", "b": "{{{{{{"}', ("[[[[[[", "{{{{{{")),
    ('{"a": [[[1]]]}', ("[[[1]]]", None)),  # four deep, the object counted
    ('{"a": "' + "x" * (MAX_BYTES - 9) + '"}', ("x" * (MAX_BYTES - 9), None)),
]
REFUSED: list[tuple[str, str]] = [
    ("", "not_json"),
    ("null", "not_json"),
    ("[]", "not_json"),
    ('[{"a": "x"}]', "not_json"),
    ('"a"', "not_json"),
    ("7", "not_json"),
    ("{", "not_json"),
    ('{"a": "x"', "not_json"),
    ('{"a": "x"}}', "not_json"),
    ('{"a": "x"}]', "not_json"),
    ('{"a": "x"}]]', "not_json"),
    ('{"a": "x"}] and more', "not_json"),
    ('{"a": "x"},', "not_json"),
    ('{"a": "x"} {"a": "y"}', "not_json"),
    ('{"a": "x"}, {"a": "y"}', "not_json"),
    ('{"a": "x"}], [{"a": "y"}', "not_json"),
    ('{"a": "x"}, null', "not_json"),
    ("{'a': 'x'}", "not_json"),
    ('{"a": x}', "not_json"),
    ('{"a": "x", "a": "y"}', "duplicate_keys"),
    ('{"a": "x", "\\u0061": "y"}', "duplicate_keys"),
    ('{"c": 1, "c": 1}', "duplicate_keys"),
    ('{"a": [[[[1]]]]}', "nested_too_deep"),
    ('{"a": {"b": {"c": {"d": {}}}}}', "nested_too_deep"),
    ('{"a": "\0"}', "nul_byte"),
    ('{"a": "' + "x" * (MAX_BYTES - 8) + '"}', "too_long"),
    ('{"a": "' + "\u00eb" * 30 + '"}', "too_long"),  # 69 bytes of 39 letters
    ("[" * 61, "too_long"),  # told before anything looks inside
]


def parsed(spark: SparkSession, payloads: list[str], file_format: Format = "json", encoding: str = "utf-8") -> list[tuple[Any, str | None]]:
    """((a, b) or None, reason code) of each payload."""
    bronze = small(spark, [(text, encoding) for text in payloads], "payload string, payload_encoding string")
    found = parse(bronze, ["a", "b"], file_format, max_bytes=MAX_BYTES, max_nesting=MAX_NESTING)
    return [(None if row[RAW] is None else tuple(row[RAW]), row[UNREADABLE]) for row in found.collect()]


def test_one_whole_object_is_read_as_texts(spark: SparkSession) -> None:
    for (payload, values), found in zip(READ, parsed(spark, [payload for payload, _ in READ]), strict=True):
        assert found == (values, None), payload


def test_anything_else_has_one_reason(spark: SparkSession) -> None:
    for (payload, code), (_, found) in zip(REFUSED, parsed(spark, [payload for payload, _ in REFUSED]), strict=True):
        assert found == code, payload


@pytest.mark.parametrize(
    ("payload", "values", "code"),
    [
        ('{"a":"x","b":"y"}', ("x", "y"), None),
        ("x,y,z", None, "not_csv"),
        ("", None, "not_csv"),
    ],
)
def test_a_csv_line_that_fits_is_an_object_and_another_is_not(spark: SparkSession, payload: str, values: Any, code: str | None) -> None:
    assert parsed(spark, [payload], "csv") == [(values, code)]


def test_bytes_that_are_no_text_are_told_whatever_they_would_mean(spark: SparkSession) -> None:
    assert [code for _, code in parsed(spark, ['{"a": "x"}', "{"], encoding="base64")] == ["not_utf8"] * 2


def test_rows_of_parquet_are_only_measured(spark: SparkSession) -> None:
    short, long = '{"a":"x"}', '{"a":"' + "x" * MAX_BYTES + '"}'
    assert parsed(spark, [short, long], "parquet") == [(("x", None), None), (None, "too_long")]


VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text('ab {}[]",\\\u00eb', max_size=5)


@settings(max_examples=3, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), min_size=20, max_size=60))
def test_what_python_writes_is_read_back(spark: SparkSession, records: list[dict[str, Any]]) -> None:
    def as_text(value: Any) -> str | None:
        return value if value is None or isinstance(value, str) else json.dumps(value)

    payloads = [json.dumps(record, ensure_ascii=False) for record in records]
    kept = [(record, text) for record, text in zip(records, payloads, strict=True) if len(text.encode()) <= MAX_BYTES]
    for (record, text), found in zip(kept, parsed(spark, [text for _, text in kept]), strict=True):
        assert found == ((as_text(record.get("a")), as_text(record.get("b"))), None), text
