"""Every rule of a canonical record at its border, the form of each column, and the business day around a change of clocks."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from pyspark.sql import SparkSession

from mapping_spark.config import validated
from mapping_spark.events.canonical import judge
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.ingest.source import EventSource
from mapping_spark.tables.bronze import RAW_EVENTS
from mapping_spark.tables.frames import rows

ARRIVED = dt.datetime(2024, 5, 2)
GOOD: dict[str, Any] = dict(id="e1", user="u1", at="2024-05-01 08:00:00", kind="view", price=1.5, cur="EUR", n=1)
NAMES = dict(event_id="id", user_id="user", item_id="item", session_id="basket", event_type="kind", channel="way", currency="cur")
SOURCE = validated(
    EventSource,
    dict(
        name="log",
        kind="events",
        format="json",
        path="logs",
        columns=dict.fromkeys(NAMES.values(), "string") | dict(at="timestamp", price="double", off="double", n="double"),
        event=NAMES | dict(event_at="at", value="price", discount="off", quantity="n"),
    ),
    "log.yml",
)
RULES: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"price": None, "cur": None}, ""),
    ({"price": None, "cur": None, "off": 1}, ""),  # a coupon without a sale
    ({"price": 0}, ""),
    ({"price": 0, "cur": None}, "currency_missing"),
    ({"cur": "  "}, "currency_missing"),
    ({"cur": "eur"}, "unknown_currency"),
    ({"price": None, "cur": "XXX"}, "unknown_currency"),
    ({"off": 0}, ""),
    ({"off": -0.0001}, "discount_negative"),
    ({"off": -0.00001}, ""),  # as money of four digits it is 0
    ({"off": 1e15}, "discount_overflow"),
    ({"off": "1e400"}, "discount_not_finite"),
    ({"off": "half"}, "bad_type_off"),
    ({"n": 5e-324}, ""),
    ({"n": 0}, "quantity_not_positive"),
    ({"n": "-0"}, "quantity_not_positive"),
    ({"n": "Infinity"}, "quantity_not_finite"),
    ({"kind": " view "}, ""),
    ({"kind": "View"}, "unknown_event_type"),
    ({"kind": ""}, "event_type_missing"),
    ({"kind": 7}, "unknown_event_type"),
    ({"item": ""}, ""),
    ({"item": -(2**63)}, ""),
    ({"item": -(2**63) - 1}, "id_out_of_range"),
    ({"item": "0" * 30 + "1"}, ""),
    ({"item": "1e5"}, ""),  # a text; only a fraction has a point
    ({"item": 1e30}, "id_not_text_or_integer"),
    ({"item": "-.5"}, ""),
    ({"basket": {"x": 1}}, "id_not_text_or_integer"),
    ({"basket": [1]}, "id_not_text_or_integer"),
    ({"basket": False}, "id_not_text_or_integer"),
    ({"basket": "a\tb"}, "control_characters"),
    ({"basket": "a\u0085b"}, "control_characters"),
    ({"way": "a\tb"}, ""),  # no id
    ({"way": 12.5}, ""),
    ({"id": None, "user": "\u00a0"}, "event_id_missing,user_id_missing"),
    ({"at": ""}, "event_at_missing"),
    ({"at": "2024-05-01", "price": "NaN", "n": "many"}, "bad_type_n,value_not_finite"),
]


def judged(spark: SparkSession, changes: list[dict[str, Any]], **settings: Any) -> list[dict[str, Any]]:
    """Candidates of good records with changes, in order."""
    common = dict(payload_encoding="utf-8", ingested_at=ARRIVED)
    values = [common | dict(source_offset=n, payload=json.dumps(GOOD | change)) for n, change in enumerate(changes)]
    found = judge(rows(spark, RAW_EVENTS, *values), SOURCE, CleaningConfig(**settings))
    return [row.asDict() for row in found.orderBy("source_offset").collect()]


def test_every_rule_at_its_border(spark: SparkSession) -> None:
    found = judged(spark, [change for change, _ in RULES])
    wrong = [
        (change, codes, row["reason_codes"]) for (change, codes), row in zip(RULES, found, strict=True) if row["reason_codes"] != codes
    ]
    assert wrong == []


def test_only_a_rejected_record_keeps_its_text(spark: SparkSession) -> None:
    good, bad = judged(spark, [{}, {"n": 0}])
    assert (good["payload"], json.loads(bad["payload"])) == (None, GOOD | {"n": 0})


def test_texts_are_trimmed_and_blank_ones_are_null(spark: SparkSession) -> None:
    (row,) = judged(spark, [{"item": " i 1 ", "basket": " ", "way": "  "}])
    assert (row["item_id"], row["session_id"], row["channel"], row["campaign_id"]) == ("i 1", None, None, None)


def test_an_id_keeps_every_digit_it_was_written_with(spark: SparkSession) -> None:
    texts = ["007", 2**63 - 1, -1, "1e5", "\u0661"]
    assert [row["item_id"] for row in judged(spark, [{"item": text} for text in texts])] == [str(text) for text in texts]


def test_a_business_day_begins_at_midnight_of_its_zone_also_where_clocks_change(spark: SparkSession) -> None:
    # New York: 10 March 2024 has 23 hours and begins at 05:00 UTC, 5 November 2023 has 25 and begins at 04:00 UTC.
    days = {
        "2024-03-10T04:59:59Z": dt.date(2024, 3, 9),
        "2024-03-10T05:00:00Z": dt.date(2024, 3, 10),
        "2024-03-11T03:59:59Z": dt.date(2024, 3, 10),
        "2024-03-11T04:00:00Z": dt.date(2024, 3, 11),
        "2023-11-05T04:00:00Z": dt.date(2023, 11, 5),
        "2023-11-06T04:59:59Z": dt.date(2023, 11, 5),
        "2023-11-06T05:00:00Z": dt.date(2023, 11, 6),
    }
    found = judged(spark, [{"at": at} for at in days], business_zone="America/New_York")
    assert [row["event_date"] for row in found] == list(days.values())


def test_settings_move_the_borders_of_time_and_the_currencies(spark: SparkSession) -> None:
    cases = {
        "2024-05-02T00:00:00Z": "",
        "2024-05-02T00:00:00.000001Z": "event_at_in_future",
        "2024-05-01T00:00:00Z": "",
        "2024-04-30T23:59:59.999999Z": "event_at_too_early",
    }
    settings = dict(max_hours_ahead=0, earliest_event_at=dt.date(2024, 5, 1), currencies=("SEK", "EUR"))
    assert [row["reason_codes"] for row in judged(spark, [{"at": at} for at in cases], **settings)] == list(cases.values())
    found = judged(spark, [{"cur": code} for code in ("SEK", "EUR", "USD")], **settings)
    assert [row["reason_codes"] for row in found] == ["", "", "unknown_currency"]
