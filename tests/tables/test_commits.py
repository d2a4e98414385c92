"""The log of a table read as files, beside what Delta itself says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from mapping_spark.tables.commits import Commit, newest_first
from mapping_spark.tables.frames import rows
from mapping_spark.tables.silver import USER_IDS
from mapping_spark.tables.store import Store


def commit(folder: Path, version: int, *actions: dict[str, object]) -> None:
    log = folder / "_delta_log"
    log.mkdir(exist_ok=True)
    (log / f"{version:020}.json").write_text("\n".join(map(json.dumps, actions)))


def test_commits_come_latest_first_with_the_rows_they_wrote(tmp_path: Path) -> None:
    merged = {"operation": "MERGE", "operationMetrics": {"numOutputRows": "7", "numTargetRowsInserted": "2"}}
    commit(tmp_path, 9, {"commitInfo": {"operation": "WRITE", "operationMetrics": {"numOutputRows": "5"}}}, {"add": {"path": "a"}})
    commit(tmp_path, 10, {"add": {"path": "b"}}, {"commitInfo": merged})  # rewrote 5, inserted 2
    commit(tmp_path, 11, {"add": {"path": "commitInfo"}})  # of a writer that says nothing of itself
    for other in (f"{12:020}.checkpoint.parquet", f"{12:020}.crc", f"{9:020}.{11:020}.compacted.json", "_last_checkpoint"):
        (tmp_path / "_delta_log" / other).touch()
    expected = [Commit(11, "", 0), Commit(10, "MERGE", 2), Commit(9, "WRITE", 5)]
    assert list(newest_first(str(tmp_path))) == list(newest_first(tmp_path.as_uri())) == expected


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    commit(tmp_path, 1, {"commitInfo": {"operation": "WRITE"}})
    (tmp_path / "_delta_log" / f"{0:020}.json").write_text('"commitInfo" is cut')
    log = newest_first(str(tmp_path))
    assert next(log).version == 1
    with pytest.raises(ValueError, match="Extra data"):
        next(log)


def test_no_table_has_no_commits(tmp_path: Path) -> None:
    assert list(newest_first(str(tmp_path / "nothing"))) == []


def test_it_says_what_deltas_own_history_says(spark: SparkSession, tmp_path: Path) -> None:
    store = Store(spark, str(tmp_path))
    store.create(USER_IDS)
    first, second = (rows(spark, USER_IDS, {"user_id": f"u{n}", "user_idx": n}) for n in (1, 2))
    store.append_once(USER_IDS, first, writer="test", sequence=0)
    store.insert_new(USER_IDS, first.unionByName(second))
    store.replace_slice(USER_IDS, second, {})
    store.append_once(USER_IDS, first, writer="test", sequence=1)
    store.compact(USER_IDS)
    history = DeltaTable.forPath(spark, store.location(USER_IDS)).history().collect()
    found = list(newest_first(store.location(USER_IDS)))
    assert [(one.version, one.operation) for one in found] == [(row.version, row.operation) for row in history]
    assert [one.rows for one in found if one.operation != "OPTIMIZE"] == [1, 1, 1, 1, 0]  # append, slice, merge of 2, append, creation
    assert (store.versions(USER_IDS), store.written(USER_IDS, since=2)) == ((5, 4), (5, 2))
