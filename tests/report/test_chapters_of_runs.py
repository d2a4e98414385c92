"""Chapters about events, limits, runs and lineage: which rows count, and what is said of them."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from mapping_spark.job import Does, Job
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.page import specification
from mapping_spark.report.sections import accounting, durations, lineage, quality
from mapping_spark.tables.contract import Table
from mapping_spark.tables.ops import (
    EVENT_ACCOUNTING,
    JOB_RUNS,
    RECOMMENDATION_DRIFT,
    RECOMMENDATION_PROFILE,
    TABLE_DRIFT,
    TABLE_PROFILE,
)
from mapping_spark.tables.silver import BLOCKED_ITEMS, EVENTS, INTERACTIONS, ITEM_IDS, USER_IDS

from ..views import views

DAY = dt.date(2024, 3, 10)
NOON = dt.datetime(2024, 3, 10, 12)


def run(job: str, start: float, end: float, run_id: str = "", **others: object) -> dict[str, object]:
    """A run that began and ended so many seconds after noon."""
    times = dict(started_at=NOON + dt.timedelta(seconds=start), ended_at=NOON + dt.timedelta(seconds=end))
    given = dict(run_id=run_id or f"{job} at {start}", job=job, as_of_date=DAY, status="succeeded", rows_in=100, input_versions="{}")
    return given | times | others


RUNS = [
    run("clean", 0, 10),
    run("clean", 20, 22.5, rows_in=1000),  # the latest: 2.5 s
    run("clean", 30, 90, status="failed"),
    run("clean", 40, 99, as_of_date=DAY + dt.timedelta(1)),
    run("rank", 5, 6, "a", output_version=1),
    run(
        "rank", 4, 6, "b", output_version=2, input_versions='{"silver.events": 3, "silver.blocked_items": null}'
    ),  # as late: the greater id
    run("quick", 1, 1),
]


@pytest.fixture(scope="module")
def ask(spark: SparkSession) -> Ask:
    accounts = [
        dict(source="shop", batch_id=0, n_in=7, n_clean=4, n_duplicate=1, n_quarantined=2, max_event_date=dt.date(2024, 3, 2)),
        dict(source="shop", batch_id=1, n_in=3, n_clean=2, n_late=1, max_event_date=dt.date(2024, 3, 1)),
        dict(source="mail", batch_id=0, n_in=10, n_clean=10),
    ]
    drift = dict(table_name="silver.events", measure="n_rows", baseline="none", value=6.0, verdict="kept")
    psi = drift | dict(column_name="event_type", measure="psi", as_of_date=DAY)
    limits = [
        *(drift | dict(as_of_date=DAY - dt.timedelta(n)) for n in range(-1, 25)),  # from the day after to 24 days before
        psi | dict(baseline="previous", value=0.25, verdict="warn"),
        psi | dict(baseline="reference", value=0.5, verdict="stop"),
        psi | dict(baseline="reference", measure="n_distinct", verdict="free"),
    ]
    profile = dict(table_name="silver.events", as_of_date=DAY, table_version=7, n_rows=10)
    profiles = [
        profile | dict(column_name="item_id", n_nulls=5, freshness_days=None),
        profile | dict(column_name="event_at", n_nulls=0, freshness_days=2),
        profile | dict(column_name="event_date", n_nulls=1, freshness_days=1),
        profile | dict(column_name="item_id", n_nulls=9, as_of_date=DAY - dt.timedelta(1)),
    ]
    tables = {
        EVENT_ACCOUNTING: accounts,
        TABLE_DRIFT: limits,
        RECOMMENDATION_DRIFT: [drift | dict(as_of_date=DAY, table_name="gold.recommendations")],
        TABLE_PROFILE: profiles,
        RECOMMENDATION_PROFILE: [],
        JOB_RUNS: RUNS,
    }
    return Ask(views(spark, tables), DAY, ())


def test_records_are_summed_over_batches_and_the_largest_source_stands_first(ask: Ask) -> None:
    section = accounting.section(ask)
    assert section.lead.startswith("20 records came in; 16 of them (80.0 %) went on as clean events, 2 were set aside")
    assert section.lead.endswith("to the record.")
    _, grid = section.blocks
    # tied at 10: by name
    assert [[cell.text for cell in row] for row in grid.cells] == [
        ["mail", "10", "10", "0", "0", "0", "–"],
        ["shop", "10", "6", "1", "2", "1", "2024-03-02"],
    ]


class Lost(Ask):
    """Of a table that does not add up."""

    def __call__(self, name: str, sql: str) -> Answer:
        columns = ("source", "n_in", "n_clean", "n_duplicate", "n_quarantined", "n_late", "latest_day")
        return Answer(name, sql, columns, (("shop", 10, 9, 0, 0, 0, None), ("mail", 9, 10, 0, 0, 0, None)))


def test_a_lost_record_is_told_even_where_the_sums_of_all_sources_agree(ask: Ask) -> None:
    assert accounting.section(Lost(ask.store, DAY, ())).lead.endswith("The numbers do NOT add up: see the table.")


def test_the_latest_dates_up_to_the_day_are_judged_and_readings_without_a_limit_are_not(ask: Ask) -> None:
    section = quality.section(ask)
    chart, readings, _ = section.blocks
    dates = set(readings.answer.values("as_of_date"))
    assert (min(dates), max(dates), len(dates)) == ("2024-02-16", "2024-03-10", 24)  # 23 days before, and the day itself
    assert "27 readings over 24 dates, of which 25 kept their limit, 1 warned and 1 stopped the run." in section.lead
    labels = [row["limit_on"] for row in readings.answer.records if row["column_name"] == "event_type"]
    assert labels == [
        "silver.events.event_type psi, previous",
        "silver.events.event_type psi, reference",
    ]  # a line each, not one upon another
    assert specification(chart.pictures[0])["height"] == 22 * 4
    assert [cell.text for cell in readings.cells[-1]][1:3] == ["silver.events", "event_type"]
    assert {row[2].text for row in readings.cells[:-2]} == {"(table)"}


def test_a_profile_is_that_of_the_day_with_the_freshest_of_its_columns(ask: Ask) -> None:
    *_, profiles = quality.section(ask).blocks
    assert [[cell.text for cell in row] for row in profiles.cells] == [["silver.events", "7", "10", "3", "20.0 %", "1"]]  # 6 of 30 cells


def test_the_latest_success_of_each_job_counts_in_the_order_they_began(ask: Ask) -> None:
    section = durations.section(ask)
    assert section.lead.startswith("3 jobs took 4 seconds together; the longest was clean with 2.")  # 0 + 2 + 2.5, to the even
    _, grid = section.blocks
    assert [[cell.text for cell in row[:6]] for row in grid.cells] == [
        ["quick", "2024-03-10 12:00:01", "0.0", "100", "0", "–"],  # no time, no rate
        ["rank", "2024-03-10 12:00:04", "2.0", "100", "0", "50"],
        ["clean", "2024-03-10 12:00:20", "2.5", "1,000", "0", "400"],
    ]


def test_versions_are_those_the_latest_runs_read_and_a_table_nobody_filled_has_none(ask: Ask) -> None:
    _, grid = lineage.section(ask).blocks
    rows = {row[0].text: [cell.text for cell in row[2:]] for row in grid.cells}
    assert rows["rank"] == ["2", "silver.events @ 3, silver.blocked_items @ -", "b"]
    assert rows["clean"] == ["–", "", "clean at"]  # the first eight letters


def job(name: str, writes: tuple[Table, ...], reads: tuple[Table, ...] = (), rules: tuple[Table, ...] = ()) -> Job:
    return Job(name=name, reads=reads, rules=rules, writes=writes, work=Does(lambda run: None, "nothing"))


def test_the_matrix_has_a_line_per_job_and_a_column_per_written_table() -> None:
    jobs = (
        job("clean", (EVENTS,)),
        job("ids", (USER_IDS, ITEM_IDS), reads=(EVENTS, USER_IDS)),  # what it reads and writes, it writes
        job("fold", (INTERACTIONS,), reads=(USER_IDS,), rules=(EVENTS, BLOCKED_ITEMS)),
    )
    matrix = lineage.Matrix("", "", Answer("versions", "", (), ()), jobs)
    assert matrix.tables == ["silver.events", "silver.user_ids", "silver.item_ids", "silver.interactions"]
    assert matrix.rows == [
        ("clean", ["writes", "", "", ""]),
        ("ids", ["reads", "writes", "writes", ""]),
        ("fold", ["reads", "reads", "", "writes"]),
    ]
