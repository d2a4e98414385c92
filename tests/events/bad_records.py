"""A seeded corpus of broken records among good ones: every kind with the reason it must end with, or none.

Records are lines of bytes, as a source's log delivers them. The source declares seconds since 1970, so that another
unit is a fault. `kind` says what is broken; `reasons` are the codes expected, empty where the record is accepted.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from dataclasses import dataclass
from typing import Any

from mapping_spark.config import validated
from mapping_spark.ingest.source import EventSource

NOON = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
SECONDS = int(NOON.timestamp())

ALMOST_GOOD: dict[str, tuple[dict[str, Any], str]] = {
    "missing id": ({"user": ...}, "user_id_missing"),
    "null id": ({"user": None}, "user_id_missing"),
    "empty id": ({"user": ""}, "user_id_missing"),
    "blank id": ({"user": "   "}, "user_id_missing"),
    "id as float": ({"user": 12.5}, "id_not_text_or_integer"),
    "id as whole float": ({"user": 12.0}, "id_not_text_or_integer"),
    "id as bool": ({"user": True}, "id_not_text_or_integer"),
    "id as list": ({"user": ["u1", 2]}, "id_not_text_or_integer"),
    "id as object": ({"user": {"id": "u1"}}, "id_not_text_or_integer"),
    "id above 2^63": ({"user": 2**63}, "id_out_of_range"),
    "negative price": ({"price": -0.01}, "value_negative"),
    "NaN price": ({"price": float("nan")}, "value_not_finite"),
    "infinite price": ({"price": float("-inf")}, "value_not_finite"),
    "decimal overflow": ({"price": 1e15}, "value_overflow"),
    "price in words": ({"price": "twelve"}, "bad_type_price"),
    "unknown currency": ({"currency": "ZZZ"}, "unknown_currency"),
    "null time": ({"at": None}, "event_at_missing"),
    "time in words": ({"at": "noon"}, "event_at_unparsable"),
    "time in ms": ({"at": SECONDS * 1_000}, "event_at_wrong_unit"),
    "time in us": ({"at": SECONDS * 1_000_000}, "event_at_wrong_unit"),
    "before 2000": ({"at": 946_684_799}, "event_at_too_early"),
    "two days ahead": ({"at": int(dt.datetime.now(dt.UTC).timestamp()) + 2 * 86_400}, "event_at_in_future"),
    "30 February": ({"seen": "2024-02-30 10:00:00"}, "event_at_unparsable"),
    "unknown event type": ({"type": "teleport"}, "unknown_event_type"),
    "quantity 0": ({"quantity": 0}, "quantity_not_positive"),
    "negative quantity": ({"quantity": -3}, "quantity_not_positive"),
    "control character in an id": ({"user": "u\u00071"}, "control_characters"),
    "two faults": ({"quantity": 0, "type": "teleport"}, "quantity_not_positive,unknown_event_type"),
    "price as text": ({"price": "12.50"}, ""),
    "quantity as text": ({"quantity": " 2 "}, ""),
    "id that is not ASCII": ({"user": "Zoe\u0308"}, ""),
    "a text that looks nested": ({"note": "[{" * 200}, ""),
}
"""Kind to what differs from a good record (`...` removes the key) and the codes expected."""


@dataclass(frozen=True)
class BadRecord:
    """One line, what is wrong with it, and the reason codes it must end with (empty: accepted)."""

    kind: str
    line: bytes
    codes: str


def source(path: str) -> EventSource:
    """The declaration of the corpus: JSON lines with seconds since 1970, and a second time as text."""
    declared = dict(
        name="log",
        kind="events",
        format="json",
        path=path,
        columns=dict(
            id="string", user="string", type="string", at="epoch_s", seen="timestamp", price="double", quantity="double", currency="string"
        ),
        event=dict(
            event_id="id",
            user_id="user",
            event_type="type",
            event_at="coalesce(seen, at)",
            value="price",
            quantity="quantity",
            currency="currency",
        ),
    )
    return validated(EventSource, declared, "the corpus")


def good(number: int) -> dict[str, Any]:
    """A record without fault."""
    return dict(id=f"e{number}", user=f"u{number % 7}", type="purchase", at=SECONDS + number, price=1.5, quantity=1, currency="EUR")


def corpus(seed: int, n_good: int) -> list[BadRecord]:
    """Every kind once among `n_good` good records, in an order that follows from the seed."""
    records = [BadRecord("good", encoded(good(number)), "") for number in range(n_good)]
    changed = {kind: (changes, codes) for kind, (changes, codes) in ALMOST_GOOD.items()}
    for number, (kind, (changes, codes)) in enumerate(changed.items(), start=n_good):
        fields = {key: value for key, value in {**good(number), **changes}.items() if value is not ...}
        records.append(BadRecord(kind, encoded(fields), codes))
    records += malformed(n_good + len(changed))
    random.Random(seed).shuffle(records)
    return records


def malformed(first: int) -> list[BadRecord]:
    """Lines that are broken as text or as JSON."""
    line = [encoded(good(first + number)) for number in range(12)]
    deep = b'{"id":"deep","user":' + b"[" * 1_000 + b"]" * 1_000 + b"}"
    return [
        BadRecord("not JSON", b"<event id='1'/>", "not_json"),
        BadRecord("truncated line", line[0][: len(line[0]) // 2], "not_json"),
        BadRecord("two records on a line", line[1] + line[2], "not_json"),
        BadRecord("a list", b"[" + line[3] + b"]", "not_json"),
        BadRecord("invalid UTF-8", line[4].replace(b'"u', b'"\xff\xfe'), "not_utf8"),
        BadRecord("NUL byte", line[5].replace(b'"u', b'"\x00u'), "nul_byte"),
        BadRecord("10 MB line", b'{"note":"' + b"x" * 10_000_000 + b'",' + line[6][1:], "too_long"),
        BadRecord("nesting 1,000 deep", deep, "nested_too_deep"),
        BadRecord("duplicate keys", line[7][:-1] + b',"user":"u2"}', "duplicate_keys"),
        BadRecord("byte order mark", b"\xef\xbb\xbf" + line[8], ""),
        BadRecord("CRLF", line[9] + b"\r", ""),
    ]


def encoded(fields: dict[str, Any]) -> bytes:
    """A record as a line of JSON."""
    return json.dumps(fields, ensure_ascii=False).encode()
