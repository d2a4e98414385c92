"""Batches of bronze to silver, each exactly once, with an account of every record.

A batch is done when its row stands in ops.event_accounting, which is written last. Every write before it happens once,
by the batch's number, and what is judged does not depend on what the batch itself has already written. So a process
that is killed between any two writes is simply run again, with the same tables and the same account.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import QualityError
from mapping_spark.events.canonical import REASONS, judge
from mapping_spark.events.dedupe import CLEAN, DUPLICATE, LATE, OUTCOME, QUARANTINED, classify
from mapping_spark.events.lookup import read_lookup
from mapping_spark.events.reasons import in_words
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.ingest.source import EventSource
from mapping_spark.logs import LOGGER
from mapping_spark.tables.bronze import RAW_EVENTS
from mapping_spark.tables.frames import rows
from mapping_spark.tables.ops import EVENT_ACCOUNTING
from mapping_spark.tables.silver import EVENTS, LATE_EVENTS, QUARANTINE
from mapping_spark.tables.store import Store

WRITES = (QUARANTINE, LATE_EVENTS, EVENTS, EVENT_ACCOUNTING)
"""What cleaning writes, in this order."""


@dataclass(frozen=True)
class Account:
    """What became of the records of one batch, or of several: outcome and reason codes to number of records."""

    counts: Counter[tuple[str, str]]
    latest: dt.date | None = None
    """Latest business day among the clean events."""

    def n(self, outcome: str) -> int:
        """Records with this outcome."""
        return sum(count for (found, _), count in self.counts.items() if found == outcome)

    @property
    def n_in(self) -> int:
        """All records."""
        return self.counts.total()

    def reasons(self) -> Counter[str]:
        """Reason code to number of records rejected for it; a record counts once for each of its reasons."""
        found: Counter[str] = Counter()
        for (_, codes), count in self.counts.items():
            found.update({code: count for code in codes.split(",") if code})
        return found


def clean_pending(store: Store, sources: Sequence[EventSource], config: CleaningConfig) -> dict[str, Account]:
    """Clean every batch of bronze that is not accounted for, in order; returns what happened, by source.

    Raises `QualityError` after all is written, where the rejected share of a source exceeds the configured limit.
    """
    for table in WRITES:
        store.create(table)
    accounts = {source.name: _clean_source(store, source, config) for source in sources}
    _refuse_poor(accounts, config)
    return accounts


def _clean_source(store: Store, source: EventSource, config: CleaningConfig) -> Account:
    accounts = store.read(EVENT_ACCOUNTING).where(F.col("source") == source.name)
    done = accounts.agg(F.max("batch_id"), F.max("max_event_date")).collect()[0]
    of_source = store.read(RAW_EVENTS).where(F.col("source") == source.name)
    fresh = of_source if done[0] is None else of_source.where(F.col("batch_id") > done[0])
    pending = sorted(row["batch_id"] for row in fresh.select("batch_id").distinct().collect())
    lookup = read_lookup(store.spark, source, config) if pending else None
    latest, counts = done[1], Counter[tuple[str, str]]()
    for batch_id in pending:
        candidates = judge(of_source.where(F.col("batch_id") == batch_id), source, config, lookup)
        account = _clean_batch(store, source, candidates, _Batch(source.name, batch_id, latest, config.window_days))
        latest = max((day for day in (latest, account.latest) if day), default=None)
        counts += account.counts
    return Account(counts, latest)


@dataclass(frozen=True)
class _Batch:
    """One batch: its source, its number, the latest business day of the source before it, the window."""

    source: str
    batch_id: int
    latest: dt.date | None
    window_days: int

    @property
    def late_before(self) -> dt.date | None:
        """Events of earlier business days are late; the first batch of a source has none."""
        return None if self.latest is None else self.latest - dt.timedelta(days=self.window_days)

    def of_others(self, table: DataFrame) -> DataFrame:
        """Rows that this batch has not written itself, before it was killed and run again."""
        return table.where(~((F.col("source") == self.source) & (F.col("batch_id") == self.batch_id)))


def _clean_batch(store: Store, candidates: DataFrame, source: EventSource, batch: _Batch) -> Account:
    known = batch.of_others(_reachable(store.read(EVENTS), candidates, batch))
    known_late = batch.of_others(store.read(LATE_EVENTS))
    outcomes = classify(candidates, known, known_late, late_before=batch.late_before, window_days=batch.window_days)
    outcomes = outcomes.persist(StorageLevel.MEMORY_AND_DISK)  # read by the account and by each write
    try:
        account = _account(outcomes)
        _write(store, outcomes, account, batch)
    finally:
        outcomes.unpersist()
    LOGGER.info("cleaned", extra={"source": batch.source, "batch_id": batch.batch_id, "n_in": account.n_in, "n_clean": account.n(CLEAN)})
    return account
