"""The corpus of broken records on the whole road: file, bronze, silver. No good row is lost and nothing falls over."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from mapping_spark.events.clean import Account, clean_pending
from mapping_spark.events.dedupe import CLEAN, QUARANTINED
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.ingest.stream import IngestConfig, ingest_source
from mapping_spark.tables.silver import EVENTS, QUARANTINE
from mapping_spark.tables.store import Store
from tests.events.bad_records import BadRecord, corpus, source

N_GOOD = 60
RECORDS = corpus(seed=7, n_good=N_GOOD)


@pytest.fixture(scope="module")
def cleaned(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Account]:
    root: Path = tmp_path_factory.mktemp("bad")
    (root / "in").mkdir()
    (root / "in" / "log.json").write_bytes(b"\n".join(record.line for record in RECORDS))
    store = Store(spark, str(root / "tables"))
    log = source(str(root / "in"))
    ingest_source(store, log, IngestConfig())
    return store, clean_pending(store, [log], CleaningConfig(max_quarantined_share=1.0))["log"]


def codes_by_kind(records: list[BadRecord], found: Counter[str]) -> dict[str, str]:
    """Kinds whose reason codes were found less often than they stand in the corpus."""
    expected = Counter(record.codes for record in records if record.codes)
    return {record.kind: record.codes for record in records if record.codes and found[record.codes] != expected[record.codes]}


def test_every_kind_ends_with_its_reason(cleaned: tuple[Store, Account]) -> None:
    store, _ = cleaned
    found = Counter(row["reason_codes"] for row in store.read(QUARANTINE).select("reason_codes").collect())
    assert codes_by_kind(RECORDS, found) == {}
    assert found.total() == sum(1 for record in RECORDS if record.codes)


def test_no_good_row_is_lost(cleaned: tuple[Store, Account]) -> None:
    store, account = cleaned
    accepted = sum(1 for record in RECORDS if not record.codes)
    assert (account.n(CLEAN), account.n(QUARANTINED), account.n_in) == (accepted, len(RECORDS) - accepted, len(RECORDS))
    ids = {row["event_id"] for row in store.read(EVENTS).select("event_id").collect()}
    assert {f"e{number}" for number in range(N_GOOD)} <= ids
    assert "Zo\u00eb" in {row["user_id"] for row in store.read(EVENTS).select("user_id").collect()}


def test_the_text_of_a_rejected_record_is_kept_as_delivered(cleaned: tuple[Store, Account]) -> None:
    store, _ = cleaned
    texts = {row["payload"] for row in store.read(QUARANTINE).where("reason_codes = 'not_json'").collect()}
    assert texts == {record.line.decode() for record in RECORDS if record.codes == "not_json"}


def test_the_corpus_follows_from_its_seed() -> None:
    assert [record.kind for record in corpus(1, 5)] == [record.kind for record in corpus(1, 5)]
    assert [record.kind for record in corpus(1, 5)] != [record.kind for record in corpus(2, 5)]
    assert len({record.kind for record in RECORDS}) >= 28
