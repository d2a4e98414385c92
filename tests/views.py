"""Declared tables as temporary views of a few rows: what SQL, summaries and lineage read, without a file of Delta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import rows
from mapping_spark.tables.store import Store

_NUMBER = count()


@dataclass(frozen=True)
class Views(Store):
    """A store that is read only; a table that was not given is not there."""

    frames: Mapping[str, DataFrame] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def exists(self, table: Table) -> bool:
        return table.name in self.frames

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        return self.frames[table.name] if self.exists(table) else super().read(table, version)

    def relation(self, table: Table) -> str:
        return self.names[table.name]


def views(spark: SparkSession, tables: Mapping[Table, Sequence[dict[str, Any]]]) -> Views:
    """The tables with these rows, given by the columns that matter; no rows make an empty table."""
    frames = {table.name: rows(spark, table, *records) for table, records in tables.items()}
    names = {name: f"view_{next(_NUMBER)}_of_{name.replace('.', '_')}" for name in frames}
    for name, frame in frames.items():
        frame.createOrReplaceTempView(names[name])
    return Views(spark, "nowhere", None, frames, names)
