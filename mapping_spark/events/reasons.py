"""Why a record is rejected: one code per reason, and the same in words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pyspark.sql import Column
from pyspark.sql import functions as F

from mapping_spark.ingest.source import CANONICAL

CODE_OF_CHECK = {
    "known_event_type": "unknown_event_type",
    "quantity_positive": "quantity_not_positive",
    "value_not_negative": "value_negative",
    "discount_not_negative": "discount_negative",
    "value_has_currency": "currency_missing",
}
"""The reason that stands for a broken check of silver.events."""

SENTENCES = {
    "not_utf8": "the bytes are not UTF-8 text",
    "too_long": "the record is longer than allowed",
    "nul_byte": "the record holds a NUL byte",
    "nested_too_deep": "the record is nested deeper than allowed",
    "not_json": "the record is not one whole JSON object",
    "not_csv": "the line does not fit the header of its file",
    "duplicate_keys": "a key stands twice in the record",
    "control_characters": "an id holds a control character",
    "id_not_text_or_integer": "an id is a fraction, a truth value, a list or an object",
    "id_out_of_range": "an id is an integer beyond 64 bits",
    "event_at_too_early": "the time is before the earliest allowed",
    "event_at_in_future": "the time is more than the allowed hours after the record arrived",
    "event_at_wrong_unit": "the time is a number in another unit than the declared one",
    "unknown_event_type": "the event type is none of the declared ones",
    "unknown_currency": "the currency is none of the declared ones",
    "quantity_not_positive": "the quantity is zero or negative",
    "currency_missing": "money without a currency",
}
_PATTERNS = (
    (re.compile(r"bad_type_(\w.*)"), "{} does not have its declared type"),
    (re.compile(r"(\w+)_missing"), "{} is missing, empty or blank"),
    (re.compile(r"(\w+)_negative"), "{} is negative"),
    (re.compile(r"(\w+)_not_finite"), "{} is not a finite number"),
    (re.compile(r"(\w+)_overflow"), "{} does not fit its column"),
    (re.compile(r"(\w+)_unparsable"), "{} is no time of the calendar, or not written as one"),
)


def sentence(code: str) -> str:
    """A reason code in words."""
    if code in SENTENCES:
        return SENTENCES[code]
    matches = ((pattern.fullmatch(code), text) for pattern, text in _PATTERNS)
    return next((text.format(match[1]) for match, text in matches if match), code)


def codes_of(raw_columns: Iterable[str]) -> set[str]:
    """Every code that can stand against a record of a source with these raw columns."""
    faults = ("missing", "negative", "not_finite", "overflow", "unparsable")
    return {*SENTENCES, *(f"bad_type_{name}" for name in raw_columns), *(f"{name}_{fault}" for name in CANONICAL for fault in faults)}


def in_words(codes: Column, known: Iterable[str]) -> Column:
    """`a,b` as the sentences of its codes, joined by semicolons; `known` are all codes that can occur."""
    words = F.create_map(*(F.lit(text) for code in sorted(known) for text in (code, sentence(code))))
    return F.array_join(F.transform(F.split(codes, ","), lambda code: F.coalesce(words[code], code)), "; ")
