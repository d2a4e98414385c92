"""Sources to bronze: every file once, by one code whether it drains or runs on; drift stops before the write."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.config import validated
from mapping_spark.errors import ContractError, MissingInput, SchemaDrift
from mapping_spark.ingest.source import EventSource
from mapping_spark.ingest.stream import IngestConfig, follow_source, ingest_source
from mapping_spark.tables.bronze import RAW_EVENTS
from mapping_spark.tables.store import Store

CONFIG = IngestConfig(max_files_per_trigger=1)


@pytest.fixture
def store(spark: SparkSession, tmp_path: Path) -> Store:
    (tmp_path / "in").mkdir()
    return Store(spark, str(tmp_path / "tables"))


def source(path: Path, file_format: str = "json", **columns: str) -> EventSource:
    declared: dict[str, Any] = dict(
        name="log",
        kind="events",
        format=file_format,
        path=str(path),
        columns=columns or dict(id="string", at="timestamp"),
        event=dict(event_id="id", user_id="id", event_type="'view'", event_at="at"),
    )
    return validated(EventSource, declared, "log.yml")


def lines(path: Path, *ids: str) -> None:
    path.write_text("".join(json.dumps(dict(id=name, at="2024-05-01")) + "\n" for name in ids))


def bronze(store: Store) -> set[tuple[str, int]]:
    return {(json.loads(row["payload"])["id"], row["batch_id"]) for row in store.read(RAW_EVENTS).collect()}


def test_each_file_is_read_once_and_its_batch_is_numbered(store: Store, tmp_path: Path) -> None:
    lines(tmp_path / "in" / "1.json", "a", "b")
    assert ingest_source(store, source(tmp_path / "in"), CONFIG) == 2
    assert ingest_source(store, source(tmp_path / "in"), CONFIG) == 0
    lines(tmp_path / "in" / "2.json", "c")
    assert ingest_source(store, source(tmp_path / "in"), CONFIG) == 1
    assert bronze(store) == {("a", 0), ("b", 0), ("c", 1)}


def test_a_batch_that_is_run_again_after_a_crash_writes_nothing_new(store: Store, tmp_path: Path) -> None:
    lines(tmp_path / "in" / "1.json", "a")
    ingest_source(store, source(tmp_path / "in"), CONFIG)
    # As if the process had died after the write and before the stream could note that the batch is done.
    for note in (tmp_path / "tables" / "_checkpoints" / "log" / "commits").glob("*0*"):
        note.unlink()
    assert ingest_source(store, source(tmp_path / "in"), CONFIG) == 0
    assert bronze(store) == {("a", 0)}


def test_files_that_arrive_while_the_stream_runs(store: Store, tmp_path: Path) -> None:
    lines(tmp_path / "in" / "1.json", "a")
    query = follow_source(store, source(tmp_path / "in"), CONFIG, every_seconds=0.2)
    try:
        query.processAllAvailable()
        assert bronze(store) == {("a", 0)}
        lines(tmp_path / "in" / "2.json", "b")
        query.processAllAvailable()
        assert bronze(store) == {("a", 0), ("b", 1)}
    finally:
        query.stop()


def test_an_empty_folder_and_an_empty_file_give_no_rows(store: Store, tmp_path: Path) -> None:
    assert ingest_source(store, source(tmp_path / "in"), CONFIG) == 0
    (tmp_path / "in" / "empty.json").write_text("")
    assert ingest_source(store, source(tmp_path / "in"), CONFIG) == 0
    assert store.count(RAW_EVENTS) == 0


def test_a_path_that_is_not_there_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="source log"):
        ingest_source(store, source(tmp_path / "nowhere"), CONFIG)


def test_a_new_column_is_ignored_and_reported(store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "in" / "1.csv").write_text("id,at,shop\na,2024-05-01,x\n")
    logging.getLogger("mapping_spark").propagate = True
    with caplog.at_level(logging.WARNING, logger="mapping_spark"):
        assert ingest_source(store, source(tmp_path / "in", "csv"), CONFIG) == 1
    assert "not declared are ignored: shop" in caplog.text


def test_a_missing_column_stops_before_the_write_and_the_mended_file_is_taken(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "in" / "1.csv"
    file.write_text("id,att\na,2024-05-01\n")
    with pytest.raises(SchemaDrift, match=r"no 'at' \(it has 'att'\)"):
        ingest_source(store, source(tmp_path / "in", "csv"), CONFIG)
    assert store.count(RAW_EVENTS) == 0
    file.write_text("id,at\na,2024-05-01\n")
    assert ingest_source(store, source(tmp_path / "in", "csv"), CONFIG) == 1


def test_parquet_widens_from_file_to_file_and_stops_at_a_change(store: Store, tmp_path: Path) -> None:
    declared = source(tmp_path / "in", "parquet", id="string", n="bigint", at="timestamp")
    for number, row in enumerate(["1 AS id, 1 AS n", "'x' AS id, 2L AS n", "'y' AS id, 'three' AS n"]):
        frame = store.spark.sql(f"SELECT {row}, TIMESTAMP'2024-05-01' AS at")
        frame.coalesce(1).write.parquet(str(tmp_path / "in" / str(number)))
        if number < 2:
            assert ingest_source(store, declared, CONFIG) == 1
    with pytest.raises(SchemaDrift, match="'n' is string, declared bigint"):
        ingest_source(store, declared, CONFIG)
    assert {name for name, _ in bronze(store)} == {1, "x"}


def test_a_lost_checkpoint_is_refused(store: Store, tmp_path: Path) -> None:
    for number in (1, 2):
        lines(tmp_path / "in" / f"{number}.json", f"e{number}")
    ingest_source(store, source(tmp_path / "in"), CONFIG)
    shutil.rmtree(tmp_path / "tables" / "_checkpoints")
    with pytest.raises(ContractError, match="holds batch 1"):
        ingest_source(store, source(tmp_path / "in"), CONFIG)
