"""Batches of bronze to silver, each exactly once, with an account of every record.

A batch is done when its row stands in ops.event_accounting, which is written last. Every write before it happens once,
by the batch's number, and what is judged does not depend on what the batch itself has already written. So a process
that is killed between any two writes is simply run again, with the same tables and the same account.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import QualityError
from mapping_spark.events.canonical import REASONS, judge
from mapping_spark.events.dedupe import CLEAN, DUPLICATE, LATE, OUTCOME, QUARANTINED, classify
from mapping_spark.events.lookup import read_lookup
from mapping_spark.events.reasons import codes_of, in_words
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
    """Latest business day of the source's clean events so far."""

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


@dataclass(frozen=True)
class _Batch:
    """One batch of bronze: its source, its number, and the source's latest business day before it."""

    source: EventSource
    batch_id: int
    latest: dt.date | None
    config: CleaningConfig

    @property
    def late_before(self) -> dt.date | None:
        """Events of earlier business days are late; a source's first batch has none."""
        return None if self.latest is None else self.latest - dt.timedelta(days=self.config.window_days)

    def of_others(self, table: DataFrame) -> DataFrame:
        """Rows but for those that this batch has written itself, before it was killed and run again."""
        return table.where(~((F.col("source") == self.source.name) & (F.col("batch_id") == self.batch_id)))


def _clean_source(store: Store, source: EventSource, config: CleaningConfig) -> Account:
    accounted = store.read(EVENT_ACCOUNTING).where(F.col("source") == source.name)
    last, latest = accounted.agg(F.max("batch_id"), F.max("max_event_date")).collect()[0]
    of_source = store.read(RAW_EVENTS).where(F.col("source") == source.name)
    fresh = of_source if last is None else of_source.where(F.col("batch_id") > last)
    pending = sorted(row["batch_id"] for row in fresh.select("batch_id").distinct().collect())
    lookup = read_lookup(store.spark, source, config) if pending else None
    counts: Counter[tuple[str, str]] = Counter()
    for batch_id in pending:
        batch = _Batch(source, batch_id, latest, config)
        candidates = judge(of_source.where(F.col("batch_id") == batch_id), source, config, lookup)
        account = _clean_batch(store, batch, candidates)
        counts.update(account.counts)
        latest = account.latest
    return Account(counts, latest)


def _clean_batch(store: Store, batch: _Batch, candidates: DataFrame) -> Account:
    events = batch.of_others(store.read(EVENTS))
    known_late = batch.of_others(store.read(LATE_EVENTS)).select("event_id")
    window_days = batch.config.window_days
    with ExitStack() as stack:
        if batch.late_before is not None:  # nothing earlier is compared with events
            known = events.where(F.col("event_date") >= F.lit(batch.late_before - dt.timedelta(days=window_days)))
        elif events.isEmpty():
            known = events
        else:  # once in a source's life: its first batch, where other sources have already written
            candidates = stack.enter_context(_kept(candidates))
            known = _within_reach(events, candidates, window_days)
        known = known.select("event_id", "event_date")
        outcomes = classify(candidates, known, known_late, late_before=batch.late_before, window_days=window_days)
        outcomes = stack.enter_context(_kept(outcomes))  # read by the account and by every write
        account = _account(outcomes, batch.latest)
        _write(store, batch, outcomes, account)
    LOGGER.info("cleaned", extra={"source": batch.source.name, "batch_id": batch.batch_id, "n_in": account.n_in})
    return account


@contextmanager
def _kept(frame: DataFrame) -> Iterator[DataFrame]:
    """A frame that is computed once, in memory or on disk, until the block ends."""
    kept = frame.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield kept
    finally:
        kept.unpersist()


def _within_reach(events: DataFrame, candidates: DataFrame, window_days: int) -> DataFrame:
    """Events on the business days that the window around any good candidate covers."""
    window = dt.timedelta(days=window_days)
    first, last = candidates.where(F.col(REASONS) == "").agg(F.min("event_date"), F.max("event_date")).collect()[0]
    return events.where(F.col("event_date").between(first - window, last + window)) if first else events.limit(0)


def _account(outcomes: DataFrame, latest: dt.date | None) -> Account:
    """Count in one pass; the groups are the few combinations of reasons that occur."""
    clean_date = F.when(F.col(OUTCOME) == CLEAN, F.col("event_date"))
    groups = outcomes.groupBy(OUTCOME, REASONS).agg(F.count(F.lit(1)).alias("n"), F.max(clean_date).alias("latest")).collect()
    days = [row["latest"] for row in groups if row["latest"]] + ([latest] if latest else [])
    return Account(Counter({(row[OUTCOME], row[REASONS]): row["n"] for row in groups}), max(days, default=None))


def _write(store: Store, batch: _Batch, outcomes: DataFrame, account: Account) -> None:
    """Write what there is, the account last."""
    writer = f"clean/{batch.source.name}"
    constant = {"source": F.lit(batch.source.name), "batch_id": F.lit(batch.batch_id).cast("bigint")}
    rejected = outcomes.where(F.col(OUTCOME) == QUARANTINED)
    words = in_words(F.col(REASONS), codes_of(batch.source.columns))
    # One task per range of days, so that a day is few files and a big day is several.
    by_day = outcomes.where(F.col(OUTCOME) == CLEAN).hint("rebalance", "event_date")
    parts = (
        (QUARANTINE, QUARANTINED, rejected.withColumn("reason", words)),
        (LATE_EVENTS, LATE, outcomes.where(F.col(OUTCOME) == LATE)),
        (EVENTS, CLEAN, by_day),
    )
    for table, outcome, frame in parts:
        if account.n(outcome):
            store.append_once(table, frame.withColumns(constant), writer=writer, sequence=batch.batch_id)
    row = dict(
        source=batch.source.name,
        batch_id=batch.batch_id,
        n_in=account.n_in,
        n_clean=account.n(CLEAN),
        n_duplicate=account.n(DUPLICATE),
        n_quarantined=account.n(QUARANTINED),
        n_late=account.n(LATE),
        max_event_date=account.latest,
    )
    store.append_once(EVENT_ACCOUNTING, rows(store.spark, EVENT_ACCOUNTING, row), writer=writer, sequence=batch.batch_id)


def _refuse_poor(accounts: Mapping[str, Account], config: CleaningConfig) -> None:
    """Raise where a source's rejected share is above the limit, naming its leading reasons."""
    poor = {name: a for name, a in accounts.items() if a.n(QUARANTINED) > config.max_quarantined_share * a.n_in}
    found = [
        f"{name}: {a.n(QUARANTINED):,} of {a.n_in:,} records rejected ("
        + ", ".join(f"{code} {n:,}" for code, n in sorted(a.reasons().items(), key=lambda item: (-item[1], item[0]))[:3])
        + ")"
        for name, a in poor.items()
    ]
    if found:
        raise QualityError(
            "cleaning",
            "; ".join(found),
            f"at most {config.max_quarantined_share:.1%} of a source",
            f"All is written and accounted for; look at {QUARANTINE.name}, then mend the source or the limit.",
        )
