"""Records of bronze to candidates for silver.events: canonical columns, and every reason against a record.

A candidate is a row of silver.events that may still be incomplete, with `reason_codes` (sorted, comma separated,
empty for a good one) and where it came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError
from mapping_spark.events.parse import RAW, UNREADABLE, parse
from mapping_spark.events.reasons import CODE_OF_CHECK
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.events.typed import Bounds, can_be_faulty, fault_name, typed_columns
from mapping_spark.ingest.source import CANONICAL, MANDATORY, EventSource
from mapping_spark.tables.silver import EVENTS

ORIGIN = ("source_file", "source_offset", "payload")
"""Columns of bronze that a candidate keeps, the text only of a rejected record."""
IDS = ("event_id", "user_id", "item_id", "session_id", "campaign_id", "recommendation_id")
"""Columns of silver.events that name something, and so take the canonical form of an id."""
KEY = "__key"
"""The column that a source and its lookup share."""
REASONS = "reason_codes"

_NUMBERS = ("quantity", "value", "discount")
_RECORD = "__record"
_ID_TEXTS = "__ids"
_LINE = "\u2028"  # between the id texts of a record: ends a line for a pattern, and is no control character
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"
_NOT_AN_ID = r'(?m)^ *(?:[+-]?\d+\.\d*(?:[eE][+-]?\d+)?|(?i:true|false)|"?(?:NaN|[+-]?Infinity)"?|\[.*\]|\{ *(?:\}|".*)) *$'
_NOT_PLAIN = r"[^\d\x{2028}]|\d{19}"  # anything but short integers, which break no rule of ids
_LONG_INTEGER = r"(?m)^ *[+-]?\d{19,} *$"
_OUTER_SPACE = r"^[\p{Z}\x{feff}\x{200b}]+|[\p{Z}\x{feff}\x{200b}]+$"


def judge(bronze: DataFrame, source: EventSource, config: CleaningConfig, lookup: DataFrame | None = None) -> DataFrame:
    """Candidates from rows of bronze.raw_events of one source.

    `lookup` holds the columns of the source's lookup and `__key` (text, unique). Returns the `ORIGIN` columns, every
    column of silver.events that a source can fill, `event_date` and `reason_codes`. Raises `ConfigError` for an
    expression that Spark cannot resolve; no record's content raises.
    """
    columns = source.used_columns()
    parsed = parse(bronze, list(columns), source.format, max_bytes=config.max_record_bytes, max_nesting=config.max_nesting)
    ids = [F.col(RAW)[name] for name in columns if any(name in source.references(canonical) for canonical in IDS)]
    keys = [F.trim(F.col(RAW)[source.lookup.key]).alias(KEY)] if source.lookup else []
    texts = F.concat_ws(_LINE, *ids)
    suspicious = F.when(texts.rlike(_NOT_PLAIN), texts).alias(_ID_TEXTS)
    records = parsed.select(F.struct(*ORIGIN, "ingested_at").alias(_RECORD), UNREADABLE, suspicious, RAW, *keys)
    types = {name: source.columns[name] for name in columns}
    read = typed_columns(records, types, source.zone, bounds(F.col(f"{_RECORD}.ingested_at"), config), source.references("event_at"))
    if lookup is not None:
        # One row per key in the lookup, so that the join cannot multiply records.
        read = read.join(F.broadcast(lookup), on=KEY, how="left")
    candidates = _canonical(read, source)
    dated = candidates.withColumn("event_date", F.to_date(F.from_utc_timestamp("event_at", config.business_zone)))
    judged = dated.withColumn(REASONS, _reason_codes(source, config)).withColumn(REASONS, _in_order(F.col(REASONS)))
    rejected_text = F.when(F.col(REASONS) != "", F.col("payload"))
    return judged.withColumn("payload", rejected_text).select(*ORIGIN, *CANONICAL, "event_date", REASONS)


def bounds(arrived_at: Column, config: CleaningConfig) -> Bounds:
    """The times that an event may have whose record arrived then."""
    earliest = F.lit(config.earliest_event_at).cast("timestamp")
    return Bounds(earliest, arrived_at + F.make_dt_interval(hours=F.lit(config.max_hours_ahead)))


def canonical_id(text: Column) -> Column:
    """An id in canonical form: Unicode NFC, no space around it, null where nothing is left."""
    is_ascii = F.octet_length(text) == F.length(text)
    # Spark has no normalisation of its own, but brings ICU along for its collations. Rarely called: most ids are ASCII.
    composed = F.reflect(F.lit("com.ibm.icu.text.Normalizer"), F.lit("compose"), text, F.lit(False))
    stripped = F.regexp_replace(composed, _OUTER_SPACE, "")
    return F.nullif(F.when(is_ascii, F.trim(text)).when(text.isNotNull(), stripped), F.lit(""))


def _canonical(read: DataFrame, source: EventSource) -> DataFrame:
    """Evaluate the declared expressions, then bring each to its column's form and type."""
    kept = [F.col(f"`{name}`") for name in (_ID_TEXTS, UNREADABLE, *map(fault_name, _faulty(source)))]
    expressions = {name: _expression(read, source, name) for name in CANONICAL}
    evaluated = read.select(f"{_RECORD}.*", *kept, *(column.alias(f"__{name}") for name, (column, _) in expressions.items()))
    columns = [_formed(source, name, found).alias(name) for name, (_, found) in expressions.items()]
    return evaluated.select(*ORIGIN, "ingested_at", *kept, *(f"__{name}" for name in _NUMBERS), *columns)


