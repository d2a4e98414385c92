"""Raw text to a typed value by the declared raw type, and the fault where the text does not have that type.

Nothing here raises on bad text: the value is null and `__fault:<name>` says why. Blank text is null without a fault.
The work is done in three selects, each of which reads the columns of the one before: Spark evaluates a column that is
named twice once, but an expression that is written twice, twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.events.parse import RAW
from mapping_spark.ingest.source import RawType

_MICROS_PER = {"epoch_s": 1e6, "epoch_ms": 1e3, "epoch_us": 1.0, "epoch_ns": 1e-3}
_LAST_MICROS = 253_402_300_799_999_999.0  # the end of the year 9999, Spark's last
_DATE_OR_TIME = r"^\d{4}-\d{2}-\d{2}([T ].*)?$"  # Spark would take a bare time of day for today
_NAMES_ZONE = r"\d:\d\d[\d:.]*\s*[A-Za-z+\-\[]"  # letters or a sign after the time of day
_JAVA_ONLY = r"[xX]|[\d.][dDfF]$"  # 0x1p3, 1.5d and 1f, which Spark's cast accepts and no source means


class Bounds(NamedTuple):
    """The times that an event may have, both ends included."""

    earliest: Column
    latest: Column


def typed_columns(frame: DataFrame, types: Mapping[str, RawType], zone: str, bounds: Bounds, judged: Collection[str] = ()) -> DataFrame:
    """Replace the struct `__raw` of texts by one column per name in its type, and `__fault:<name>` for all but text.

    Faults: `bad_type`, `not_finite`, `overflow`, `unparsable`, and for the epochs named in `judged` `wrong_unit`: outside
    `bounds`, but within them in another unit. Text is trimmed. Times that name no zone are taken in `zone`; times
    become UTC, dates stay dates.
    """
    kept = [F.col(f"`{name}`") for name in frame.columns if name != RAW]
    texts = frame.select(*kept, *(_text(F.col(RAW)[name], raw_type).alias(f"__text:{name}") for name, raw_type in types.items()))
    parsed = texts.select("*", *(_parsed(_at("text", name), raw_type, zone).alias(f"__parsed:{name}") for name, raw_type in types.items()))
    values = [_value(_at("parsed", name), raw_type).alias(name) for name, raw_type in types.items()]
    faulty = {name: raw_type for name, raw_type in types.items() if can_be_faulty(raw_type)}
    faults = [_fault(name, raw_type, bounds if name in judged else None).alias(fault_name(name)) for name, raw_type in faulty.items()]
    return parsed.select(*kept, *values, *faults)


def can_be_faulty(raw_type: RawType) -> bool:
    """Whether some text is no value of the type."""
    return raw_type != "string"


def fault_name(name: str) -> str:
    """The column that holds the fault of a raw column."""
    return f"__fault:{name}"


def _at(step: str, name: str) -> Column:
    return F.col(f"`__{step}:{name}`")


def _text(raw: Column, raw_type: RawType) -> Column:
    # The JSON parser leaves quotes around NaN and Infinity.
    return F.nullif(F.trim(raw) if raw_type == "string" else F.btrim(raw, F.lit(' "')), F.lit(""))


def _parsed(text: Column, raw_type: RawType, zone: str) -> Column:
    """The text as far as it can be read: numbers as double (infinite and NaN too), epochs as microseconds."""
    if raw_type == "string":
        return text
    if raw_type == "double":
        return F.when(~text.rlike(_JAVA_ONLY), text.try_cast("double"))
    if raw_type == "bigint":  # 2.0 is an integer too
        number = text.try_cast("decimal(38,6)")
        return F.when(number == F.floor(number), number.try_cast("bigint"))
    if raw_type == "date":
        return F.when(text.rlike(_DATE_OR_TIME), F.substring(text, 1, 10).try_cast("date"))
    if raw_type == "timestamp":
        return F.when(text.rlike(_DATE_OR_TIME), _in_utc(text, zone))
    if raw_type.startswith("epoch_"):
        return text.try_cast("double") * F.lit(_MICROS_PER[raw_type])
    return text.try_cast(raw_type)


def _value(parsed: Column, raw_type: RawType) -> Column:
    if raw_type == "double":
        return F.when(F.abs(parsed) < F.lit(float("inf")), parsed)
    if raw_type.startswith("epoch_"):
        return F.when(F.abs(parsed) <= F.lit(_LAST_MICROS), F.timestamp_micros(F.round(parsed).try_cast("bigint")))
    return parsed


def _fault(name: str, raw_type: RawType, bounds: Bounds | None) -> Column:
    text, parsed = _at("text", name), _at("parsed", name)
    if raw_type == "double":
        found = F.when(parsed.isNull(), F.lit("bad_type")).when(~(F.abs(parsed) < F.lit(float("inf"))), F.lit("not_finite"))
    elif raw_type == "decimal(18,4)":
        number = text.try_cast("double")
        is_finite = F.abs(number) < F.lit(float("inf"))
        why = F.when(number.isNull(), F.lit("bad_type")).when(is_finite, F.lit("overflow")).otherwise(F.lit("not_finite"))
        found = F.when(parsed.isNull(), why)
    elif raw_type.startswith("epoch_"):
        found = F.when(parsed.isNull() | ~(F.abs(parsed) <= F.lit(_LAST_MICROS)), F.lit("unparsable"))
        found = F.when(_is_in_another_unit(parsed, raw_type, bounds), F.lit("wrong_unit")).otherwise(found) if bounds else found
    else:
        found = F.when(parsed.isNull(), F.lit("unparsable" if raw_type in ("date", "timestamp") else "bad_type"))
    return F.when(text.isNotNull(), found)


def _is_in_another_unit(micros: Column, raw_type: RawType, bounds: Bounds) -> Column:
    """Whether an epoch is out of bounds in its declared unit, but would be within them in another one."""
    lowest, highest = (F.unix_micros(bound).cast("double") for bound in bounds)

    def fits(unit: str) -> Column:
        return (micros * F.lit(_MICROS_PER[unit] / _MICROS_PER[raw_type])).between(lowest, highest)

    others = [fits(unit) for unit in _MICROS_PER if unit != raw_type]
    return ~fits(raw_type) & (others[0] | others[1] | others[2])


def _in_utc(text: Column, zone: str) -> Column:
    moment = text.try_cast("timestamp")  # the session's zone is UTC
    return moment if zone == "UTC" else F.when(text.rlike(_NAMES_ZONE), moment).otherwise(F.to_utc_timestamp(moment, zone))
