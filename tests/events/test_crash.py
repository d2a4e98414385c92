"""Cleaning is killed between any two writes and run again: same tables, same account as if nothing had happened."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.events.clean import WRITES, clean_pending
from mapping_spark.tables.bronze import RAW_EVENTS
from mapping_spark.tables.frames import rows
from mapping_spark.tables.store import Store
from tests.events.bad_records import encoded, good, source
from tests.events.killed_cleaning import CONFIG

PROJECT = Path(__file__).resolve().parents[2]
DAY = 86_400
KILLS = (1, 2, 4, 2, 3)
"""After which of its writes each process dies. The first batch has three (quarantine, events, account), the second four
(quarantine, late events, events, account); the third process does the last of the first batch and one of the second."""


def batch(batch_id: int, *changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of bronze from good records with changes."""
    common = dict(
        source="log", source_file=f"f{batch_id}", payload_encoding="utf-8", batch_id=batch_id, ingested_at=dt.datetime(2024, 9, 1)
    )
    return [common | dict(source_offset=i, payload=encoded(good(i) | change).decode()) for i, change in enumerate(changes)]


@pytest.fixture(scope="module")
def bronze(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two batches in which every outcome occurs; the second is 20 days later, but for a late event."""
    root: Path = tmp_path_factory.mktemp("bronze")
    later = good(0)["at"] + 20 * DAY
    store = Store(spark, str(root))
    store.create(RAW_EVENTS)
    first = batch(0, dict(id="a"), dict(id="b", at=later), dict(id="a"), dict(id="bad", quantity=0))
    second = batch(1, dict(id="b", at=later), dict(id="late"), dict(id="c", at=later), dict(id="worse", price=-1))
    for number, values in enumerate((first, second)):
        store.append_once(RAW_EVENTS, rows(spark, RAW_EVENTS, *values), writer="test", sequence=number)
    return root


def tables_of(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    return {table.name: sorted(map(tuple, store.read(table).collect()), key=str) for table in WRITES}


@pytest.fixture(scope="module")
def undisturbed(spark: SparkSession, bronze: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    root = tmp_path_factory.mktemp("undisturbed") / "tables"
    shutil.copytree(bronze, root)
    store = Store(spark, str(root))
    clean_pending(store, [source("never read")], CONFIG)
    return tables_of(store)


def test_the_undisturbed_run_writes_every_table(undisturbed: dict[str, list[tuple[Any, ...]]]) -> None:
    assert {name: len(found) for name, found in undisturbed.items()} == {
        "silver.quarantine": 2,
        "silver.late_events": 1,
        "silver.events": 3,
        "ops.event_accounting": 2,
    }


def test_killed_at_five_points_between_writes_and_run_again(
    spark: SparkSession, bronze: Path, undisturbed: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    shutil.copytree(bronze, tmp_path / "tables")
    store = Store(spark, str(tmp_path / "tables"))
    for n_writes in KILLS:  # each process takes up what the one before left behind
        command = [sys.executable, "-m", "tests.events.killed_cleaning", str(tmp_path / "tables"), str(n_writes)]
        died = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=600, check=False)
        assert died.returncode == 9, died.stderr[-2_000:]
        assert tables_of(store) != undisturbed
    clean_pending(store, [source("never read")], CONFIG)
    assert tables_of(store) == undisturbed
