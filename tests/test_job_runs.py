"""What a run counts, remembers and records: streams, files as inputs, faults in full or by kind, locks, dry runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from mapping_spark.errors import ContractError, LockHeld
from mapping_spark.job import Does, Inserts, Job, Outcome, Replaces, Run, execute, plan, prepare
from mapping_spark.settings import Settings
from mapping_spark.tables.frames import rows
from mapping_spark.tables.locks import locked
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.silver import BLOCKED_ITEMS, ITEM_IDS, USER_IDS
from mapping_spark.tables.store import Store

DAY = dt.date(2017, 12, 1)
SETTINGS = Settings(sources=[])


@pytest.fixture
def store(spark: SparkSession, tmp_path: Path) -> Store:
    return Store(spark, str(tmp_path))


def nothing(run: Run) -> None:
    """Writes no row."""


def add_item(store: Store, item_id: str, item_idx: int) -> None:
    store.insert_new(ITEM_IDS, rows(store.spark, ITEM_IDS, dict(item_id=item_id, item_idx=item_idx)))


def job(step: Callable[[Run], int | None] = nothing, **more: Any) -> Job:
    return replace(Job(name="copy", writes=(ITEM_IDS,), work=Does(step, "copy ids")), **more)


def ledger(store: Store) -> list[tuple[str, int, int, str | None]]:
    return [(row.status, row.rows_in, row.rows_out, row.error) for row in store.read(JOB_RUNS).orderBy("ended_at").collect()]


def test_rows_in_are_what_the_work_counted_or_without_inputs_what_it_wrote(store: Store) -> None:
    def counts(run: Run) -> int:
        return 41

    execute(job(counts), SETTINGS, DAY, store)
    execute(job(lambda run: add_item(run.store, "i", 0)), SETTINGS, DAY + dt.timedelta(days=1), store)
    assert ledger(store) == [("succeeded", 41, 0, None), ("succeeded", 1, 1, None)]


def test_a_stream_that_found_nothing_new_leaves_no_row_but_its_first(store: Store) -> None:
    statuses = [execute(job(lambda run: 0, always=True), SETTINGS, DAY, store).status for _ in range(2)]
    assert (statuses, ledger(store)) == (["succeeded", "unchanged"], [("succeeded", 0, 0, None)])


def test_a_fault_of_ours_is_recorded_in_full_and_any_other_by_its_kind(store: Store) -> None:
    def refuses(run: Run) -> None:
        raise ContractError("silver.x", "a null key", "none", "Mend it.")

    def asks(run: Run) -> None:
        run.spark.range(1).where("id = 'u1 lives in Rome' and town = 'x'").collect()

    for step, kind in ((refuses, ContractError), (asks, AnalysisException)):
        with pytest.raises(kind):
            execute(job(step), SETTINGS, DAY, store)
    assert [error for *_, error in ledger(store)] == [
        "silver.x: a null key; expected none. Mend it.",
        "AnalysisException UNRESOLVED_COLUMN.WITH_SUGGESTION",
    ]


def test_beside_another_run_nothing_is_done_and_nothing_recorded(store: Store) -> None:
    with locked(store.root, (ITEM_IDS,), DAY, "a run before"), pytest.raises(LockHeld, match="held by a run before"):
        execute(job(), SETTINGS, DAY, store)
    assert (store.exists(ITEM_IDS), store.exists(JOB_RUNS)) == (False, False)


def test_a_key_follows_date_files_name_and_the_settings_that_the_job_names(store: Store) -> None:
    files = {"orders.json": 1}
    watched = job(config=("seed",), fingerprint=lambda run: files)

    def key(of: Job = watched, settings: Settings = SETTINGS, day: dt.date = DAY) -> str:
        return prepare(of, settings, day, store)[1]

    first = key()
    other_model, other_seed = SETTINGS.model_copy(update={"model": "lstm"}), SETTINGS.model_copy(update={"seed": 8})
    assert first == key() == key(settings=other_model)  # which this job does not read
    keys = [first, key(settings=other_seed), key(day=DAY + dt.timedelta(days=1)), key(replace(watched, name="paste"))]
    files["orders.json"] = 2
    keys.append(key())
    assert len(set(keys)) == 5


def test_what_a_caller_read_of_the_ledger_is_believed(store: Store) -> None:
    _, key = prepare(job(), SETTINGS, DAY, store)
    assert execute(job(), SETTINGS, DAY, store, done={"copy": key}).status == "unchanged"
    assert not store.exists(JOB_RUNS)


def test_after_a_run_its_inputs_count_until_somebody_else_writes_the_output(store: Store) -> None:
    store.create(USER_IDS)
    reads = job(lambda run: add_item(run.store, "i", 0), reads=(USER_IDS,))

    def last() -> object:
        return prepare(reads, SETTINGS, DAY, store)[0].last_inputs()

    assert last() is None
    execute(reads, SETTINGS, DAY, store)
    assert last() == {"silver.user_ids": 0}  # the version that made the table
    assert list(plan(reads, SETTINGS, DAY, store))[-1] == "  would be skipped: the same run has already succeeded"
    add_item(store, "elsewhere", 99)
    assert last() is None


def test_a_dry_run_tells_rules_that_are_not_there_and_what_the_work_foresees(store: Store) -> None:
    work = Does(nothing, "copy ids", lambda run: ["2 users", f"as of {run.as_of}"])
    told = list(plan(job(work=work, rules=(BLOCKED_ITEMS,)), SETTINGS, DAY, store))
    assert told[:2] == ["copy as of 2017-12-01", "  reads  silver.blocked_items: not there, taken as empty"]
    assert told[-4:-1] == ["  plan   copy ids", "         2 users", "         as of 2017-12-01"]
    assert told[-1].startswith("  run key ")


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome("copy", "unchanged"), "copy: unchanged, same inputs, settings and code as the last run"),
        (Outcome("copy", "succeeded", 2.0, 3000, 10, 1234), "copy: 3,000 rows in, 10 out, 2.0 s, 1,500 rows/s, peak 1,234 MB"),
        (Outcome("copy", "succeeded"), "copy: 0 rows in, 0 out, 0.0 s, 0 rows/s, peak 0 MB"),
    ],
)
def test_an_outcome_reads_as_a_line(outcome: Outcome, text: str) -> None:
    assert str(outcome) == text


def test_each_kind_of_work_says_what_it_writes() -> None:
    assert str(Replaces(ITEM_IDS, lambda run: run.read(ITEM_IDS))) == "replace all rows of silver.item_ids"
    assert (
        str(Replaces(ITEM_IDS, lambda run: run.read(ITEM_IDS), slice_by="as_of_date")) == "replace the slice as_of_date of silver.item_ids"
    )
    assert str(Inserts(ITEM_IDS, lambda run: run.read(ITEM_IDS))) == "insert new keys into silver.item_ids"
