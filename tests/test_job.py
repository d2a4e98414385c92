"""A run is skipped when nothing changed, recorded when something did, and tells faults in one line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError, ContractError, MissingInput
from mapping_spark.job import Does, Inserts, Job, Replaces, Run, execute, guarded, plan
from mapping_spark.settings import Settings
from mapping_spark.tables.frames import rows
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.silver import BLOCKED_ITEMS, ITEM_IDS, USER_IDS
from mapping_spark.tables.store import Store

DAY = dt.date(2017, 12, 1)


@pytest.fixture
def store(spark: SparkSession, tmp_path: Path) -> Store:
    store = Store(spark, str(tmp_path))
    store.create(USER_IDS)
    add_user(store, "u1", 0)
    return store


@pytest.fixture
def settings() -> Settings:
    return Settings(sources=[])


def add_user(store: Store, user_id: str, user_idx: int) -> None:
    store.insert_new(USER_IDS, rows(store.spark, USER_IDS, dict(user_id=user_id, user_idx=user_idx)))


def as_items(run: Run) -> DataFrame:
    return run.read(USER_IDS).select(F.col("user_id").alias("item_id"), F.col("user_idx").alias("item_idx"))


COPY = Job(name="copy", reads=(USER_IDS,), writes=(ITEM_IDS,), work=Replaces(ITEM_IDS, as_items), config=("seed",))


def test_a_run_is_recorded_and_an_equal_one_is_skipped(store: Store, settings: Settings) -> None:
    first = execute(COPY, settings, DAY, store)
    assert (first.status, first.rows_in, first.rows_out) == ("succeeded", 1, 1)
    version = store.version(ITEM_IDS)
    assert execute(COPY, settings, DAY, store).status == "unchanged"
    assert store.version(ITEM_IDS) == version
    (row,) = store.read(JOB_RUNS).collect()
    assert (row.job, row.as_of_date, row.status, row.output_table, row.error) == ("copy", DAY, "succeeded", "silver.item_ids", None)
    assert row.peak_memory_mb > 0


def test_new_input_settings_or_date_run_again(store: Store, settings: Settings) -> None:
    execute(COPY, settings, DAY, store)
    add_user(store, "u2", 1)
    assert execute(COPY, settings, DAY, store).rows_out == 2
    assert execute(COPY, settings.model_copy(update={"seed": 8}), DAY, store).status == "succeeded"
    assert execute(COPY, settings, DAY + dt.timedelta(days=1), store).status == "succeeded"


def test_a_compacted_input_is_no_new_input(store: Store, settings: Settings) -> None:
    add_user(store, "u2", 1)  # a second file
    execute(COPY, settings, DAY, store)
    changed = store.version(USER_IDS)
    store.spark.sql(f"OPTIMIZE {store.relation(USER_IDS)}")
    assert store.versions(USER_IDS) == ((changed or 0) + 1, changed)
    assert execute(COPY, settings, DAY, store).status == "unchanged"
    assert {row.user_id for row in store.read(USER_IDS).collect()} == {"u1", "u2"}
    add_user(store, "u3", 2)
    assert execute(COPY, settings, DAY, store).rows_out == 3


def test_going_back_to_earlier_settings_runs_again(store: Store, settings: Settings) -> None:
    for seed in (7, 8):
        execute(COPY, settings.model_copy(update={"seed": seed}), DAY, store)
    assert execute(COPY, settings, DAY, store).status == "succeeded"


def test_a_failed_run_is_recorded_and_tried_again(store: Store, settings: Settings) -> None:
    def fail(run: Run) -> DataFrame:
        raise RuntimeError("user u1 has a secret")

    failing = Job(name="copy", reads=(USER_IDS,), writes=(ITEM_IDS,), work=Replaces(ITEM_IDS, fail), config=("seed",))
    with pytest.raises(RuntimeError):
        execute(failing, settings, DAY, store)
    (row,) = store.read(JOB_RUNS).collect()
    assert (row.status, row.error, row.output_version) == ("failed", "RuntimeError", None)
    assert execute(COPY, settings, DAY, store).status == "succeeded"


def test_a_missing_input_says_which_and_what_to_do(store: Store, settings: Settings) -> None:
    needs = Job(name="needs", reads=(ITEM_IDS,), writes=(USER_IDS,), work=Does(lambda run: None, "nothing"))
    with pytest.raises(MissingInput, match=r"silver\.item_ids.*Run the job that writes it"):
        execute(needs, settings, DAY, store)


def test_an_undeclared_read_is_refused_and_an_unfilled_rule_table_is_empty(store: Store, settings: Settings) -> None:
    def peek(run: Run) -> DataFrame:
        assert run.read(BLOCKED_ITEMS).count() == 0
        return run.read(ITEM_IDS)

    job = Job(name="peek", reads=(USER_IDS,), rules=(BLOCKED_ITEMS,), writes=(ITEM_IDS,), work=Inserts(ITEM_IDS, peek))
    with pytest.raises(ContractError, match="Add it to the job's reads"):
        execute(job, settings, DAY, store)


def test_a_dry_run_says_what_would_happen_and_writes_nothing(store: Store, settings: Settings) -> None:
    before = store.version(USER_IDS)
    text = "\n".join(plan(COPY, settings, DAY, store))
    assert f"silver.user_ids: version {before}, 1 rows" in text
    assert "replace all rows of silver.item_ids" in text
    assert not store.exists(ITEM_IDS)
    assert not store.exists(JOB_RUNS)


def test_a_declared_fault_is_one_line_and_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ConfigError("here", "this", "that", "Do so.")

    assert guarded(fail) == 2
    assert capsys.readouterr().err == "ConfigError: here: this; expected that. Do so.\n"
    assert guarded(lambda: None) == 0


def test_dates_come_from_the_command_line_or_the_settings(settings: Settings) -> None:
    assert settings.date("2017-12-01") == DAY
    assert settings.model_copy(update={"as_of": DAY}).date(None) == DAY
    with pytest.raises(ConfigError, match="--as-of"):
        settings.date(None)
    with pytest.raises(ConfigError, match="ISO date"):
        settings.date("1.12.2017")
