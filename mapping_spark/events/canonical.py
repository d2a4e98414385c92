"""Records of bronze to candidates for silver.events: canonical columns, and every reason against a record.

A candidate is a row of silver.events that may still be incomplete, with `reason_codes` (sorted, comma separated,
empty for a good one) and where it came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import NamedTuple

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError
from mapping_spark.events.parse import RAW, UNREADABLE, parse
from mapping_spark.events.reasons import CODE_OF_CHECK
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.events.typed import Window, id_fault, is_in_another_unit, typed
from mapping_spark.ingest.source import CANONICAL, MANDATORY, EventSource
from mapping_spark.tables.silver import EVENTS

ORIGIN = ("source", "source_file", "source_offset", "payload", "batch_id", "ingested_at")
"""Columns of bronze that a candidate keeps."""
IDS = ("event_id", "user_id", "item_id", "session_id", "campaign_id", "recommendation_id")
"""Columns of silver.events that name something, and so take the canonical form of an id."""
REASONS = "reason_codes"

_RECORD = "__record"
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"
_OUTER_SPACE = r"^[\p{Z}\x{feff}\x{200b}]+|[\p{Z}\x{feff}\x{200b}]+$"
_MONEY = ("value", "discount")


class _Value(NamedTuple):
    """A canonical column and the reason code against it (null where there is none)."""

    value: Column
    fault: Column


def judge(bronze: DataFrame, source: EventSource, config: CleaningConfig, lookup: DataFrame | None = None) -> DataFrame:
    """Candidates from rows of bronze.raw_events of one source.

    `lookup` holds the columns of the source's lookup and `__key` (text, unique). Returns the `ORIGIN` columns, every
    column of silver.events and `reason_codes`. Raises `ConfigError` for an expression that Spark cannot resolve;
    no record's content raises.
    """
    parsed = parse(
        bronze, list(source.used_columns()), source.format, max_bytes=config.max_record_bytes, max_nesting=config.max_nesting
    )
    read = _typed_columns(parsed, source, config, lookup)
    values = {name: _canonical(read, source, name) for name in CANONICAL}
    faults = [f"`{_fault_name(name)}`" for name in _read_names(source)]
    candidates = read.select(
        f"{_RECORD}.*",
        UNREADABLE,
        *faults,
        *(values[name].value.alias(name) for name in CANONICAL),
        *(values[name].fault.alias(f"__{name}") for name in (*_MONEY, "quantity")),
    )
    dated = candidates.withColumn("event_date", F.to_date(F.from_utc_timestamp("event_at", config.business_zone)))
    return dated.withColumn(REASONS, _reason_codes(source, config)).select(*ORIGIN, *CANONICAL, "event_date", REASONS)


def canonical_id(text: Column) -> Column:
    """An id in canonical form: Unicode NFC, no space around it, null where nothing is left."""
    is_ascii = F.octet_length(text) == F.length(text)
    # Spark has no normalisation of its own; its collations bring ICU along. Rare, so that the reflection does not weigh.
    composed = F.reflect(F.lit("com.ibm.icu.text.Normalizer"), F.lit("compose"), text, F.lit(False))
    return F.nullif(F.when(is_ascii, F.trim(text)).otherwise(F.regexp_replace(composed, _OUTER_SPACE, "")), F.lit(""))


def read_columns(raw: Column, source: EventSource, names: Iterable[str], arrived_at: Column, config: CleaningConfig) -> list[Column]:
    """The named columns of a struct of texts in their raw types, and `__fault:<name>`: the reason code against each."""
    window = Window(F.lit(config.earliest_event_at).cast("timestamp"), _latest(arrived_at, config))
    columns: list[Column] = []
    for name in names:
        raw_type = source.all_columns()[name]
        value, fault = typed(raw[name], raw_type, source.zone)
        code = _code_of_fault(fault, name, source)
        if raw_type in ("string", "bigint") and any(name in source.references(canonical) for canonical in IDS):
            code = F.coalesce(id_fault(raw[name]), code)
        if raw_type.startswith("epoch_") and name in source.references("event_at"):
            code = F.when(is_in_another_unit(raw[name], raw_type, window), F.lit("event_at_wrong_unit")).otherwise(code)
        columns += [F.when(code.isNull(), value).alias(name), code.alias(_fault_name(name))]
    return columns


def _typed_columns(parsed: DataFrame, source: EventSource, config: CleaningConfig, lookup: DataFrame | None) -> DataFrame:
    record = F.struct(*ORIGIN).alias(_RECORD)
    columns = read_columns(F.col(RAW), source, source.used_columns(), F.col("ingested_at"), config)
    if lookup is None or source.lookup is None:
        return parsed.select(record, UNREADABLE, *columns)
    read = parsed.select(record, UNREADABLE, F.trim(F.col(RAW)[source.lookup.on]).alias("__key"), *columns)
    # One row per key in the lookup, so that the join cannot multiply records.
    return read.join(F.broadcast(lookup), on="__key", how="left")


def _code_of_fault(fault: Column, name: str, source: EventSource) -> Column:
    """A value's fault as a reason code: by the canonical column that it spoils, or by its own name."""
    owners = [canonical for canonical in (*CANONICAL[1:], CANONICAL[0]) if name in source.references(canonical)]
    if not owners:  # declared but not used: its faults do not matter
        return F.lit(None).cast("string")
    return F.when(fault == "bad_type", F.lit(f"bad_type_{name}")).otherwise(F.concat(F.lit(f"{owners[0]}_"), fault))


