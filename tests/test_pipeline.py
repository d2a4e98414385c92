"""All jobs in one run: what is said of each, and where it stops."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from mapping_spark.errors import QualityError
from mapping_spark.job import Does, Job, Outcome, Run
from mapping_spark.pipeline import run_all
from mapping_spark.settings import Settings
from mapping_spark.tables.contract import Table
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.silver import BLOCKED_ITEMS, ITEM_IDS, USER_IDS
from mapping_spark.tables.store import Store

DAY = dt.date(2024, 3, 10)


def job(name: str, table: Table, begun: list[str], fault: Exception | None = None) -> Job:
    def work(run: Run) -> int:
        begun.append(run.job.name)
        if fault is not None:
            raise fault
        return 3

    return Job(name=name, writes=(table,), work=Does(work, f"do {name}"))


def test_jobs_run_in_turn_until_one_fails_and_go_on_from_there(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, settings, begun = Store(spark, str(tmp_path)), Settings(sources=[]), list[str]()
    poor = QualityError("silver.events", "9 of 10 rejected", "at most 1 %", "Look at silver.quarantine.")
    first, third = job("first", USER_IDS, begun), job("third", BLOCKED_ITEMS, begun)
    with pytest.raises(QualityError):
        run_all(settings, DAY, store, [first, job("second", ITEM_IDS, begun, poor), third])
    assert begun == ["first", "second"]
    assert capsys.readouterr().out.splitlines()[0].startswith(" 1/3 first: 3 rows in, 0 out, ")
    runs = {row.job: (row.status, row.error) for row in store.read(JOB_RUNS).collect()}
    assert runs == {"first": ("succeeded", None), "second": ("failed", str(poor))}
    outcomes = run_all(settings, DAY, store, [first, job("second", ITEM_IDS, begun)])
    assert [outcome.status for outcome in outcomes] == ["unchanged", "succeeded"]
    assert begun == ["first", "second", "second"]
    said = capsys.readouterr().out.splitlines()
    assert said[0] == " 1/2 first: unchanged, same inputs, settings and code as the last run"
    assert said[1].startswith(" 2/2 second: 3 rows in, ")


def test_a_dry_run_says_what_each_would_do_and_does_nothing(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[str] = []
    jobs = [job("first", USER_IDS, begun), job("second", ITEM_IDS, begun)]
    assert run_all(Settings(sources=[]), DAY, Store(spark, str(tmp_path)), jobs, dry_run=True) == []
    assert (begun, list(tmp_path.iterdir())) == ([], [])
    said = capsys.readouterr().out
    assert said.index("first as of 2024-03-10") < said.index("do first") < said.index("second as of 2024-03-10") < said.index("do second")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome("fit", "succeeded", 2.0, 3000, 1234, 2048), "fit: 3,000 rows in, 1,234 out, 2.0 s, 1,500 rows/s, peak 2,048 MB"),
        (Outcome("fit", "succeeded", 0.0, 3000, 0, 1), "fit: 3,000 rows in, 0 out, 0.0 s, 0 rows/s, peak 1 MB"),  # too fast to tell
        (Outcome("fit", "unchanged"), "fit: unchanged, same inputs, settings and code as the last run"),
    ],
)
def test_an_outcome_is_one_line(outcome: Outcome, said: str) -> None:
    assert str(outcome) == said
