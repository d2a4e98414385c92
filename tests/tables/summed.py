"""Rows of summed numbers, and what the declared SQL makes of them in DuckDB: the same text that Spark runs, without Spark."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb

from mapping_spark.tables.contract import Table
from mapping_spark.tables.measures import additive_columns

_TYPES = {"string": "VARCHAR"}
"""Types that DuckDB calls otherwise."""


def filled(table: Table, row: dict[str, float]) -> dict[str, Any]:
    """Every number of a row, 0 where it is left out; money as decimals."""
    numbers = dict.fromkeys(additive_columns(table), 0) | row
    return {name: Decimal(value) if table.by_name[name].type.startswith("decimal") else value for name, value in numbers.items()}


def asked(table: Table, sql: str, *values: dict[str, float]) -> list[dict[str, Any]]:
    """Rows of a query over `t` in DuckDB, by column."""
    numbers = [filled(table, row) for row in values]
    typed = ", ".join(f"CAST(? AS {table.by_name[name].type}) AS {name}" for name in numbers[0])
    others = ", ".join(f"CAST(NULL AS {_TYPES.get(c.type, c.type)}) AS {c.name}" for c in table.columns if c.name not in numbers[0])
    parts = " UNION ALL ".join([f"SELECT {typed}, {others}"] * len(numbers))
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS {parts}", [value for row in numbers for value in row.values()])
        found = connection.execute(sql.replace("`", '"'))
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