def _read_names(source: EventSource) -> list[str]:
    return [*source.used_columns(), *(source.lookup.columns if source.lookup else ())]


def _fault_name(name: str) -> str:
    return f"__fault:{name}"


def _latest(arrived_at: Column, config: CleaningConfig) -> Column:
    return arrived_at + F.make_dt_interval(hours=F.lit(config.max_hours_ahead))


def _canonical(read: DataFrame, source: EventSource, name: str) -> _Value:
    """A column of silver.events from its expression, in its declared type."""
    none = F.lit(None).cast("string")
    expression, found = _expression(read, source, name)
    declared = EVENTS.by_name[name].type
    if found == "void":
        return _Value(expression.cast(declared), none)
    if declared == "string":
        return _Value(canonical_id(expression.cast("string")) if name in IDS else _label(expression.cast("string")), none)
    if declared == "timestamp":
        if found not in ("timestamp", "timestamp_ntz", "date"):
            raise _misfit(source, name, found, "a timestamp or date", "Declare its column as timestamp, date or epoch_*.")
        moment = expression.cast("timestamp")
        return _Value(moment if found == "timestamp" else F.to_utc_timestamp(moment, source.zone), none)
    if found not in ("tinyint", "smallint", "int", "bigint", "float", "double") and not found.startswith("decimal"):
        raise _misfit(source, name, found, "a number", "Declare its column as bigint, double or decimal(18,4).")
    return _number(expression, found, declared, name)


def _number(expression: Column, found: str, declared: str, name: str) -> _Value:
    finite = expression
    if found in ("float", "double"):
        finite = F.when(~F.isnan(expression) & (F.abs(expression) < F.lit(float("inf"))), expression)
    value = finite.try_cast(declared)
    fault = F.when(finite.isNull(), F.lit(f"{name}_not_finite")).otherwise(F.lit(f"{name}_overflow"))
    return _Value(value, F.when(expression.isNotNull() & value.isNull(), fault))


def _label(text: Column) -> Column:
    return F.nullif(F.trim(text), F.lit(""))


def _expression(read: DataFrame, source: EventSource, name: str) -> tuple[Column, str]:
    """The declared expression and its Spark type, as Spark resolves it over the typed columns."""
    sql = source.event.get(name, "NULL")
    try:
        expression = F.expr(sql)
        return expression, read.select(expression).dtypes[0][1]
    except (AnalysisException, ParseException) as fault:
        found = f"{sql!r} ({str(fault).splitlines()[0]})"
        raise _misfit(source, name, found, f"SQL over {list(source.all_columns())}", "Mend the expression.") from None


def _misfit(source: EventSource, name: str, found: str, expected: str, fix: str) -> ConfigError:
    return ConfigError(f"source {source.name}, event.{name}", found, expected, fix)


def _reason_codes(source: EventSource, config: CleaningConfig) -> Column:
    """Every reason against a candidate, sorted and joined by commas; only the one of the record if it is unreadable."""
    codes = [F.col(f"`{_fault_name(name)}`") for name in _read_names(source)]
    codes += [F.col(f"__{name}") for name in (*_MONEY, "quantity")]
    codes += [F.when(broken, F.lit(code)) for code, broken in _broken_rules(source, config)]
    every = F.array_sort(F.array_distinct(F.array_compact(F.array(*codes))))
    return F.when(F.col(UNREADABLE).isNotNull(), F.col(UNREADABLE)).otherwise(F.array_join(every, ","))


def _broken_rules(source: EventSource, config: CleaningConfig) -> Iterator[tuple[str, Column]]:
    """Reason codes with their conditions, over the canonical columns. What a faulty text spoiled is not missing too."""
    for name in MANDATORY:
        spoiled = [F.col(f"`{_fault_name(raw)}`").isNotNull() for raw in source.references(name)]
        yield f"{name}_missing", reduce(lambda broken, fault: broken & ~fault, spoiled, F.col(name).isNull())
    for check in EVENTS.checks:
        yield CODE_OF_CHECK[check.name], ~F.expr(check.condition)
    yield "unknown_currency", ~F.col("currency").isin(*config.currencies)
    yield "control_characters", F.concat_ws("", *IDS).rlike(_CONTROL)
    yield "event_at_too_early", F.col("event_at") < F.lit(config.earliest_event_at).cast("timestamp")
    yield "event_at_in_future", F.col("event_at") > _latest(F.col("ingested_at"), config)
