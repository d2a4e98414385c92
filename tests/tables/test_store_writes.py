"""What a write promises beyond its rows: replays, slices and days, what is searched for a key, files in order of a layout."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.config import validated
from mapping_spark.errors import ConfigError, ContractError
from mapping_spark.settings import SqlConfig
from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, ITEM_IDS, USER_IDS
from mapping_spark.tables.store import KEEP_DAYS, LOG_DAYS, Store, checked_root, laid_out, literal

MAY = dt.date(2024, 5, 1)


@pytest.fixture
def store(spark: SparkSession, tmp_path: Path) -> Store:
    return Store(spark, str(tmp_path))


def event(name: str, day: int) -> dict[str, Any]:
    return dict(event_id=name, event_type="view", event_date=MAY + dt.timedelta(days=day))


def events(store: Store) -> dict[str, int]:
    """Event id to its day of May, from 0."""
    return {row.event_id: (row.event_date - MAY).days for row in store.read(EVENTS).collect()}


def test_an_earlier_sequence_of_the_same_writer_is_skipped_and_another_writers_is_not(store: Store) -> None:
    store.create(USER_IDS)
    for writer, sequence, user in (("a", 5, "u1"), ("a", 4, "u2"), ("b", 4, "u3")):
        store.append_once(USER_IDS, rows(store.spark, USER_IDS, dict(user_id=user)), writer=writer, sequence=sequence)
    assert sorted(row.user_id for row in store.read(USER_IDS).collect()) == ["u1", "u3"]
    store.create(ITEM_IDS)  # one writer of two tables counts apart in each
    store.append_once(ITEM_IDS, rows(store.spark, ITEM_IDS, dict(item_id="i1")), writer="a", sequence=1)
    assert store.count(ITEM_IDS) == 1


def test_days_are_replaced_alone_or_emptied_and_no_days_are_nothing(store: Store) -> None:
    store.create(EVENTS)

    def make(*values: dict[str, Any]) -> DataFrame:
        return rows(store.spark, EVENTS, *values)

    store.replace_days(EVENTS, make(event("a", 0), event("b", 1), event("c", 2)), None)
    store.replace_days(EVENTS, make(event("d", 0)), [MAY, MAY + dt.timedelta(days=1)])
    assert events(store) == {"d": 0, "c": 2}  # of the second day nothing is left
    version = store.version(EVENTS)
    store.replace_days(EVENTS, make(event("e", 2)), [])
    assert (events(store), store.version(EVENTS)) == ({"d": 0, "c": 2}, version)
    store.replace_days(EVENTS, make(), [MAY])  # emptied
    assert events(store) == {"c": 2}


def test_a_key_outside_the_range_that_is_searched_is_new(store: Store) -> None:
    store.create(EVENTS)
    store.insert_new(EVENTS, rows(store.spark, EVENTS, event("a", 0), event("b", 5)))
    again = rows(store.spark, EVENTS, event("a", 6), event("b", 6))
    store.insert_new(EVENTS, again, within=f"target.event_date >= {literal(MAY + dt.timedelta(days=3))}")
    assert sorted((row.event_id, (row.event_date - MAY).days) for row in store.read(EVENTS).collect()) == [("a", 0), ("a", 6), ("b", 5)]


def test_a_slice_by_a_column_that_is_not_there_is_refused_before_the_write(store: Store) -> None:
    with pytest.raises(
        ContractError, match=r"silver.user_ids: the slice columns \['user'\]; expected columns among \['user_id', 'user_idx'\]"
    ):
        store.replace_slice(USER_IDS, rows(store.spark, USER_IDS), {"user": "u1"})


def test_what_was_written_since_a_version_is_told_from_the_log(store: Store) -> None:
    assert (store.written(USER_IDS, None), store.versions(USER_IDS)) == ((None, 0), (None, None))
    store.create(USER_IDS)
    created = store.version(USER_IDS)
    users = rows(store.spark, USER_IDS, *(dict(user_id=f"o'u{n}") for n in range(3)))
    store.replace_slice(USER_IDS, users, {})
    assert store.written(USER_IDS, created) == (store.version(USER_IDS), 3)
    assert store.written(USER_IDS, store.version(USER_IDS)) == (store.version(USER_IDS), 0)
    store.replace_slice(USER_IDS, users.where('user_id = "o\'u1"'), {"user_id": "o'u1"})  # a value may hold a quote
    assert sorted(row.user_id for row in store.read(USER_IDS).collect()) == ["o'u0", "o'u1", "o'u2"]


def test_retention_is_set_once(store: Store) -> None:
    store.create(USER_IDS)
    store.retain(USER_IDS, KEEP_DAYS, LOG_DAYS)
    assert store.version(USER_IDS) == 0  # a new table has it already
    for _ in range(2):
        store.retain(USER_IDS, 40, LOG_DAYS)
    assert store.versions(USER_IDS) == (1, 0)  # a property changes no rows
    assert DeltaTable(store.location(USER_IDS)).metadata().configuration["delta.deletedFileRetentionDuration"] == "interval 40 days"


def test_a_table_without_rows_has_no_heaviest_key(store: Store) -> None:
    store.create(INTERACTIONS)
    assert store.count_of_heaviest(INTERACTIONS, 0, "user_id") == 0
    assert store.count(INTERACTIONS, 0) == 0


def test_rows_lie_in_the_order_of_the_layout(spark: SparkSession) -> None:
    days = [dt.date(2024, month, day) for month in (2, 1) for day in (3, 1, 2)]
    frame = rows(spark, CAMPAIGN_DAILY_KPIS, *(dict(campaign_id=name, date=day) for day in days for name in ("c2", "c1")))
    found = [(row.date, row.campaign_id) for row in laid_out(frame, CAMPAIGN_DAILY_KPIS).collect()]
    assert found == sorted(found, key=lambda row: (row[0].month, row[1], row[0]))  # by month, then campaign, then day
    assert laid_out(frame, USER_IDS) is frame


def test_a_frame_that_does_not_fit_is_refused_by_every_write(store: Store) -> None:
    store.create(USER_IDS)
    wrong = store.spark.sql("SELECT 'u1' AS user_id, 'one' AS user_idx")
    writes: tuple[Callable[[], None], ...] = (
        lambda: store.append_once(USER_IDS, wrong, writer="t", sequence=1),
        lambda: store.insert_new(USER_IDS, wrong),
        lambda: store.replace_slice(USER_IDS, wrong, {}),
    )
    for write in writes:
        with pytest.raises(ContractError, match="user_idx is string, declared bigint"):
            write()
    assert store.version(USER_IDS) == 0


def test_a_new_column_that_is_not_nullable_asks_for_a_rebuild(store: Store) -> None:
    store.create(USER_IDS)
    column = dataclasses.replace(USER_IDS.columns[0], name="note")
    grown: Table = dataclasses.replace(USER_IDS, columns=(*USER_IDS.columns, column))
    with pytest.raises(ContractError, match="note is new and not nullable; expected new columns nullable.*Migrate or rebuild"):
        store.create(grown)


@pytest.mark.parametrize(
    ("value", "text"),
    [("a\\b", "'a\\\\b'"), ("", "''"), (-3, "-3"), (Decimal("1.50"), "1.50"), (dt.date(999, 1, 2), "DATE'0999-01-02'")],
)
def test_a_literal_is_written_by_its_type(value: Any, text: str) -> None:
    assert literal(value) == text


@pytest.mark.parametrize(
    ("root", "expected"),
    [("s3a://bucket/lake/", "s3a://bucket/lake"), ("file:///tmp/x//", "file:///tmp/x"), ("/tmp/x/", "/tmp/x"), ("/tmp/a..b", "/tmp/a..b")],  # noqa: S108
)
def test_a_root_has_no_slash_at_its_end(root: str, expected: str) -> None:
    assert checked_root(root) == expected


def test_a_folder_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert checked_root("warehouse") == str(tmp_path / "warehouse")


@pytest.mark.parametrize("catalog", ["Main", "a.b", "x`y", "a b", ""])
def test_a_catalog_that_could_leave_its_place_is_refused(spark: SparkSession, catalog: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.catalog"):
        Store(spark, "warehouse", catalog)
    with pytest.raises(ConfigError, match="catalog = "):
        validated(SqlConfig, {"catalog": catalog}, "sql")
