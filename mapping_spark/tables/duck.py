"""The published tables and their BI views without Spark: DuckDB over what deltalake lists. Needs duckdb, deltalake and polars.

DuckDB's own Delta extension is a download, and `DeltaTable.to_pyarrow_dataset` and `to_pandas` want a newer pyarrow than the
training feed allows. polars scans a Delta table lazily, and DuckDB hands it columns and filters: so nothing is read twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl
from deltalake import DeltaTable

from mapping_spark.tables import PUBLISHED
from mapping_spark.tables.contract import Table
from mapping_spark.tables.dictionary import view_queries


def connect(root: str | Path, tables: Sequence[Table] = PUBLISHED) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory with a view `<layer>.<table>` for each of `tables` found under `root`, and its BI views.

    They show the versions that are current now: connect again after a run. Times are UTC.
    """
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in tables:
        folder = f"{root}/{table.layer}/{table.short_name}"
        if DeltaTable.is_deltatable(folder):
            _attach(connection, table, pl.scan_delta(folder))
    return connection


def _attach(connection: duckdb.DuckDBPyConnection, table: Table, rows: pl.LazyFrame) -> None:
    scanned = f"scan_{table.layer}_{table.short_name}"
    connection.register(scanned, rows)
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{table.layer}"')
    views = {table.short_name: f"SELECT * FROM {scanned}"} | view_queries(table, f"`{table.layer}`.`{table.short_name}`")  # noqa: S608
    for name, query in views.items():  # plain identifiers, quoted as DuckDB quotes them
        connection.execute(f'CREATE VIEW "{table.layer}"."{name}" AS {query}'.replace("`", '"'))


def matching_files(table: DeltaTable, where: str) -> list[str]:
    """The files that may hold a row for which `where` is true, by the statistics in the Delta log: the others need no look.

    For a table too large to scan by its view: `SELECT ... FROM read_parquet(?)` over these, with the same condition.
    None: no row meets it (DuckDB refuses to read no file).
    """
    return list(table.file_uris(file_pruning_predicate=where))
