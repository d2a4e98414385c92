"""Questions to the tables, in SQL. The text that is shown is the text that ran, so that a number and its query cannot part."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mapping_spark.errors import ContractError
from mapping_spark.job import Job
from mapping_spark.tables import TABLES
from mapping_spark.tables.store import Store, literal

MAX_ROWS = 5000
"""Rows that an answer may have: a page shows results, not tables."""

_RELATION = re.compile(r"\b(FROM|JOIN) ((?:bronze|silver|gold|ops)\.[a-z_0-9]+)\b")


@dataclass(frozen=True, eq=False)
class Answer:
    """What a question gave."""

    name: str
    """Plain words joined by hyphens: names the answer within the page."""
    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    """Values as JSON can hold them: decimals as numbers, dates and UTC times as ISO text, null for what is no finite number."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables it was asked of, in the order of the text."""
        return tuple(dict.fromkeys(name for _, name in _RELATION.findall(self.sql)))

    @property
    def records(self) -> list[dict[str, Any]]:
        """A mapping per row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def values(self, column: str) -> list[Any]:
        """One column."""
        place = self.columns.index(column)
        return [row[place] for row in self.rows]

    def total(self, column: str) -> int:
        """The sum of a column of counts."""
        return int(sum(value or 0 for value in self.values(column)))


@dataclass(frozen=True)
class Ask:
    """Whom a section asks: the tables as of a date. `jobs` are those declared, in running order."""

    store: Store
    as_of: dt.date
    jobs: Sequence[Job]

    def __call__(self, name: str, sql: str) -> Answer:
        """Run `sql`, in which tables are named as <layer>.<table> and `:as_of` is the date.

        Raises `MissingInput` where a table is not there, `ContractError` where the answer has more than `MAX_ROWS` rows.
        """
        text = sql.strip().replace(":as_of", literal(self.as_of))
        frame = self.store.spark.sql(_RELATION.sub(self._resolved, text))
        found = frame.limit(MAX_ROWS + 1).collect()
        if len(found) > MAX_ROWS:
            raise ContractError(f"the report's {name}", f"over {MAX_ROWS} rows", "a summary", "Sum up in the query, or limit it.")
        return Answer(name, text, tuple(frame.columns), tuple(tuple(_plain(value) for value in row) for row in found))

    def _resolved(self, match: re.Match[str]) -> str:
        keyword, name = match.groups()
        if name not in TABLES:
            raise ContractError("the report", f"a query of {name}", "a declared table", "See mapping-spark tables.")
        self.store.read(TABLES[name])  # says which job to run where the table is not there
        return f"{keyword} {self.store.relation(TABLES[name])}"


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # collected times are naive and local
    if isinstance(value, dt.date):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
