"""Bronze to silver on the real road: every record accounted for, in every batch."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from mapping_spark.config import validated
from mapping_spark.errors import ContractError, QualityError
from mapping_spark.events.clean import clean_pending
from mapping_spark.events.dedupe import CLEAN, DUPLICATE, LATE, QUARANTINED
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.ingest.source import EventSource
from mapping_spark.ingest.stream import IngestConfig, ingest_source
from mapping_spark.tables.bronze import RAW_EVENTS
from mapping_spark.tables.frames import rows
from mapping_spark.tables.ops import EVENT_ACCOUNTING
from mapping_spark.tables.silver import EVENTS, LATE_EVENTS, QUARANTINE
from mapping_spark.tables.store import Store

ANY_SHARE = CleaningConfig(max_quarantined_share=1.0, window_days=7)
MAY = dt.datetime(2024, 5, 1, 12)


def source(**changes: Any) -> EventSource:
    declared: dict[str, Any] = dict(
        name="log",
        kind="events",
        format="json",
        path="never read",
        columns=dict(id="string", user="string", at="timestamp"),
        event=dict(event_id="id", user_id="user", event_type="'view'", event_at="at"),
    )
    return validated(EventSource, declared | changes, "log.yml")


@pytest.fixture
def store(spark: SparkSession, tmp_path: Path) -> Store:
    store = Store(spark, str(tmp_path))
    store.create(RAW_EVENTS)
    return store


def deliver(store: Store, batch_id: int, *events: tuple[str, int] | str, name: str = "log") -> None:
    """One batch of bronze: (event id, days after May 1), or a payload."""
    texts = [e if isinstance(e, str) else json.dumps(dict(id=e[0], user="u", at=str(MAY + dt.timedelta(days=e[1])))) for e in events]
    common = dict(source=name, source_file=f"f{batch_id}", payload_encoding="utf-8", batch_id=batch_id, ingested_at=dt.datetime(2024, 9, 1))
    values = [common | dict(source_offset=i, payload=text) for i, text in enumerate(texts)]
    store.append_once(RAW_EVENTS, rows(store.spark, RAW_EVENTS, *values), writer=f"test/{name}", sequence=batch_id)


def accounts(store: Store) -> list[tuple[Any, ...]]:
    """(n_in, n_clean, n_duplicate, n_quarantined, n_late) of every batch, in order."""
    names = ("n_in", "n_clean", "n_duplicate", "n_quarantined", "n_late")
    return [tuple(row) for row in store.read(EVENT_ACCOUNTING).orderBy("source", "batch_id").select(*names).collect()]


def ids(store: Store, table: Any = EVENTS) -> list[str]:
    return sorted(row["event_id"] for row in store.read(table).collect())


def test_batches_are_deduplicated_against_each_other_and_late_ones_kept_apart(store: Store) -> None:
    deliver(store, 0, ("a", 0), ("b", 20), ("a", 0))
    deliver(store, 1, ("b", 20), ("late", 12), ("c", 13), "{")
    deliver(store, 2, ("late", 12), ("d", 21))
    clean_pending(store, [source()], ANY_SHARE)
    # The latest day is 20 after the first batch, so that 12 is late (before 20 - 7) and 13 is not.
    assert accounts(store) == [(3, 2, 1, 0, 0), (4, 1, 1, 1, 1), (2, 1, 1, 0, 0)]
    assert (ids(store), ids(store, LATE_EVENTS)) == (["a", "b", "c", "d"], ["late"])


def test_what_is_done_is_not_done_again(store: Store) -> None:
    deliver(store, 0, ("a", 0))
    assert clean_pending(store, [source()], ANY_SHARE)["log"].n(CLEAN) == 1
    assert clean_pending(store, [source()], ANY_SHARE)["log"].n_in == 0
    assert (ids(store), accounts(store)) == (["a"], [(1, 1, 0, 0, 0)])


def test_an_empty_bronze_gives_empty_tables(store: Store) -> None:
    assert clean_pending(store, [source()], ANY_SHARE)["log"].n_in == 0
    assert [store.count(table) for table in (EVENTS, LATE_EVENTS, QUARANTINE, EVENT_ACCOUNTING)] == [0, 0, 0, 0]


def test_the_first_batch_of_a_second_source_is_compared_with_the_first_source(store: Store) -> None:
    deliver(store, 0, ("a", 0))
    deliver(store, 0, ("a", 3), ("b", 3), name="other")
    clean_pending(store, [source(), source(name="other")], ANY_SHARE)
    assert accounts(store) == [(1, 1, 0, 0, 0), (2, 1, 1, 0, 0)]


def test_too_large_a_share_fails_after_everything_is_written(store: Store) -> None:
    deliver(store, 0, ("a", 0), "{", "{", json.dumps(dict(id="b", user=" ", at=str(MAY))))
    with pytest.raises(QualityError, match=r"log: 3 of 4 records rejected \(not_json 2, user_id_missing 1\)"):
        clean_pending(store, [source()], CleaningConfig(max_quarantined_share=0.5))
    assert accounts(store) == [(4, 1, 0, 3, 0)]
    found = {(row["reason_codes"], row["reason"], row["event_id"]) for row in store.read(QUARANTINE).collect()}
    whole, blank = "the record is not one whole JSON object", "user_id is missing, empty or blank"
    assert found == {("not_json", whole, None), ("user_id_missing", blank, "b")}
    clean_pending(store, [source()], CleaningConfig(max_quarantined_share=0.5))  # accounted for, so nothing is left to fail


def test_a_lookup_lends_its_columns(store: Store, tmp_path: Path) -> None:
    (tmp_path / "sends.csv").write_text("id,day\ne1,2024-05-02\ne2,2024-02-30\n")
    lookup = dict(path=str(tmp_path / "sends.csv"), format="csv", key="id", columns=dict(day="date"))
    declared = source(lookup=lookup, event=source().event | dict(event_at="day"), zone="America/New_York")
    deliver(store, 0, ("e1", 0), ("e2", 0), ("e3", 0))
    clean_pending(store, [declared], ANY_SHARE)
    assert [row["event_at"] for row in store.read(EVENTS).collect()] == [dt.datetime(2024, 5, 2, 4)]
    reasons = {row["event_id"]: row["reason_codes"] for row in store.read(QUARANTINE).collect()}
    assert reasons == {"e2": "event_at_unparsable", "e3": "event_at_missing"}


def test_a_lookup_with_a_key_twice_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "sends.csv").write_text("id,day\ne1,2024-05-02\ne1,2024-05-03\n")
    lookup = dict(path=str(tmp_path / "sends.csv"), format="csv", key="id", columns=dict(day="date"))
    deliver(store, 0, ("e1", 0))
    with pytest.raises(ContractError, match="id = 'e1' in 2 rows"):
        clean_pending(store, [source(lookup=lookup, event=source().event | dict(event_at="day"))], ANY_SHARE)


def test_a_csv_folder_and_a_parquet_folder_work_by_declaration_alone(spark: SparkSession, tmp_path: Path) -> None:
    store = Store(spark, str(tmp_path / "tables"))
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "a.csv").write_text("id,user,at\r\n1,u1,2024-05-01\r\n2,u2\r\n3,12.0,2024-05-01\r\n")
    spark.sql("SELECT 4 AS id, 'u' AS user, TIMESTAMP'2024-05-01' AS at").write.parquet(str(tmp_path / "parquet"))
    declared = [source(name=name, format=name, path=str(tmp_path / name)) for name in ("csv", "parquet")]
    for one in declared:
        ingest_source(store, one, IngestConfig())
    clean_pending(store, declared, ANY_SHARE)
    assert ids(store) == ["1", "4"]
    reasons = {row["payload"]: row["reason_codes"] for row in store.read(QUARANTINE).collect()}
    assert reasons == {"2,u2": "not_csv", '{"id":"3","user":"12.0","at":"2024-05-01"}': "id_not_text_or_integer"}


EVENT = st.one_of(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), st.just("{"))


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(EVENT, min_size=1, max_size=6), min_size=1, max_size=2))
def test_in_is_the_sum_of_what_became_of_it(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[str, int] | str]]
) -> None:
    store = Store(spark, str(tmp_path_factory.mktemp("any")))
    store.create(RAW_EVENTS)
    for batch_id, events in enumerate(batches):
        deliver(store, batch_id, *events)
    account = clean_pending(store, [source()], ANY_SHARE)["log"]
    assert account.n_in == sum(map(len, batches)) == sum(account.n(o) for o in (CLEAN, DUPLICATE, QUARANTINED, LATE))
    written = [store.count(table) for table in (EVENTS, QUARANTINE, LATE_EVENTS)]
    assert written == [account.n(CLEAN), account.n(QUARANTINED), account.n(LATE)]
