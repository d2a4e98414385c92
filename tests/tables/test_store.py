"""The store on the real Delta jar: idempotent writes, declared tables, readable by anyone."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pytest
from deltalake import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from mapping_spark.errors import ConfigError, ContractError, MissingInput
from mapping_spark.tables.contract import Column
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import CAMPAIGN_KPIS
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, LATE_EVENTS, USER_IDS
from mapping_spark.tables.store import Store, checked_root, literal


@pytest.fixture(params=["folders", "catalog"])
def store(spark: SparkSession, tmp_path: Path, request: pytest.FixtureRequest) -> Store:
    catalog = "spark_catalog" if request.param == "catalog" else None
    spark.sql("DROP TABLE IF EXISTS spark_catalog.silver.user_ids")
    store = Store(spark, str(tmp_path), catalog)
    store.create(USER_IDS)
    return store


def ids(store: Store) -> set[tuple[str, int]]:
    return {(row.user_id, row.user_idx) for row in store.read(USER_IDS).collect()}


def test_append_once_skips_a_replay(store: Store) -> None:
    frame = rows(store.spark, USER_IDS, dict(user_id="u1", user_idx=0))
    for _ in range(2):
        store.append_once(USER_IDS, frame, writer="test", sequence=0)
    assert store.count(USER_IDS) == 1
    store.append_once(USER_IDS, rows(store.spark, USER_IDS, dict(user_id="u2", user_idx=1)), writer="test", sequence=1)
    assert ids(store) == {("u1", 0), ("u2", 1)}


def test_insert_new_leaves_known_keys_as_they_are(store: Store) -> None:
    store.insert_new(USER_IDS, rows(store.spark, USER_IDS, dict(user_id="u1", user_idx=0)))
    store.insert_new(USER_IDS, rows(store.spark, USER_IDS, dict(user_id="u1", user_idx=9), dict(user_id="u2", user_idx=1)))
    assert ids(store) == {("u1", 0), ("u2", 1)}
    assert store.written(USER_IDS, since=None) == (store.version(USER_IDS), 2)


def test_replace_slice_touches_nothing_else(store: Store) -> None:
    store.replace_slice(USER_IDS, rows(store.spark, USER_IDS, dict(user_id="u1", user_idx=0), dict(user_id="u2", user_idx=1)), {})
    store.replace_slice(USER_IDS, rows(store.spark, USER_IDS, dict(user_id="u2", user_idx=5)), {"user_id": "u2"})
    assert ids(store) == {("u1", 0), ("u2", 5)}


def test_a_version_is_read_as_it_was(store: Store) -> None:
    store.insert_new(USER_IDS, rows(store.spark, USER_IDS, dict(user_id="u1", user_idx=0)))
    version = store.version(USER_IDS)
    store.insert_new(USER_IDS, rows(store.spark, USER_IDS, dict(user_id="u2", user_idx=1)))
    assert store.read(USER_IDS, version).count() == 1


def test_only_partitions_whose_rows_changed_are_named(store: Store) -> None:
    store.spark.sql("DROP TABLE IF EXISTS spark_catalog.silver.late_events")
    store.create(LATE_EVENTS)

    def deliver(number: int, source: str) -> int:
        late = rows(store.spark, LATE_EVENTS, dict(event_id=f"e{number}", event_type="click", source=source))
        store.append_once(LATE_EVENTS, late, writer="test", sequence=number)
        return store.version(LATE_EVENTS) or 0

    versions = [deliver(number, source) for number, source in enumerate(("web", "web", "shop: 5% off"))]
    assert store.changed_partitions(LATE_EVENTS, versions[1], versions[2]) == {"shop: 5% off"}
    store.compact(LATE_EVENTS)
    assert store.changed_partitions(LATE_EVENTS, versions[1], store.version(LATE_EVENTS) or 0) == {"shop: 5% off"}
    assert store.changed_partitions(LATE_EVENTS, versions[0], versions[2]) == {"web", "shop: 5% off"}
    store.spark.sql("DROP TABLE IF EXISTS spark_catalog.silver.late_events")


@pytest.fixture
def folders(spark: SparkSession, tmp_path: Path) -> Store:
    return Store(spark, str(tmp_path))


def test_a_slice_refuses_rows_outside_it(folders: Store) -> None:
    folders.create(INTERACTIONS)
    frame = rows(folders.spark, INTERACTIONS, dict(as_of_date=dt.date(2017, 1, 1), weight=1.0, n_events=1))
    with pytest.raises(PySparkException, match="(?i)replace_?where"):
        folders.replace_slice(INTERACTIONS, frame, {"as_of_date": dt.date(2017, 1, 2)})


def test_a_declared_check_is_enforced_by_delta_and_null_passes(folders: Store) -> None:
    folders.create(EVENTS)
    folders.insert_new(EVENTS, rows(folders.spark, EVENTS, dict(event_id="e1", event_type="view", quantity=None)))
    wrong = rows(folders.spark, EVENTS, dict(event_id="e2", event_type="view", quantity=-1.0))
    with pytest.raises((PySparkException, Py4JJavaError), match="quantity_positive"):
        folders.insert_new(EVENTS, wrong)


def test_another_engine_reads_the_table(folders: Store, tmp_path: Path) -> None:
    folders.create(EVENTS)
    folders.insert_new(EVENTS, rows(folders.spark, EVENTS, dict(event_id="e1", event_type="view")))
    table = DeltaTable(str(tmp_path / "silver" / "events"))
    assert table.protocol().min_reader_version == 1
    assert [field.name for field in table.schema().fields] == list(EVENTS.column_names)
    assert len(table.file_uris()) == 1


def test_a_column_declared_later_is_added_and_reads_null(folders: Store) -> None:
    folders.create(USER_IDS)
    folders.insert_new(USER_IDS, rows(folders.spark, USER_IDS, dict(user_id="u1", user_idx=0)))
    grown = dataclasses.replace(USER_IDS, columns=(*USER_IDS.columns, Column("note", "string", "Null where none.", nullable=True)))
    folders.create(grown)
    assert [row.note for row in folders.read(grown).collect()] == [None]
    changed = dataclasses.replace(USER_IDS, columns=(USER_IDS.columns[0], Column("user_idx", "string", "Text.")))
    with pytest.raises(ContractError, match="user_idx is bigint, declared string"):
        folders.create(changed)


def test_a_table_that_is_not_there_says_what_to_do(folders: Store) -> None:
    with pytest.raises(MissingInput, match="Run the job that writes it"):
        folders.read(EVENTS)
    assert folders.version(EVENTS) is None
    assert folders.read_or_empty(EVENTS).count() == 0


@pytest.mark.parametrize("root", ["", "a`b", "a'; drop", "a/../b", "a\nb"])
def test_roots_that_could_leave_their_place_are_refused(root: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.root"):
        checked_root(root)


def test_literals_are_quoted_by_type() -> None:
    assert literal(dt.date(2017, 12, 1)) == "DATE'2017-12-01'"
    assert literal("o'clock") == "'o\\'clock'"
    assert literal(7) == "7"


def test_a_catalog_shows_ratios_by_a_view(spark: SparkSession, tmp_path: Path) -> None:
    store = Store(spark, str(tmp_path), "spark_catalog")
    store.create(CAMPAIGN_KPIS)
    spark.sql("DROP VIEW spark_catalog.gold.campaign_kpis_v")
    store.create(CAMPAIGN_KPIS)  # the table is there; its view follows the declaration
    store.append_once(CAMPAIGN_KPIS, rows(spark, CAMPAIGN_KPIS, dict(n_users=4, n_converted_users=1)), writer="test", sequence=0)
    (row,) = spark.table("spark_catalog.gold.campaign_kpis_v").select("redemption_rate").collect()
    spark.sql("DROP VIEW spark_catalog.gold.campaign_kpis_v")
    spark.sql("DROP TABLE spark_catalog.gold.campaign_kpis")
    assert row.redemption_rate == 1 / 4
