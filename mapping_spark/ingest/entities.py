"""Reference tables from declared files: items, users, campaigns, their items, assignments made elsewhere, and currency rates.

An event stream can lose a bad record to the quarantine and go on; a reference table with a bad row would bend every
number that joins it. So a broken one stops the job before the write, and the previous version stays.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import reduce
from typing import Annotated, Literal
from zoneinfo import available_timezones

from py4j.protocol import Py4JJavaError
from pydantic import Field, StringConstraints, field_validator, model_validator
from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.config import Section
from mapping_spark.errors import ConfigError, ContractError, MappingSparkError, MissingInput, SchemaDrift
from mapping_spark.ingest.ids import CONTROL_CHARACTERS, canonical_id
from mapping_spark.ingest.paths import resolve_path
from mapping_spark.tables import contract, silver
from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import conform, empty
from mapping_spark.tables.quality import REASONS, duplicate_keys, violations

ENTITY_TABLES: dict[str, Table] = {
    "items": silver.ITEMS,
    "users": silver.USERS,
    "campaigns": silver.CAMPAIGNS,
    "campaign_items": silver.CAMPAIGN_ITEMS,
    "external_assignments": silver.EXTERNAL_ASSIGNMENTS,
    "currency_rates": silver.CURRENCY_RATES,
}
"""The table that each kind of entity source fills."""

RawType = Annotated[str, StringConstraints(pattern=r"^(string|boolean|int|bigint|double|date|timestamp|decimal\(\d{1,2},\d{1,2}\))$")]


class EntitySource(Section):
    """A file or folder of reference data, and how its columns become a table's."""

    name: str
    """Name of the source, as messages show it."""
    kind: Literal["items", "users", "campaigns", "campaign_items", "external_assignments", "currency_rates"]
    """What it describes, and so which table it fills."""
    format: Literal["parquet", "csv", "json"]
    """Parquet, CSV with a header line, or JSON lines."""
    path: str = Field(min_length=1)
    """A file, folder or URI, or `package://<package>/<file>`."""
    zone: str = "UTC"
    """The zone that its times are told in."""
    types: dict[str, RawType] = Field(default_factory=dict)
    """Types that its own columns are read as, where an expression needs more than the text of a CSV."""
    columns: dict[str, str]
    """Canonical column to SQL expression over the source's columns; times as wall-clock time in `zone`."""

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        if not contract.IDENTIFIER.fullmatch(name):
            raise ValueError("use lower-case letters, digits and underscores")
        return name

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"no such time zone{_near(zone, available_timezones())}; use a name such as America/New_York")
        return zone

    @model_validator(mode="after")
    def _fits_the_table(self) -> EntitySource:
        unknown = [f"{name}{_near(name, self.table.column_names)}" for name in self.columns if name not in self.table.by_name]
        if unknown:
            raise ValueError(f"columns that {self.table.name} does not have: {', '.join(unknown)}; delete or rename them")
        missing = [column.name for column in self.table.columns if not column.nullable and column.name not in self.columns]
        if missing:
            raise ValueError(f"columns.{', columns.'.join(missing)} missing: {self.table.name} allows no null there; declare an expression")
        return self

    @property
    def table(self) -> Table:
        """The table it fills."""
        return ENTITY_TABLES[self.kind]


def _near(name: str, known: Sequence[str] | set[str]) -> str:
    match = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {match[0]!r}?)" if match else ""


class UsersConfig(Section):
    """Settings of silver.users."""

    default_marketing_consent: bool = True
    """Consent of a known user whom no source declares."""


def build_users(user_ids: DataFrame, declared: DataFrame, config: UsersConfig) -> DataFrame:
    """silver.users: every user of silver.user_ids and every declared one; attributes null where undeclared."""
    # Both sides hold each user once, so the join cannot multiply rows.
    users = user_ids.select("user_id").join(declared, on="user_id", how="full_outer")
    consent = F.coalesce("has_marketing_consent", F.lit(config.default_marketing_consent))
    return conform(users.withColumn("has_marketing_consent", consent), silver.USERS)


def read_entities(spark: SparkSession, sources: Sequence[EntitySource], table: Table) -> DataFrame:
    """Rows of `table` from all `sources` that fill it; rows that are identical in every column are one row.

    Keys take the canonical form of an id. No source gives no rows. Raises `MissingInput` (no file), `SchemaDrift` (a column that an
    expression reads is gone), `ConfigError` (an expression is not SQL), `ContractError` (rows that break the contract,
    cannot be read or repeat a key, with counts): in each case nothing has been written.
    """
    filling = [source for source in sources if source.table is table]
    if not filling:
        return empty(spark, table)
    # Not a repair of a join: the declared meaning of a delivery that lists a row twice (one product on two coupons).
    merged = reduce(DataFrame.unionByName, [_typed(spark, source) for source in filling]).distinct()
    _refuse_broken(merged, table, [source.name for source in filling])
    return conform(merged, table)


