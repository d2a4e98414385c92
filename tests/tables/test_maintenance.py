"""Small files are merged, old ones removed, and what a run, a model or a snapshot was made from stays readable."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from mapping_spark.tables.frames import rows
from mapping_spark.tables.maintenance import MaintenanceConfig, forgotten, maintain, maintain_all, retention_days, versions_by_table
from mapping_spark.tables.ops import TABLE_MAINTENANCE
from mapping_spark.tables.silver import USER_IDS
from mapping_spark.tables.store import Store

NOW = dt.datetime.now(dt.UTC)
CONFIG = MaintenanceConfig(keep_days=7)


def days_ago(days: int) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


@pytest.fixture
def store(spark: SparkSession, tmp_path: Path) -> Store:
    """One table that held one user, then another, then a third: versions 1 to 3, written 40, 30 and 20 days ago."""
    store = Store(spark, str(tmp_path))
    store.create(USER_IDS)
    for number in range(3):
        store.replace_slice(USER_IDS, rows(spark, USER_IDS, {"user_id": f"u{number}", "user_idx": number}), {})
    for version, days in enumerate((50, 40, 30, 20)):
        date_back(Path(store.location(USER_IDS)), version, days_ago(days))
    assert spark._jvm is not None
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    return store


def date_back(folder: Path, version: int, when: dt.datetime) -> None:
    """Let a commit, its files and its removals have happened at another time."""
    log, milliseconds = folder / "_delta_log" / f"{version:020}.json", int(when.timestamp() * 1000)
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        for kind, field in (("commitInfo", "timestamp"), ("add", "modificationTime"), ("remove", "deletionTimestamp")):
            if kind in action:
                action[kind][field] = milliseconds
        if "add" in action:
            os.utime(folder / action["add"]["path"], (when.timestamp(),) * 2)
    log.write_text("".join(json.dumps(action) + "\n" for action in actions))
    (folder / "_delta_log" / f".{log.name}.crc").unlink(missing_ok=True)
    os.utime(log, (when.timestamp(),) * 2)


def users(store: Store, version: int | None = None) -> list[str]:
    return sorted(row.user_id for row in store.read(USER_IDS, version).collect())


def test_files_of_a_pinned_version_stay_and_older_ones_go(store: Store) -> None:
    done = maintain(store, USER_IDS, {2}, CONFIG, NOW)
    assert (done["keep_days"], done["oldest_pinned_version"]) == (28, 2)  # version 3 replaced it 20 days ago
    assert (users(store), users(store, 2)) == (["u2"], ["u1"])
    with pytest.raises(Py4JJavaError, match="FILE_NOT_EXIST"):
        users(store, 1)  # replaced 30 days ago


def test_without_a_pin_only_the_declared_days_stay(store: Store) -> None:
    assert maintain(store, USER_IDS, (), CONFIG, NOW)["keep_days"] == 7
    assert users(store) == ["u2"]
    with pytest.raises(Py4JJavaError, match="FILE_NOT_EXIST"):
        users(store, 2)


def test_small_files_are_merged_once_and_the_rows_stay(store: Store) -> None:
    for number in (3, 4):
        store.insert_new(USER_IDS, rows(store.spark, USER_IDS, {"user_id": f"u{number}", "user_idx": number}))
    changed = store.version(USER_IDS)
    done = [maintain(store, USER_IDS, (), CONFIG, NOW) for _ in range(2)]
    assert [(one["n_files_before"], one["n_files_after"]) for one in done] == [(3, 1), (1, 1)]
    assert users(store) == ["u2", "u3", "u4"]
    assert store.versions(USER_IDS)[1] == changed


def test_every_table_that_is_there_gets_a_row(store: Store) -> None:
    store.create(TABLE_MAINTENANCE)
    assert [maintain_all(store, {}, CONFIG, NOW) for _ in range(2)] == [2, 2]  # said twice, written once
    assert {row.table_name for row in store.read(TABLE_MAINTENANCE).collect()} == {USER_IDS.name, TABLE_MAINTENANCE.name}
    assert store.read(TABLE_MAINTENANCE).count() == 2


def test_days_follow_the_oldest_pinned_version_that_the_log_remembers() -> None:
    commits = {5: days_ago(100), 6: days_ago(30), 7: days_ago(1)}
    kept = {(): (7, 90), (7,): (7, 90), (6,): (9, 90), (5,): (38, 108), (5, 6): (38, 108), (2,): (7, 90)}
    assert {pinned: retention_days(commits, pinned, 7, NOW) for pinned in kept} == kept
    assert forgotten(commits, {2, 6}) == [2]


def test_only_versions_are_pins() -> None:
    assert versions_by_table([{"a": 1, "b": None}, {"a": 3, "training": "f00"}]) == {"a": {1, 3}}
