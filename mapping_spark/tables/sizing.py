"""Will it fit? What a job's inputs would ask of a cluster, told before anything starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import Field

from mapping_spark.config import Section
from mapping_spark.errors import ConfigError
from mapping_spark.tables.contract import Table
from mapping_spark.tables.store import Store

_KEYS = ("user_id", "user_idx", "item_id", "item_idx")
"""What rows are grouped and joined by: all rows of a key meet in one task."""
_FEW_ROWS = 10_000
"""Of so few rows no key is heavy."""
_FIELD_BYTES, _TEXT_BYTES, _ARRAY_BYTES = 8, 24, 256
"""Of Spark's row format: a word per column and one for the nulls; what texts and arrays add is a guess."""
_GB = 1e9


class LimitsConfig(Section):
    """Beyond these a dry run refuses the plan."""

    shuffle_gb: float = Field(1000, gt=0)
    """Bytes that a job would send between tasks if each input went once. They must find room on the executors' disks."""
    rows_per_key: int = Field(50_000_000, ge=1)
    """Rows of the heaviest user or item: a task holds all of them."""
    factors_gb: float = Field(16, gt=0)
    """Bytes of a model's factors, which the driver and every executor that scores hold whole."""


@dataclass(frozen=True, slots=True)
class Input:
    """An input at its version. `key` is empty where no heaviest key was looked for."""

    table: Table
    version: int
    n_rows: int
    n_bytes: int
    """Of its files, compressed."""
    key: str = ""
    n_rows_of_key: int = 0

    @property
    def row_bytes(self) -> int:
        """Estimated width of a row in Spark's own format."""
        more = {"string": _TEXT_BYTES, "array": _ARRAY_BYTES, "map": _ARRAY_BYTES}
        return _FIELD_BYTES + sum(_FIELD_BYTES + more.get(column.type.partition("<")[0], 0) for column in self.table.columns)

    def __str__(self) -> str:
        heavy = f"; heaviest {self.key}: {self.n_rows_of_key / self.n_rows:.2%} of them" if self.key else ""
        return f"version {self.version}, {self.n_rows:,} rows, {self.n_bytes / 1e6:,.1f} MB{heavy}"


def measure(store: Store, table: Table, version: int) -> Input:
    """Look at a table: rows and bytes from Delta's statistics, the heaviest key by one pass over that column."""
    n_rows, (_, n_bytes) = store.count(table, version), store.size(table)
    keys = [name for name in _KEYS if name in table.by_name and table.primary_key != (name,)]
    if n_rows < _FEW_ROWS or not keys:
        return Input(table, version, n_rows, n_bytes)
    found = {key: store.count_of_heaviest(table, version, key) for key in keys}
    key = max(found, key=found.__getitem__)
    return Input(table, version, n_rows, n_bytes, key, found[key])


def shuffle_bytes(inputs: Iterable[Input]) -> int:
    """Estimate of what a job sends between tasks, if each of its inputs goes once and whole."""
    return sum(each.n_rows * each.row_bytes for each in inputs)


def refuse_too_large(job: str, inputs: Iterable[Input], limits: LimitsConfig) -> None:
    """Raise `ConfigError` with the numbers and the setting to change where a plan lies over a limit."""
    held = tuple(inputs)
    sent = shuffle_bytes(held) / _GB
    if sent > limits.shuffle_gb:
        fix = "Raise limits.shuffle_gb if the executors' disks have the room, or run for fewer days at a time."
        raise ConfigError(f"job {job}", f"about {sent:,.3g} GB to shuffle", f"at most limits.shuffle_gb = {limits.shuffle_gb:,.3g}", fix)
    heavy = max(held, key=lambda each: each.n_rows_of_key, default=None)
    if heavy is not None and heavy.n_rows_of_key > limits.rows_per_key:
        found = f"{heavy.n_rows_of_key:,} rows of {heavy.table.name} with one {heavy.key}"
        fix = "Look who that is and block it, or raise limits.rows_per_key with spark.executor.memory."
        raise ConfigError(f"job {job}", found, f"at most limits.rows_per_key = {limits.rows_per_key:,}", fix)


def refuse_large_factors(model: str, n_bytes: int, limits: LimitsConfig) -> None:
    """Raise `ConfigError` where a model's factors lie over the limit."""
    if n_bytes > limits.factors_gb * _GB:
        fix = f"Lower models.{model}.rank, or raise limits.factors_gb with spark.driver.memory and spark.executor.memory."
        expected = f"at most limits.factors_gb = {limits.factors_gb:,.3g}"
        raise ConfigError(f"models.{model}", f"factors of {n_bytes / _GB:,.3g} GB", expected, fix)
