"""What an answer holds, and what becomes of the names and values of a question."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession

from mapping_spark.errors import MissingInput
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.tables.gold import MODEL_RUNS
from mapping_spark.tables.ops import JOB_RUNS

from ..views import views

DAY = dt.date(2024, 3, 10)


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT 1", ()),
        ("SELECT * FROM gold.model_runs", ("gold.model_runs",)),
        ("SELECT * FROM ops.job_runs AS a JOIN gold.model_runs AS b JOIN ops.job_runs AS c", ("ops.job_runs", "gold.model_runs")),
        ("WITH runs AS (SELECT * FROM ops.job_runs) SELECT * FROM runs", ("ops.job_runs",)),
        ("SELECT gold.model_runs.seed FROM elsewhere.model_runs", ()),  # a column, and no layer of ours
        ("SELECT * FROM (SELECT * FROM silver.items)", ("silver.items",)),
    ],
)
def test_an_answer_names_each_table_it_was_asked_of_once_in_the_order_of_the_text(sql: str, tables: tuple[str, ...]) -> None:
    assert Answer("some", sql, (), ()).tables == tables


def test_rows_are_read_as_records_columns_and_totals() -> None:
    answer = Answer("some", "", ("source", "n"), (("a", 2), ("b", None), ("a", 3)))
    assert answer.records == [{"source": "a", "n": 2}, {"source": "b", "n": None}, {"source": "a", "n": 3}]
    assert answer.values("source") == ["a", "b", "a"]
    assert answer.total("n") == 2 + 3  # null counts nothing
    assert Answer("none", "", ("n",), ()).total("n") == 0
    with pytest.raises(ValueError, match="not in tuple"):
        answer.values("m")


def test_two_tables_are_joined_by_name_and_the_text_stays_as_it_was_asked(spark: SparkSession) -> None:
    runs = [dict(run_id=name, job=name, as_of_date=DAY) for name in ("fit", "rank")]
    store = views(spark, {JOB_RUNS: runs, MODEL_RUNS: [dict(run_id="fit", model="als", seed=7)]})
    sql = "SELECT job, model FROM ops.job_runs AS j\nLEFT JOIN gold.model_runs AS m ON m.run_id = j.run_id ORDER BY job"
    answer = Ask(store, DAY, ())("joined", f"\n{sql}\n")
    assert (answer.sql, answer.columns, answer.rows) == (sql, ("job", "model"), (("fit", "als"), ("rank", None)))
    with pytest.raises(MissingInput, match=r"gold\.promotions: nothing at .*gold/promotions; .*Run the job that writes it first"):
        Ask(store, DAY, ())("missing", "SELECT 1 FROM ops.job_runs JOIN gold.promotions")


def test_values_are_those_that_json_can_hold(spark: SparkSession) -> None:
    values = {
        "CAST(0.1 AS DECIMAL(18,4))": 0.1,
        "DOUBLE('-Infinity')": None,
        "FLOAT('NaN')": None,
        "CAST(NULL AS DATE)": None,
        "DATE'0999-12-31'": "0999-12-31",
        "TIMESTAMP'1969-12-31 23:59:59.999'": "1969-12-31T23:59:59Z",  # before 1970, whole seconds
        "TRUE": True,
        "9007199254740993": 9007199254740993,  # no double
        "'<b>'": "<b>",
    }
    (row,) = Ask(views(spark, {}), DAY, ())("kinds", f"SELECT {', '.join(values)}").rows
    assert row == tuple(values.values())
    assert [type(value) for value in row] == [type(value) for value in values.values()]
    assert not any(isinstance(value, Decimal) for value in row)


def test_times_are_utc_whatever_the_zone_of_the_machine(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:  # 05:30 and 06:30 UTC are both half past one there, on the night on which clocks go back
        sql = "SELECT explode(array(TIMESTAMP'2024-11-03 05:30:00', TIMESTAMP'2024-11-03 06:30:00', TIMESTAMP'2024-07-01 00:00:00'))"
        assert Ask(views(spark, {}), DAY, ())("times", sql).rows == (
            ("2024-11-03T05:30:00Z",),
            ("2024-11-03T06:30:00Z",),
            ("2024-07-01T00:00:00Z",),
        )
    finally:
        monkeypatch.undo()
        time.tzset()
