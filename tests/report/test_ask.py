"""Questions and answers, without a browser and without a table."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from mapping_spark.errors import ContractError, MissingInput
from mapping_spark.report.ask import MAX_ROWS, Answer, Ask
from mapping_spark.report.flow import FATES, HEIGHT, Flow
from mapping_spark.tables.store import Store

from . import shop


@pytest.fixture
def ask(spark: SparkSession, tmp_path: object) -> Ask:
    return Ask(Store(spark, str(tmp_path)), shop.DAY, ())


def test_the_date_stands_in_the_text_and_values_fit_json(ask: Ask) -> None:
    sql = "SELECT :as_of AS day, TIMESTAMP'2024-03-09 12:00:00' AS at, CAST(1.5 AS DECIMAL(18,4)) AS money, DOUBLE('NaN') AS nothing"
    answer = ask("made-up", sql)
    assert answer.sql == sql.replace(":as_of", "DATE'2024-03-10'")
    assert answer.records == [{"day": "2024-03-10", "at": "2024-03-09T12:00:00Z", "money": 1.5, "nothing": None}]


def test_an_answer_is_no_table(ask: Ask) -> None:
    assert len(ask("most", "SELECT id FROM range(5000)").rows) == MAX_ROWS == 5000
    with pytest.raises(ContractError, match="too-many: over 5000 rows"):
        ask("too-many", "SELECT id FROM range(5001)")


def test_only_declared_tables_that_are_there_are_asked(ask: Ask) -> None:
    with pytest.raises(ContractError, match="a query of gold.nothing"):
        ask("typo", "SELECT * FROM gold.nothing")
    with pytest.raises(MissingInput, match="gold.model_metrics"):
        ask("absent", "SELECT * FROM gold.model_metrics")


def test_bands_are_as_broad_as_their_records_and_leave_nobody_out() -> None:
    columns = ("source", "n_in", *FATES)
    flow = Flow("", "", Answer("records", "", columns, (("shop", 14, 10, 1, 2, 1), ("mail", 6, 6, 0, 0, 0))))
    assert [(bar.name, bar.n) for bar in flow.sources] == [("shop", 14), ("mail", 6)]
    assert [(bar.name, bar.n) for bar in flow.fates] == [("clean", 16), ("duplicates", 1), ("quarantined", 2), ("late", 1)]
    heights = {bar.name: bar.height for bar in (*flow.sources, *flow.fates)}
    assert heights["clean"] / heights["mail"] == pytest.approx(16 / 6)
    assert max(bar.y + bar.height for bar in (*flow.sources, *flow.fates)) <= HEIGHT
    assert [band.title for band in flow.bands][-1] == "mail to clean: 6"
    assert len(flow.bands) == 5  # four fates of shop, one of mail
