"""Any id in canonical form, against Python's own Unicode: for events and for reference tables, which must join."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.events import canonical
from mapping_spark.ingest import ids
from mapping_spark.tables.frames import small

SPACES = " \u00a0\u2003\u3000\u2028\u2029"
INVISIBLE = "\ufeff\u200b"
LETTERS = "aZ7-\u00e9e\u0301\u0308\u0323\u212b\u1e9b\uac00\u1112\u1161\u11ab\u0130\u00df\U0001f600"
"""Letters that compose, marks in any order, the Angstrom sign, syllables of jamo, and one outside the first plane."""
TEXTS = st.none() | st.text(SPACES + INVISIBLE + LETTERS, max_size=6)


def expected(text: str | None) -> str | None:
    return (unicodedata.normalize("NFC", text).strip(SPACES + INVISIBLE) or None) if text is not None else None


@settings(max_examples=3, deadline=None)
@given(st.lists(TEXTS, min_size=60, max_size=200))
def test_an_id_is_composed_stripped_and_null_where_nothing_is_left(spark: SparkSession, texts: list[str | None]) -> None:
    frame = small(spark, [(text,) for text in texts], "text string")
    once = frame.select("text", canonical.canonical_id(F.col("text")).alias("event"), ids.canonical_id(F.col("text")).alias("entity"))
    found = once.select("*", ids.canonical_id(F.col("entity")).alias("again")).collect()
    for text, row in zip(texts, found, strict=True):
        assert (row.event, row.entity, row.again) == (expected(text),) * 3, ascii(text)