def _expression(read: DataFrame, source: EventSource, name: str) -> tuple[Column, str]:
    """The declared expression and its Spark type, as Spark resolves it over the typed columns."""
    if name not in source.event:
        return F.lit(None), "void"
    sql = source.event[name]
    try:
        expression = F.expr(sql)
        return expression, read.select(expression).dtypes[0][1]
    except (AnalysisException, ParseException) as fault:
        found = f"{sql!r} ({str(fault).splitlines()[0]})"
        raise _misfit(source, name, found, f"SQL over {list(source.all_columns())}", "Mend the expression.") from None


def _formed(source: EventSource, name: str, found: str) -> Column:
    """A column of silver.events from its evaluated expression of Spark type `found`."""
    expression, declared = F.col(f"__{name}"), EVENTS.by_name[name].type
    if found == "void":
        return expression.cast(declared)
    if declared == "string":
        text = expression.cast("string")
        return canonical_id(text) if name in IDS else F.nullif(F.trim(text), F.lit(""))
    if declared == "timestamp":
        if found not in ("timestamp", "timestamp_ntz", "date"):
            raise _misfit(source, name, found, "a timestamp or date", "Declare its column as timestamp, date or epoch_*.")
        moment = expression.cast("timestamp")
        return moment if found == "timestamp" else F.to_utc_timestamp(moment, source.zone)
    if found.partition("(")[0] not in ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal"):
        raise _misfit(source, name, found, "a number", "Declare its column as bigint, double or decimal(18,4).")
    number = expression.cast("double")
    return F.when(F.abs(number) < F.lit(float("inf")), expression.try_cast(declared))


def _misfit(source: EventSource, name: str, found: str, expected: str, fix: str) -> ConfigError:
    return ConfigError(f"source {source.name}, event.{name}", found, expected, fix)


def _faulty(source: EventSource) -> list[str]:
    """Raw columns that are read and can hold a fault."""
    read = [*source.used_columns(), *(source.lookup.columns if source.lookup else ())]
    return [name for name in read if can_be_faulty(source.all_columns()[name])]


def _reason_codes(source: EventSource, config: CleaningConfig) -> Column:
    """Every reason against a candidate, joined by commas; only the one of the record if it is unreadable."""
    codes = [_code_of_fault(source, name) for name in _faulty(source)]
    codes += [F.when(broken, F.lit(code)) for code, broken in _broken_rules(source, config)]
    return F.coalesce(F.col(UNREADABLE), F.concat_ws(",", *codes))


def _in_order(codes: Column) -> Column:
    """Each code once, sorted; most records have none or one, and need no work."""
    return F.when(F.contains(codes, F.lit(",")), F.array_join(F.array_sort(F.array_distinct(F.split(codes, ","))), ",")).otherwise(codes)


def _code_of_fault(source: EventSource, name: str) -> Column:
    """A raw column's fault: told by the column of silver.events that it spoils, but for a wrong type."""
    owner = next((c for c in (*CANONICAL[1:], CANONICAL[0]) if name in source.references(c)), name)
    fault = F.col(f"`{fault_name(name)}`")
    return F.when(fault == "bad_type", F.lit(f"bad_type_{name}")).otherwise(F.concat(F.lit(f"{owner}_"), fault))


def _broken_rules(source: EventSource, config: CleaningConfig) -> Iterator[tuple[str, Column]]:
    """Reason codes with their conditions, over the canonical columns."""
    for name in MANDATORY:
        yield f"{name}_missing", F.col(name).isNull() & _is_sound(source, name)
    for check in EVENTS.checks:
        yield CODE_OF_CHECK[check.name], ~F.expr(check.condition)
    for name in _NUMBERS:
        lost = F.col(f"__{name}").isNotNull() & F.col(name).isNull()
        is_finite = F.abs(F.col(f"__{name}").cast("double")) < F.lit(float("inf"))
        yield f"{name}_overflow", lost & is_finite
        yield f"{name}_not_finite", lost & ~is_finite
    texts = F.col(_ID_TEXTS)
    yield "id_not_text_or_integer", texts.rlike(_NOT_AN_ID)
    beyond = F.exists(F.split(texts, _LINE), lambda text: text.rlike(_LONG_INTEGER) & text.try_cast("bigint").isNull())
    yield "id_out_of_range", F.when(texts.rlike(_LONG_INTEGER), beyond)
    yield "control_characters", texts.rlike(_CONTROL)
    yield "unknown_currency", ~F.col("currency").isin(*config.currencies)
    allowed = bounds(F.col("ingested_at"), config)
    yield "event_at_too_early", (F.col("event_at") < allowed.earliest) & _is_sound(source, "event_at")
    yield "event_at_in_future", (F.col("event_at") > allowed.latest) & _is_sound(source, "event_at")


def _is_sound(source: EventSource, name: str) -> Column:
    """Whether no fault spoiled what the column is made of: one fault is told once."""
    made_of = [F.col(f"`{fault_name(raw)}`").isNull() for raw in _faulty(source) if raw in source.references(name)]
    return reduce(Column.__and__, made_of, F.lit(True))