def _typed(spark: SparkSession, source: EntitySource) -> DataFrame:
    """The source's canonical columns in the table's types, and `reason_codes` of the values no cast could read."""
    raw = _read(spark, source)
    if source.format == "json" and not raw.columns:
        return empty(spark, source.table).withColumn(REASONS, F.array().cast("array<string>"))
    gone = sorted(set(source.types) - set(raw.columns))
    if gone:
        raise _drift(f"source {source.name}", raw, f"no {', '.join(gone)}")
    own = {name: F.col(_quoted(name)) for name in raw.columns}
    raw = _cast(raw.withColumn(REASONS, F.array().cast("array<string>")), own, source.types, keep=list(raw.columns))
    types = {column.name: column.type for column in source.table.columns}
    expressions = {name: F.expr(source.columns.get(name, "NULL")) for name in types}
    try:
        typed = _cast(raw, expressions, types)
    except AnalysisException:
        raise _wrong_expression(source, raw.drop(REASONS), types) from None
    times = {c.name: F.to_utc_timestamp(c.name, source.zone) for c in source.table.columns if c.type == "timestamp"}
    keys = {name: canonical_id(F.col(name)) for name in source.table.primary_key if types[name] == "string"}
    odd = F.when(F.concat_ws("", *keys.values()).rlike(CONTROL_CHARACTERS), F.array(F.lit("control_characters")))
    return typed.withColumns(times | keys | {REASONS: F.array_union(REASONS, F.coalesce(odd, F.array().cast("array<string>")))})


def _read(spark: SparkSession, source: EntitySource) -> DataFrame:
    path = resolve_path(source.path, f"source {source.name}")
    reader = spark.read.format(source.format)
    if source.format != "parquet":
        reader = reader.option("mode", "FAILFAST")
    if source.format == "csv":
        # Every column as text and by the name in the header: a schema would be matched by position. A quote is doubled (RFC 4180).
        reader = reader.option("header", True).option("escape", '"')
    try:
        return reader.load(path)
    except AnalysisException as fault:
        where, expected = f"source {source.name}", f"{source.format} at {source.path}"
        raise MissingInput(where, _first_line(fault), expected, "Deliver the file or mend `path`.") from None
    except (PySparkException, Py4JJavaError) as fault:
        raise _unreadable(f"source {source.name}", fault) from None


def _wrong_expression(source: EntitySource, raw: DataFrame, types: dict[str, str]) -> MappingSparkError:
    """The first expression that does not fit the source's columns, told apart from one that is not SQL."""
    for name, sql in source.columns.items():
        where = f"source {source.name}, columns.{name}"
        try:
            raw.select(F.expr(sql).try_cast(types[name]))
        except ParseException:
            return ConfigError(where, repr(sql), "a SQL expression", "Mend the declaration.")
        except AnalysisException as fault:
            return _drift(where, raw, f"{sql!r} fails: {_first_line(fault)}")
    return _drift(f"source {source.name}", raw, "an expression that fails")


def _cast(frame: DataFrame, columns: dict[str, Column], types: dict[str, str], keep: Sequence[str] = ()) -> DataFrame:
    """Select `columns`, those with a type cast to it; `<name>_unreadable` joins the reasons where the cast loses a value."""
    lost = [
        F.when(columns[name].isNotNull() & columns[name].try_cast(kind).isNull(), F.lit(f"{name}_unreadable"))
        for name, kind in types.items()
    ]
    typed = {name: columns[name].try_cast(kind) for name, kind in types.items()}
    reasons = F.array_union(F.col(REASONS), F.array_compact(F.array(*lost))) if lost else F.col(REASONS)
    others = [columns[name] for name in keep if name not in types]
    return frame.select(*others, *(column.alias(name) for name, column in typed.items()), reasons.alias(REASONS))


def _refuse_broken(frame: DataFrame, table: Table, sources: Sequence[str]) -> None:
    """Raise `ContractError` with the count of every reason, and of repeated keys, if there are any."""
    where = f"{table.name} from {', '.join(sources)}"
    judged = frame.select(F.explode(F.array_union(REASONS, violations(table))).alias("reason"))
    key = F.to_json(F.struct(*table.primary_key))
    try:
        broken = judged.groupBy("reason").count().orderBy("reason").collect()
        repeated = duplicate_keys(frame, table).agg(F.count(F.lit(1)).alias("keys"), F.min(key).alias("example")).collect()[0]
    except (PySparkException, Py4JJavaError) as fault:
        raise _unreadable(where, fault) from None
    found = [f"{row['reason']} in {row['count']} rows" for row in broken]
    if repeated["keys"]:
        found.append(f"{repeated['keys']} keys in rows that differ, such as {repeated['example']}")
    if found:
        fix = "Mend the file or its declaration and run again; the table keeps its previous version."
        raise ContractError(where, "; ".join(found), "rows that keep every rule and each key once", fix)


def _drift(where: str, raw: DataFrame, found: str) -> SchemaDrift:
    expected = "the columns that its declaration reads"
    return SchemaDrift(where, f"{found} (columns found: {raw.columns})", expected, "Mend the file or the declaration.")


def _unreadable(where: str, fault: Exception) -> ContractError:
    found = f"a record that cannot be read: {_first_line(fault)}"
    return ContractError(where, found, "whole records", "Mend the file; nothing was written.")


def _first_line(fault: Exception) -> str:
    message = str(fault.java_exception.getMessage()) if isinstance(fault, Py4JJavaError) else str(fault)
    return next((line for line in message.splitlines() if line), "")


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
