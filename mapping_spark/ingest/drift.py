"""Whether the files that have just come still have the columns their source declares.

A new column is ignored and reported, a type from which the declared one follows without loss is accepted, a missing
or changed column stops the batch before anything is written. JSON lines have no schema: an optional field may be
absent from any record, so only a column that no record of a large sample has is called missing.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from mapping_spark.errors import SchemaDrift
from mapping_spark.ingest.source import MANDATORY, EventSource, RawType

_INTEGERS = frozenset({"tinyint", "smallint", "int", "bigint"})
_TIMES = frozenset({"timestamp", "timestamp_ntz"})
_CARRIES: dict[RawType, frozenset[str]] = {
    "string": _INTEGERS | {"string"},  # ids: an integer that widens to text
    "bigint": _INTEGERS,
    "double": _INTEGERS | {"float", "double", "decimal"},
    "decimal(18,4)": _INTEGERS | {"float", "double", "decimal"},
    "boolean": frozenset({"boolean"}),
    "timestamp": _TIMES | {"date"},
    "date": _TIMES | {"date"},
    "epoch_s": _INTEGERS | {"float", "double", "decimal"},
    "epoch_ms": _INTEGERS | {"float", "double", "decimal"},
    "epoch_us": _INTEGERS | {"float", "double", "decimal"},
}
"""Declared raw type to the types of a file that fit it. Text in a file's number column is a change, not a widening."""

LARGE_SAMPLE = 100
"""JSON records from which on a mandatory column that none of them has is called missing."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The difference between a source's declaration and what came."""

    new: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def compare(source: EventSource, found: Mapping[str, str | None]) -> Drift:
    """Declared columns against a file's: name to Spark type, or to None where the format carries no types."""
    return Drift(
        new=tuple(name for name in found if name not in source.columns),
        missing=tuple(f"no {name!r}{_near(name, found)}" for name in source.columns if name not in found),
        changed=tuple(
            f"{name!r} is {found[name]}, declared {declared}"
            for name, declared in source.columns.items()
            if found.get(name) is not None and str(found[name]).partition("(")[0] not in _CARRIES[declared]
        ),
    )


def compare_sample(source: EventSource, counts: Mapping[str, int], n_records: int) -> Drift:
    """Declared columns against the keys of `n_records` JSON records: key to number of records that have it."""
    needed = {name for canonical in MANDATORY for name in source.references(canonical)} & set(source.columns)
    absent = [name for name in source.columns if name in needed and name not in counts] if n_records >= LARGE_SAMPLE else []
    return Drift(
        new=tuple(name for name in counts if name not in source.columns),
        missing=tuple(f"no {name!r} in {n_records} records{_near(name, counts)}" for name in absent),
    )


def refuse(source: EventSource, drift: Drift, where: str) -> None:
    """Raise `SchemaDrift` with the whole difference where a column is missing or changed."""
    if drift.missing or drift.changed:
        raise SchemaDrift(
            f"source {source.name}, {where}",
            ", ".join(drift.missing + drift.changed),
            f"the columns {dict(source.columns)}",
            "Nothing was written. Mend the file, or the declaration if the source has changed for good.",
        )


def _near(name: str, found: Mapping[str, object]) -> str:
    match = difflib.get_close_matches(name, list(found), n=1)
    return f" (it has {match[0]!r})" if match else ""
