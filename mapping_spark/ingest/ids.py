"""The canonical form of an id, the same for events and reference tables, so that they join."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

CONTROL_CHARACTERS = r"[\x00-\x1f\x7f-\x9f]"
"""What no id may hold."""

_OUTER_SPACE = r"^[\p{Z}\x{feff}\x{200b}]+|[\p{Z}\x{feff}\x{200b}]+$"


def canonical_id(text: Column) -> Column:
    """An id in canonical form: Unicode NFC, no space around it, null where nothing is left."""
    # Null counts as plain: the Java call below falls over it.
    is_plain = text.isNull() | (F.octet_length(text) == F.length(text))
    # Spark has no normalisation of its own; its collations bring ICU along. Rare, so that the reflection does not weigh.
    composed = F.reflect(F.lit("com.ibm.icu.text.Normalizer"), F.lit("compose"), text, F.lit(False))
    return F.nullif(F.when(is_plain, F.trim(text)).otherwise(F.regexp_replace(composed, _OUTER_SPACE, "")), F.lit(""))
