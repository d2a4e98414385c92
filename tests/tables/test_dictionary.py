from __future__ import annotations

import subprocess
import sys

import pytest
from pyspark.sql import SparkSession

from mapping_spark.errors import ConfigError
from mapping_spark.tables import TABLES
from mapping_spark.tables.contract import Check, Column, Measure, Table
from mapping_spark.tables.dictionary import create_view_sql, dictionary_rows, table_markdown, view_name, view_sql
from mapping_spark.tables.gold import CAMPAIGN_KPIS
from mapping_spark.tables.measures import measure_columns

SHOPS = Table(
    name="gold.shops",
    grain="one row per shop",
    columns=(
        Column("shop", "string", "Shop."),
        Column("town", "string", "Town | village; null where none.", nullable=True),
        Column("visits", "bigint", "Visits.", unit="visits"),
        Column("sales", "decimal(18,4)", "The day's sales.", unit="currency"),
    ),
    primary_key=("shop",),
    partition_by=("town",),
    checks=(Check(name="visits_not_negative", condition="visits >= 0"),),
    measures=(Measure(name="sales_per_visit", numerator="sales", denominator="visits", doc="Sales per visit"),),
)
TWO_SHOPS = "(SELECT * FROM VALUES ('a', 'x', 4, 10.0), ('b', 'x', 0, 0.0) AS t(shop, town, visits, sales))"


def test_rows_hold_every_column_then_every_measure() -> None:
    assert dictionary_rows(SHOPS) == [
        ("shop", "string", "key", "Shop."),
        ("town", "string", "partition, null allowed", "Town | village; null where none."),
        ("visits", "bigint", "", "Visits. [visits]"),
        ("sales", "decimal(18,4)", "", "The day's sales. [currency]"),
        ("sales_per_visit", "double", "measure", "Sales per visit = sum(sales) / sum(visits); no interval."),
    ]


def test_markdown_of_a_table() -> None:
    lines = table_markdown(SHOPS).splitlines()
    assert lines[:3] == ["### `gold.shops`", "", "One row per shop. Key: `shop`."]
    assert "| `town` | string | partition, null allowed | Town \\| village; null where none. |" in lines
    assert lines[-1] == "- `visits_not_negative`: `visits >= 0`"


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_measure_is_named_like_a_column(table: Table) -> None:
    assert not set(measure_columns(table)) & set(table.column_names)


def test_a_view_shows_stored_columns_and_measures_row_by_row(spark: SparkSession) -> None:
    found = {row.shop: row for row in spark.sql(view_sql(SHOPS, TWO_SHOPS)).collect()}
    assert (found["a"].sales, found["a"].sales_per_visit, found["b"].sales_per_visit) == (10, 10 / 4, None)
    assert tuple(found["a"].asDict()) == (*SHOPS.column_names, "sales_per_visit")


def test_a_created_view_carries_the_docs(spark: SparkSession) -> None:
    view = f"default.{view_name(SHOPS)}"
    spark.sql(create_view_sql(SHOPS, "default", TWO_SHOPS))
    comments = {column.name: column.description for column in spark.catalog.listColumns(view)}
    spark.sql(f"DROP VIEW {view}")
    assert comments["sales"] == "The day's sales. [currency]"
    assert comments["sales_per_visit"] == "Sales per visit = sum(sales) / sum(visits); no interval."


def test_the_campaign_view_can_be_analysed(spark: SparkSession) -> None:
    columns = ", ".join(f"CAST(NULL AS {column.type}) AS {column.name}" for column in CAMPAIGN_KPIS.columns)
    frame = spark.sql(view_sql(CAMPAIGN_KPIS, f"(SELECT {columns})"))
    assert {"roi", "roi_low", "roi_high", "redemption_rate_low", "roas"} <= set(frame.columns)


def test_the_name_of_a_view_is_never_pasted() -> None:
    with pytest.raises(ConfigError):
        create_view_sql(SHOPS, "gold.x; DROP TABLE x", "gold.shops")


def test_the_dictionary_needs_no_spark() -> None:
    code = "import sys, mapping_spark.tables.dictionary; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
