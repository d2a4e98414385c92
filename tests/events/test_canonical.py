"""Bronze to candidates: canonical ids, times in their zones, and one reason for each fault."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.config import validated
from mapping_spark.errors import ConfigError
from mapping_spark.events.canonical import canonical_id, judge
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.ingest.source import EventSource
from mapping_spark.tables.bronze import RAW_EVENTS
from mapping_spark.tables.frames import rows, small

ARRIVED = dt.datetime(2024, 5, 2)
CONFIG = CleaningConfig(business_zone="America/New_York")
GOOD: dict[str, Any] = dict(id="e1", user="u1", item="i1", at="2024-05-01 08:00:00", price="2.50", n="1")
DECLARED: dict[str, Any] = dict(
    name="log",
    kind="events",
    format="json",
    path="logs",
    columns=dict(id="string", user="string", item="string", at="timestamp", price="double", n="double"),
    event=dict(
        event_id="id", user_id="user", item_id="item", event_type="'view'", event_at="at", value="price", quantity="n", currency="'USD'"
    ),
)


def source(**changes: Any) -> EventSource:
    return validated(EventSource, DECLARED | changes, "log.yml")


def judged(spark: SparkSession, *payloads: str, of: EventSource | None = None) -> list[dict[str, Any]]:
    """Candidates of these payloads, in order."""
    values = [dict(source_offset=i, payload=text, payload_encoding="utf-8", ingested_at=ARRIVED) for i, text in enumerate(payloads)]
    bronze = rows(spark, RAW_EVENTS, *values)
    return [row.asDict() for row in judge(bronze, of or source(), CONFIG).orderBy("source_offset").collect()]


def record(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


def test_an_id_is_composed_and_trimmed(spark: SparkSession) -> None:
    texts = ["u1", " u1 ", "Zoe\u0308", "\u00a0Zo\u00eb\u3000", "  ", "\ufeff"]
    frame = small(spark, [(text,) for text in texts], "id string")
    found = [row[0] for row in frame.select(canonical_id(F.col("id"))).collect()]
    assert found == ["u1", "u1", "Zo\u00eb", "Zo\u00eb", None, None]


def test_cleaning_an_id_twice_changes_nothing(spark: SparkSession) -> None:
    frame = small(spark, [(text,) for text in ("A\u030a ", "\u1e9b\u0323", "\u200bx", "\u1112\u1161\u11ab")], "id string")
    once = frame.select(canonical_id(F.col("id")).alias("id"))
    assert once.select(canonical_id(F.col("id")).alias("id")).collect() == once.collect()


def test_a_good_record_has_no_reason_and_its_business_day(spark: SparkSession) -> None:
    (row,) = judged(spark, record(at="2024-05-01T02:00:00Z"))
    assert (row["reason_codes"], row["event_date"]) == ("", dt.date(2024, 4, 30))  # 22:00 in New York
    assert (str(row["value"]), row["quantity"], row["session_id"]) == ("2.5000", 1.0, None)


def test_times_without_a_zone_are_told_in_the_zone_of_the_source(spark: SparkSession) -> None:
    (row,) = judged(spark, record(), of=source(zone="America/New_York"))
    assert row["event_at"] == dt.datetime(2024, 5, 1, 12)


def test_a_date_is_the_midnight_that_begins_it_in_the_zone_of_the_source(spark: SparkSession) -> None:
    columns = DECLARED["columns"] | dict(at="date")
    (row,) = judged(spark, record(at="2024-05-01"), of=source(columns=columns, zone="America/New_York"))
    assert (row["event_at"], row["event_date"]) == (dt.datetime(2024, 5, 1, 4), dt.date(2024, 5, 1))


def test_every_reason_is_told_once_and_sorted(spark: SparkSession) -> None:
    (row,) = judged(spark, record(n="0", price="-1", user=None, item=True))
    assert row["reason_codes"] == "id_not_text_or_integer,quantity_not_positive,user_id_missing,value_negative"


def test_the_borders_of_what_is_allowed(spark: SparkSession) -> None:
    cases = {
        record(at="2000-01-01 00:00:00"): "",
        record(at="1999-12-31 23:59:59"): "event_at_too_early",
        record(at="2024-05-03 00:00:00"): "",
        record(at="2024-05-03 00:00:01"): "event_at_in_future",
        record(user=2**63 - 1): "",
        record(user=2**63): "id_out_of_range",
        record(price="99999999999999.9999"): "value_overflow",  # rounds up as a double
        record(price="9999999999.9999"): "",
    }
    assert [row["reason_codes"] for row in judged(spark, *cases)] == list(cases.values())


def test_a_wide_record_is_not_a_deep_one(spark: SparkSession) -> None:
    wide = record(tags=[{"t": i} for i in range(500)], note='{"[' * 50_000)
    deep = record(tags=json.loads("[" * 65 + "]" * 65))
    assert [row["reason_codes"] for row in judged(spark, wide, deep)] == ["", "nested_too_deep"]


def test_an_expression_that_spark_cannot_resolve_is_a_fault_of_the_declaration(spark: SparkSession) -> None:
    with pytest.raises(ConfigError, match="event.value"):
        judged(spark, record(), of=source(event=DECLARED["event"] | dict(value="pricee")))
    with pytest.raises(ConfigError, match="a timestamp or date"):
        judged(spark, record(), of=source(event=DECLARED["event"] | dict(event_at="id")))
