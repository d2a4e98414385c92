"""What an event source is: where its files lie, its columns, and one SQL expression per column of silver.events.

A source is declared in YAML, so that a new one needs no code. Cleaning parses every declared column from text by its
raw type, forgiving bad text (it becomes null, and the record goes to the quarantine with the reason); the expressions
then see typed columns. Expressions of their own should forgive too: `try_cast(x AS int)`, not `cast(x AS int)`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from mapping_spark.config import Section
from mapping_spark.ingest.paths import PACKAGE_SCHEME, resolve_path
from mapping_spark.tables.silver import EVENTS

RawType = Literal["string", "bigint", "double", "decimal(18,4)", "boolean", "timestamp", "date", "epoch_s", "epoch_ms", "epoch_us"]
Format = Literal["json", "csv", "parquet"]

DERIVED = ("event_date", "source", "batch_id")
CANONICAL = tuple(name for name in EVENTS.column_names if name not in DERIVED)
"""Columns of silver.events that a source may fill; the others follow from them and from bronze."""
MANDATORY = tuple(name for name in CANONICAL if not EVENTS.by_name[name].nullable)
"""Columns of silver.events that a source must fill."""

_PACKAGE = re.compile(PACKAGE_SCHEME + r"[A-Za-z_]\w*/[\w./-]+")
_TEXT_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'")
_UNREPEATABLE = re.compile(
    r"\b(?:(?:uuid|randn?|random|randstr|uniform|shuffle|now|curdate|monotonically_increasing_id)(?=\s*\()"
    r"|unix_timestamp(?=\s*\(\s*\))|(?:current_timestamp|current_date|current_user|localtimestamp)\b)",
    re.IGNORECASE,
)


class Lookup(Section):
    """A small entity file whose columns the expressions may use, joined to each record on one column."""

    path: str
    """Folder, file or glob, like the source's own."""
    format: Format
    """How its files are written."""
    key: str
    """The column, of this name on both sides, that records and entities share; unique in the entity file."""
    columns: dict[str, RawType]
    """Columns taken from it, with their raw types."""

    @property
    def raw_columns(self) -> dict[str, RawType]:
        """The columns that are read from the file."""
        return {self.key: "string", **self.columns}


class EventSource(Section):
    """One declared source of events."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the source in every table."""
    kind: Literal["events"]
    """What the source delivers."""
    format: Format
    """How its files are written: JSON lines, CSV with a header in each file, or Parquet."""
    path: str
    """Folder, file or glob; relative to the working directory, a URI, or `package://<package>/<path>`."""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """Between the fields of a CSV line."""
    zone: str = "UTC"
    """Time zone of its times that name none, and of its dates."""
    columns: dict[str, RawType] = Field(min_length=1)
    """Raw columns that are read, with their types; what else is delivered stays in bronze."""
    lookup: Lookup | None = None
    """An entity file to join."""
    event: dict[str, str]
    """Column of silver.events to a SQL expression over raw columns; what is not named is null."""

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"no such time zone; use a name like 'UTC' or 'America/New_York'{_near(zone, available_timezones())}")
        return zone

    @field_validator("path")
    @classmethod
    def _path_is_whole(cls, path: str) -> str:
        if not path or (path.startswith(PACKAGE_SCHEME) and (not _PACKAGE.fullmatch(path) or ".." in path)):
            raise ValueError("use a folder, file, glob, or package://<package>/<path>")
        return path

    @field_validator("event")
    @classmethod
    def _event_is_known(cls, event: dict[str, str]) -> dict[str, str]:
        faults = [f"{name} is no column of {EVENTS.name}{_near(name, CANONICAL)}" for name in event if name not in CANONICAL]
        faults += [f"{name} is missing (mandatory: {', '.join(MANDATORY)})" for name in MANDATORY if name not in event]
        for name, expression in event.items():
            if not expression.strip():
                faults.append(f"{name} is empty")
            if found := _UNREPEATABLE.search(_TEXT_LITERAL.sub("''", expression)):
                faults.append(f"{name} uses {found[0]}, which a replay would answer differently")
        if faults:
            raise ValueError("; ".join(faults))
        return event

    @model_validator(mode="after")
    def _columns_agree(self) -> Self:
        taken = list(self.lookup.columns) if self.lookup else []
        names = [*self.columns, *taken]
        lowered = [name.lower() for name in names]
        faults = [f"column {name!r} is declared twice (SQL ignores case)" for name in names if lowered.count(name.lower()) > 1]
        faults += [f"column {name!r} begins with two underscores" for name in names if name.startswith("__")]
        faults += [f"column {name!r} holds a backtick" for name in names if "`" in name]
        if self.lookup and self.lookup.key not in self.columns:
            faults.append(f"lookup.key = {self.lookup.key!r} is no column of the source{_near(self.lookup.key, self.columns)}")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def location(self) -> str:
        """Where Spark finds the files."""
        return resolve_path(self.path, f"source {self.name}")

    def all_columns(self) -> dict[str, RawType]:
        """Raw columns and those of the lookup: everything an expression may name."""
        return {**self.columns, **(self.lookup.columns if self.lookup else {})}

    def used_columns(self) -> tuple[str, ...]:
        """Raw columns that an expression or the lookup reads; the others are not parsed."""
        used = {name for canonical in self.event for name in self.references(canonical)} | ({self.lookup.key} if self.lookup else set())
        return tuple(name for name in self.columns if name in used)

    def references(self, canonical: str) -> tuple[str, ...]:
        """Columns that the expression of a canonical column names, in declared order."""
        words = {word.lower() for word in re.findall(r"\w+", _TEXT_LITERAL.sub("''", self.event.get(canonical, "")))}
        quoted = {word.lower() for word in re.findall(r"`([^`]+)`", self.event.get(canonical, ""))}
        return tuple(name for name in self.all_columns() if name.lower() in words | quoted)


def _near(name: str, known: Iterable[str] | Mapping[str, object]) -> str:
    match = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {match[0]!r}?)" if match else ""
