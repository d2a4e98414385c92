"""What is read out of the ledger: whose run wrote what was read, and how it is printed."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable

import pytest
from pyspark.sql import Row, SparkSession

from mapping_spark.errors import ConfigError, MissingInput
from mapping_spark.job import Does, Job
from mapping_spark.lineage import latest_runs, ledger, runs_of, show, show_runs, trace
from mapping_spark.tables.contract import Table
from mapping_spark.tables.gold import MODEL_RUNS, RECOMMENDATIONS
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.silver import BLOCKED_ITEMS, EVENTS, ITEM_IDS, USER_IDS

from .views import Views, views

DAY = dt.date(2024, 3, 10)
NOON = dt.datetime(2024, 3, 10, 12)


def job(name: str, reads: tuple[Table, ...], writes: tuple[Table, ...]) -> Job:
    return Job(name=name, reads=reads, writes=writes, work=Does(lambda run: None, "nothing"))


JOBS = [job("clean", (), (EVENTS,)), job("ids", (EVENTS, USER_IDS), (USER_IDS, ITEM_IDS)), job("rank", (ITEM_IDS,), (RECOMMENDATIONS,))]


def ran(name: str, begins: int, ends: int, **facts: object) -> dict[str, object]:
    """A run between two minutes after noon."""
    times = dict(started_at=NOON + dt.timedelta(minutes=begins), ended_at=NOON + dt.timedelta(minutes=ends))
    given = dict(run_id=f"{name}-{begins}-long-id", job=name, as_of_date=DAY, status="succeeded", input_versions="{}", output_version=1)
    return given | dict(output_table=next(one.writes[0].name for one in JOBS if one.name == name)) | times | facts


def reading(**versions: int | None) -> str:
    return json.dumps({f"silver.{name}": version for name, version in versions.items()})


RAN = [
    ran("rank", 9, 10, input_versions=reading(item_ids=4, blocked_items=None), output_version=7, rows_out=1234),
    ran("ids", 7, 8, status="failed", output_version=None, error="no disk"),
    ran("ids", 5, 9, input_versions=reading(events=2, user_ids=3)),  # ended as rank began: it was read
    ran("clean", 4, 5),  # ended as ids began
    ran("clean", 4, 6, run_id="later"),
    ran("clean", 1, 2, as_of_date=DAY - dt.timedelta(1)),
]


@pytest.fixture(scope="module")
def store(spark: SparkSession) -> Views:
    recommendation = dict(
        recommendation_id="r1", as_of_date=DAY, user_id="u1", rank=1, item_id="milk", stage="model", model="als", run_id="m"
    )
    tables = {
        JOB_RUNS: RAN,
        RECOMMENDATIONS: [recommendation | dict(reason="bought [twice]"), recommendation | dict(recommendation_id="r2", run_id="gone")],
        MODEL_RUNS: [dict(run_id="m", model="als", seed=7, config="{}", input_versions="{}", artifact_uri="models/m", code_version="1+a")],
    }
    return views(spark, tables)


def test_runs_of_a_date_are_its_successes_latest_first(store: Views) -> None:
    assert [row.run_id for row in runs_of(store, DAY)] == ["rank-9-long-id", "ids-5-long-id", "later", "clean-4-long-id"]


def test_a_run_that_ended_when_the_reading_one_began_is_behind_it_and_a_later_one_is_not(store: Views) -> None:
    origins = trace(JOBS, runs_of(store, DAY), RECOMMENDATIONS.name)
    found = [(origin.depth, origin.table, origin.version, origin.run.run_id if origin.run else None) for origin in origins]
    assert found == [
        (0, "gold.recommendations", 7, "rank-9-long-id"),
        (1, "silver.item_ids", 4, "ids-5-long-id"),
        (1, "silver.blocked_items", None, None),  # no job writes it
        (2, "silver.events", 2, "clean-4-long-id"),
        (2, "silver.user_ids", 3, None),  # what ids read of its own table an earlier run of it had written, which the ledger lacks
    ]


def test_a_second_table_of_a_job_has_no_version_of_its_own_in_the_ledger() -> None:
    (first, *_), (second, *_) = (trace(JOBS, [Row(**RAN[2])], table.name) for table in (USER_IDS, ITEM_IDS))
    assert (first.version, second.version) == (1, None)
    assert first.run == second.run


def test_jobs_that_read_each_other_s_tables_come_to_an_end() -> None:
    both = [job("a", (ITEM_IDS,), (USER_IDS,)), job("b", (USER_IDS,), (ITEM_IDS,))]
    runs = [dict(started_at=NOON, ended_at=NOON, run_id=name, output_version=1) for name in "ab"]
    rows = [
        Row(**runs[0], job="a", output_table=USER_IDS.name, input_versions=reading(item_ids=1)),
        Row(**runs[1], job="b", output_table=ITEM_IDS.name, input_versions=reading(user_ids=1)),
    ]
    assert [origin.table for origin in trace(both, rows, USER_IDS.name)] == [USER_IDS.name, ITEM_IDS.name]


def test_the_lineage_of_a_recommendation_begins_with_its_row_and_its_model(store: Views, capsys: pytest.CaptureFixture[str]) -> None:
    show(store, JOBS, BLOCKED_ITEMS.name, dt.date(2000, 1, 1), "r1")  # its own table and date count
    printed = capsys.readouterr().out
    assert "u1 as of 2024-03-10, rank 1: item milk, stage model, model als (bought [twice])" in printed
    assert "weights models/m, code 1+a" in printed
    assert "Lineage of gold.recommendations as of 2024-03-10" in printed
    lines = [line for line in printed.splitlines() if line.startswith("│")]
    assert [line.split("│")[1].rstrip() for line in lines] == [
        " gold.recommendations", "   silver.item_ids", "   silver.blocked_items", "     silver.events", "     silver.user_ids",
    ]  # fmt: skip
    show(store, JOBS, RECOMMENDATIONS.name, DAY, "r2")  # of a model whose run is gone
    assert "weights" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ask", "fault", "told"),
    [
        (lambda store: show(store, JOBS, "gold.nothing", DAY), ConfigError, r"no table 'gold\.nothing'; expected one of \['bronze"),
        (
            lambda store: show(store, JOBS, EVENTS.name, DAY - dt.timedelta(9)),
            MissingInput,
            r"silver\.events as of 2024-03-01: no successful",
        ),
        (lambda store: show(store, JOBS, BLOCKED_ITEMS.name, DAY), MissingInput, r"blocked_items as of .*Run the job that writes it first"),
        (lambda store: show(store, JOBS, EVENTS.name, DAY, "r9"), MissingInput, "no recommendation 'r9'.*replaced when it runs again"),
    ],
)
def test_what_is_not_there_is_told(store: Views, ask: Callable[[Views], None], fault: type[Exception], told: str) -> None:
    with pytest.raises(fault, match=told):
        ask(store)


def test_the_ledger_is_that_of_one_job_or_of_all_and_the_latest_come_first(store: Views) -> None:
    assert ledger(store, None).count() == len(RAN)
    assert [row.status for row in latest_runs(ledger(store, "ids"), 9)] == ["succeeded", "failed"]
    assert [row.run_id for row in latest_runs(ledger(store, None), 2)] == ["rank-9-long-id", "ids-5-long-id"]
    assert latest_runs(ledger(store, "nobody"), 2) == []


def test_times_are_printed_in_utc_whatever_the_zone_of_the_machine(
    store: Views, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        show_runs(latest_runs(ledger(store, "rank"), 1))
        show(store, JOBS, RECOMMENDATIONS.name, DAY)
    finally:
        monkeypatch.undo()
        time.tzset()
    row, *origins = ([cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines() if line[:1] == "│")
    assert row == ["rank-9-l", "rank", "2024-03-10", "succeeded", "2024-03-10 12:09:00", "60.0", "0", "1,234", "7", "-"]
    assert [origin[4] for origin in origins[:2]] == ["2024-03-10 12:10:00", "2024-03-10 12:09:00"]
