"""Raw text to a typed value by the declared raw type, and the reason code where the text does not have that type.

Nothing here raises on bad text: the value is null and the reason says why. Blank text is null without a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pyspark.sql import Column
from pyspark.sql import functions as F

from mapping_spark.ingest.source import RawType

NUMBER_FAULTS = ("not_finite", "overflow")
_MICROS = {"epoch_s": 1e6, "epoch_ms": 1e3, "epoch_us": 1.0, "epoch_ns": 1e-3}
_LAST_MICROS = 253_402_300_799_999_999  # the end of the year 9999, Spark's last
_DATE = r"^\d{4}-\d{2}-\d{2}"
_DATE_ONLY_OR_TIME = _DATE + r"([T ].*)?$"
_HAS_ZONE = r"\d:\d\d[\d:.]*\s*[A-Za-z+\-\[]"  # letters or a sign after the time of day
_SUFFIXED = r"[dDxX]|\d[fF]$"  # Java's 1.5d, 0x1p3 and 1f, which no source means
_NOT_AN_ID = r'^(?:[+-]?\d+\.\d*(?:[eE][+-]?\d+)?|(?i:true|false)|"?(?:NaN|[+-]?Infinity)"?|\[.*\]|\{\s*(?:\}|".*))$'
_INTEGER = r"^[+-]?\d+$"


class Typed(NamedTuple):
    """A typed value and the fault that made it null (null where there is none)."""

    value: Column
    fault: Column


class Window(NamedTuple):
    """The times that an event may have."""

    earliest: Column
    latest: Column


def typed(raw: Column, raw_type: RawType, zone: str) -> Typed:
    """The value of a raw text. Faults: `bad_type`, `not_finite`, `overflow`, `unparsable`.

    Times without a zone are taken in `zone` and become UTC; dates stay dates.
    """
    text = F.nullif(F.trim(raw), F.lit(""))
    if raw_type == "string":
        return Typed(text, F.lit(None).cast("string"))
    if raw_type in ("bigint", "double", "decimal(18,4)"):
        return _number(text, raw_type)
    if raw_type == "boolean":
        return _or_fault(text, text.try_cast("boolean"), "bad_type")
    if raw_type == "date":
        return _or_fault(text, F.when(text.rlike(_DATE_ONLY_OR_TIME), F.substring(text, 1, 10).try_cast("date")), "unparsable")
    if raw_type == "timestamp":
        return _or_fault(text, F.when(text.rlike(_DATE_ONLY_OR_TIME), _in_utc(text, zone)), "unparsable")
    micros = text.try_cast("double") * F.lit(_MICROS[raw_type])
    in_calendar = F.abs(micros) <= F.lit(float(_LAST_MICROS))
    return _or_fault(text, F.when(in_calendar, F.timestamp_micros(F.round(micros).try_cast("bigint"))), "unparsable")


def id_fault(raw: Column) -> Column:
    """`id_not_text_or_integer` or `id_out_of_range` for the raw text of an id; null for a good one."""
    text = F.trim(raw)
    beyond = text.rlike(_INTEGER) & text.try_cast("bigint").isNull()
    judged = F.when(text.rlike(_NOT_AN_ID), F.lit("id_not_text_or_integer")).when(beyond, F.lit("id_out_of_range"))
    return F.when(text.try_cast("bigint").isNull(), judged)


def is_in_another_unit(raw: Column, raw_type: RawType, window: Window) -> Column:
    """Whether an epoch lies outside `window` in its declared unit, but inside it in another one."""
    number = F.trim(raw).try_cast("double")
    lowest, highest = (F.unix_micros(bound).cast("double") for bound in window)

    def fits(unit: str) -> Column:
        return (number * F.lit(_MICROS[unit])).between(lowest, highest)

    others = [fits(unit) for unit in _MICROS if unit != raw_type]
    return F.coalesce(~fits(raw_type) & (others[0] | others[1] | others[2]), F.lit(False))


def _number(text: Column, raw_type: RawType) -> Typed:
    plain = F.btrim(text, F.lit('"'))  # the parser leaves quotes around NaN and Infinity
    number = F.when(~plain.rlike(_SUFFIXED), plain.try_cast("double"))
    finite = F.when(~F.isnan(number) & (F.abs(number) < F.lit(float("inf"))), number)
    exact: dict[str, Callable[[], Column]] = {
        "double": lambda: finite,
        "bigint": lambda: F.coalesce(text.try_cast("bigint"), F.when(finite == F.floor(finite), finite.try_cast("bigint"))),
        "decimal(18,4)": lambda: F.when(finite.isNotNull(), plain.try_cast("decimal(18,4)")),
    }
    value = exact[raw_type]()
    fault = F.when(number.isNull(), F.lit("bad_type")).when(finite.isNull(), F.lit("not_finite"))
    fault = fault.otherwise(F.lit("bad_type" if raw_type == "bigint" else "overflow"))
    return Typed(value, F.when(text.isNotNull() & value.isNull(), fault))


def _or_fault(text: Column, value: Column, fault: str) -> Typed:
    return Typed(value, F.when(text.isNotNull() & value.isNull(), F.lit(fault)))


def _in_utc(text: Column, zone: str) -> Column:
    moment = text.try_cast("timestamp")  # the session's zone is UTC
    return moment if zone == "UTC" else F.when(text.rlike(_HAS_ZONE), moment).otherwise(F.to_utc_timestamp(moment, zone))
