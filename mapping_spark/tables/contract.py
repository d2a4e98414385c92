"""What a table is: one declaration from which everything else is derived. Imports no pyspark.

From a `Table` come the Spark schema and tiny test frames (`frames.py`), the Delta DDL with comments
and CHECK constraints and the MERGE condition (`store.py`), quarantine rules (`quality.py`), and the
data dictionary and BI views (`dictionary.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mapping_spark.errors import ConfigError
from mapping_spark.tables.limits import Limit

LAYERS = ("bronze", "silver", "gold", "ops")
TYPES = (
    "string",
    "boolean",
    "int",
    "bigint",
    "float",
    "double",
    "date",
    "timestamp",
    "decimal(18,4)",
    "decimal(18,8)",
    "binary",
    "array<float>",
    "array<double>",
)
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")

_ID_ENDINGS = ("_id", "_idx")
_TIMES = ("date", "timestamp")
_COUNTED = ("boolean", "int", "bigint", "float", "double", "decimal(18,4)", *_TIMES)


def identifier(name: str, where: str) -> str:
    """Return `name` if it is a plain lower-case identifier, so that it may stand in SQL; else refuse it."""
    if not IDENTIFIER.fullmatch(name):
        raise ConfigError(
            where, f"the name {name!r}", "lower-case letters, digits and underscores", "Rename it; names are never escaped into SQL."
        )
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A rule on one row: a SQL condition that must not be false. Null passes."""

    name: str
    condition: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column with its meaning. A nullable column says in its doc what null means."""

    name: str
    type: str
    doc: str
    unit: str = ""
    nullable: bool = False
    is_category: bool = False
    """Text of few values, none of which names a person: a profile may show them."""

    def __post_init__(self) -> None:
        identifier(self.name, "a column")
        if self.type not in TYPES:
            raise ConfigError(f"column {self.name}", f"type {self.type!r}", " or ".join(TYPES), "Use a flat type.")
        if self.is_category and (self.type != "string" or self.name.endswith(_ID_ENDINGS)):
            raise ConfigError(f"column {self.name}", "a category", "text that is no id", "Take the mark away.")

    @property
    def is_time(self) -> bool:
        """Whether it holds dates or timestamps."""
        return self.type in _TIMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A ratio over additive columns, never stored: sum(numerator) / sum(denominator), null where the denominator is 0.

    `interval` names how the 95 % interval follows from the stored sums: `wilson` (the numerator counts successes out
    of the denominator), `normal` (delta method on a ratio of sums over users), or none. `normal` reads the sums over
    users of the numerator squared (`squares`), of the denominator squared and of their product; where the denominator
    counts users, those two are the denominator and the numerator themselves.
    """

    name: str
    numerator: str
    denominator: str
    doc: str
    interval: str = ""
    squares: str = ""
    denominator_squares: str = ""
    products: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: name, grain, columns, key, partitions, row checks, measures, and limits on its profile."""

    name: str
    grain: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    layout: tuple[str, ...] = ()
    """SQL expressions by which rows are ranged over small files, coarse ones first: filters on their columns then skip files."""
    checks: tuple[Check, ...] = ()
    measures: tuple[Measure, ...] = ()
    rollups: tuple[tuple[str, ...], ...] = ()
    """Columns by which the rows are also summed up in views, each with every measure computed from the sums."""
    limits: tuple[Limit, ...] = ()
    by_name: Mapping[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        layer, _, table = self.name.partition(".")
        identifier(table, f"table {self.name}")
        if layer not in LAYERS:
            self._refuse(f"the layer {layer!r}", " or ".join(LAYERS), "Name the table <layer>.<name>.")
        names = [column.name for column in self.columns]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            self._refuse(f"the columns {repeated} twice", "each column once", "Delete the second declaration.")
        object.__setattr__(self, "by_name", MappingProxyType({column.name: column for column in self.columns}))
        unknown = [name for name in (*self.primary_key, *self.partition_by) if name not in self.by_name]
        if unknown:
            self._refuse(f"key or partition columns {unknown}", f"columns among {names}", "Declare the columns first.")
        nullable = [name for name in self.primary_key if self.by_name[name].nullable]
        if nullable or not self.primary_key:
            self._refuse(f"the key {self.primary_key} with nullable {nullable}", "a key that is never null", "Mend the key.")
        counted = [column.name for column in self.counted_columns]
        times = [column.name for column in self.columns if column.is_time]
        for limit in self.limits:
            limit.refuse_misfit(self.name, columns=names, counted=counted, times=times)

    def _refuse(self, found: str, expected: str, fix: str) -> None:
        raise ConfigError(f"table {self.name}", found, expected, fix)

    @property
    def layer(self) -> str:
        """`bronze`, `silver`, `gold` or `ops`."""
        return self.name.partition(".")[0]

    @property
    def short_name(self) -> str:
        """The name without its layer."""
        return self.name.partition(".")[2]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in declared order."""
        return tuple(column.name for column in self.columns)

    @property
    def counted_columns(self) -> tuple[Column, ...]:
        """Columns whose values a profile counts in bins: numbers, times, booleans and categories, but no ids or keys."""
        values = (c for c in self.columns if c.name not in self.primary_key and not c.name.endswith(_ID_ENDINGS))
        return tuple(column for column in values if column.type in _COUNTED or column.is_category)

    @property
    def merge_condition(self) -> str:
        """Equality on the primary key between the aliases `target` and `source`."""
        return " AND ".join(f"target.`{name}` = source.`{name}`" for name in self.primary_key)

    def ddl_columns(self) -> str:
        """The column list of CREATE TABLE: types, NOT NULL and comments."""
        return ", ".join(
            f"`{c.name}` {c.type.upper()}{'' if c.nullable else ' NOT NULL'} COMMENT {quoted(comment(c))}" for c in self.columns
        )


def comment(column: Column) -> str:
    """A column's doc with its unit, as BI tools show it."""
    return f"{column.doc} [{column.unit}]" if column.unit else column.doc


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
