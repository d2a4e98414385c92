"""Maintenance of a table: small files merged, files of old versions removed, pinned versions kept readable.

Retention is a property of the table, so that a vacuum started by anybody spares the same files. Expired entries of the log
are removed by Delta itself, whenever it writes a checkpoint.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

from pydantic import Field

from mapping_spark.config import Section
from mapping_spark.logs import LOGGER
from mapping_spark.side_by_side import as_finished
from mapping_spark.tables import TABLES
from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import rows
from mapping_spark.tables.ops import TABLE_MAINTENANCE
from mapping_spark.tables.store import KEEP_DAYS, LOG_DAYS, Store

Pins = Mapping[str, Collection[int]]
"""Table name to the Delta versions that must stay readable."""


class MaintenanceConfig(Section):
    """How long files stay that the current versions no longer use."""

    keep_days: int = Field(KEEP_DAYS, ge=7)
    """Days since a file was last in use. Fewer than 7 could break running readers. Maintenance runs at least once in so many days:
    what was pinned in between is found in time."""


def versions_by_table(inputs: Iterable[Mapping[str, Any]]) -> dict[str, set[int]]:
    """Every version that one of the inputs (table name to version) names; values that are no version count for nothing."""
    found: dict[str, set[int]] = {}
    for name, version in (pair for each in inputs for pair in each.items()):
        if isinstance(version, int):
            found.setdefault(name, set()).add(version)
    return found


def retention_days(commits: Mapping[int, dt.datetime], pinned: Collection[int], keep_days: int, now: dt.datetime) -> tuple[int, int]:
    """Days for which replaced files, and entries of the log, must stay so that each pinned version can be read.

    The files of version v are replaced at the earliest by the commit of v + 1; the log must reach back to v itself. Delta
    forgets what is older whenever it writes a checkpoint, so both are `keep_days` longer than today asks for. A pinned version
    that the log has forgotten cannot be kept and counts for nothing.
    """
    files = [(now - commits[version + 1]).days + 1 for version in pinned if {version, version + 1} <= commits.keys()]
    log = [(now - commits[version]).days + 1 for version in pinned if version in commits]
    return max(files, default=0) + keep_days, max(LOG_DAYS, max(log, default=0) + keep_days)


def forgotten(commits: Mapping[int, dt.datetime], pinned: Collection[int]) -> list[int]:
    """Pinned versions that the log no longer remembers."""
    return sorted(set(pinned) - set(commits))


def describe_all(store: Store, pinned: Pins, config: MaintenanceConfig, now: dt.datetime) -> list[str]:
    """A line per table: what is there, and how long replaced files would stay."""
    lines = []
    for table in filter(store.exists, TABLES.values()):
        days, _ = retention_days(store.commits(table), pinned.get(table.name, ()), config.keep_days, now)
        n_files, n_bytes = store.size(table)
        lines.append(f"{table.name}: {n_files:,} files, {n_bytes:,} bytes; replaced files stay {days} days")
    return lines


def maintain_all(store: Store, pinned: Pins, config: MaintenanceConfig, now: dt.datetime) -> int:
    """Maintain every table that is there, and write ops.table_maintenance; returns how many there were."""
    found = [table for table in TABLES.values() if store.exists(table)]
    steps = [partial(maintain, store, table, pinned.get(table.name, ()), config, now) for table in found]
    done = list(as_finished(store.spark, steps))  # a row per table
    frame = rows(store.spark, TABLE_MAINTENANCE, *done)
    store.append_once(TABLE_MAINTENANCE, frame, writer=f"maintain_tables:{now:%Y%m%dT%H%M%S}", sequence=int(now.timestamp()))
    return len(done)


def maintain(store: Store, table: Table, pinned: Collection[int], config: MaintenanceConfig, now: dt.datetime) -> dict[str, Any]:
    """Do it to one table; a row of ops.table_maintenance. Done again at once it finds nothing to do.

    A table with a layout is written sorted and in files of its own size: merging them would undo that, so only its old files go.
    """
    commits = store.commits(table)
    days, log_days = retention_days(commits, pinned, config.keep_days, now)
    if lost := forgotten(commits, pinned):
        LOGGER.warning(f"{table.name}: pinned versions that the log has forgotten", extra={"table": table.name, "versions": lost})
    before, _ = store.size(table)
    store.retain(table, days, log_days)
    if not table.layout:
        store.compact(table)
    store.vacuum(table)
    after, size = store.size(table)
    LOGGER.info(f"maintained {table.name}", extra={"table": table.name, "files_before": before, "files_after": after})
    kept = min((version for version in pinned if version in commits), default=None)
    return {
        "table_name": table.name,
        "maintained_at": now,
        "n_files_before": before,
        "n_files_after": after,
        "n_bytes": size,
        "keep_days": days,
        "oldest_pinned_version": kept,
    }
