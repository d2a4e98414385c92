"""What BI reads: names in a catalog, the recipes of docs/bi.md on Spark and DuckDB, the same numbers without Spark."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError, EnvironmentFault
from mapping_spark.tables import PUBLISHED
from mapping_spark.tables.duck import connect, matching_files
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS, CAMPAIGN_KPIS
from mapping_spark.tables.publish import publish
from mapping_spark.tables.store import Store

from . import small_gold

PAGE = (Path(__file__).parents[1] / "docs" / "bi.md").read_text()
RECIPES = dict(re.findall(r"### ([^\n]+)\n(?:(?!###).)*?```sql\n(.*?)```", PAGE, flags=re.DOTALL))
ALL_RECIPES = re.findall(r"```sql\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def store(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The small tables, published in the session's catalog."""
    written = small_gold.write(spark, str(tmp_path_factory.mktemp("bi")))
    publish(written, "spark_catalog")
    yield written
    for layer in ("gold", "ops", "silver"):
        spark.sql(f"DROP SCHEMA {layer} CASCADE")


@pytest.fixture(scope="module")
def duck(store: Store) -> duckdb.DuckDBPyConnection:
    return connect(store.root)


def test_publishing_again_changes_nothing_and_says_what_is_missing(store: Store) -> None:
    versions = {table.name: store.version(table) for table in small_gold.ROWS}
    first, second = publish(store, "spark_catalog"), publish(store, "spark_catalog")
    assert first == second
    assert {table.name: store.version(table) for table in small_gold.ROWS} == versions
    states = {entry.name: entry.state for entry in first}
    assert states["gold.campaign_kpis_by_segment_variant_v"] == "published"
    assert {name for name, state in states.items() if state == "not written yet"} == {
        table.name for table in PUBLISHED if table not in small_gold.ROWS
    }


def test_comments_stand_beside_names(store: Store) -> None:
    table = {c.name: c.description for c in store.spark.catalog.listColumns("gold.campaign_kpis")}
    view = {c.name: c.description for c in store.spark.catalog.listColumns("gold.campaign_kpis_by_campaign_id_v")}
    assert (
        table["revenue"]
        == view["revenue"]
        == "Sales of the campaign's items to its audience while it ran; a sale may be revenue of several campaigns. [currency]"
    )
    assert str(view["redemption_rate"]).endswith("sum(n_converted_users) / sum(n_users); 95 % Wilson interval.")


def test_a_name_that_stands_for_another_folder_is_refused(store: Store, tmp_path: Path) -> None:
    other = Store(store.spark, str(tmp_path))
    other.create(CAMPAIGN_KPIS)
    with pytest.raises(ConfigError, match=r"DROP TABLE spark_catalog\.gold\.campaign_kpis"):
        publish(other, "spark_catalog")


def test_a_catalog_that_refuses_is_told_in_one_line(store: Store) -> None:
    with pytest.raises(EnvironmentFault, match=r"catalog nowhere: .*expected a catalog that takes tables and views"):
        publish(store, "nowhere")


def test_roll_ups_divide_after_they_sum(duck: duckdb.DuckDBPyConnection) -> None:
    found = duck.execute("SELECT campaign_id, roi, redemption_rate FROM gold.campaign_kpis_by_campaign_id_v ORDER BY 1").fetchall()
    assert found == [("c1", (160 / 4 - 20) / 20, 4 / 10), ("c2", (40 / 4 - 20) / 20, 0.0)]
    by_segment = duck.execute("SELECT segment, revenue_per_user FROM gold.campaign_kpis_by_segment_variant_v ORDER BY 1").fetchall()
    assert by_segment == [("north", (100 + 40) / (4 + 10)), ("south", 60 / 6)]


@pytest.mark.parametrize("query", ALL_RECIPES, ids=range(len(ALL_RECIPES)))
def test_every_recipe_gives_the_same_rows_on_spark_and_duckdb(store: Store, duck: duckdb.DuckDBPyConnection, query: str) -> None:
    on_spark = [_plain(tuple(row)) for row in store.spark.sql(query).collect()]
    assert on_spark
    assert [_plain(row) for row in duck.execute(query).fetchall()] == on_spark


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Times without a zone (both are UTC), money and shares as doubles to nine digits."""
    return tuple(_value(value) for value in row)


def _value(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    return round(float(value), 9) if isinstance(value, float | Decimal) else value


def test_recipes_say_what_they_promise(duck: duckdb.DuckDBPyConnection) -> None:
    stages = duck.execute(RECIPES["Share of recommendation slots by stage"]).fetchall()
    assert stages == [("model", 3, 3 / 4), ("popular", 1, 1 / 4)]
    listed = duck.execute(RECIPES["A household's list with its reasons"]).fetchall()
    assert [row[:4] for row in listed] == [("u1", 1, "milk", "MILK"), ("u1", 2, "bread", "BREAD")]
    (behind,) = duck.execute(RECIPES["From a recommendation to the run and the versions behind it"]).fetchall()
    assert (behind[0], behind[4], behind[7]) == ("u1-1", "run1", small_gold.VERSIONS)


def test_recipes_about_campaigns_say_what_they_promise(duck: duckdb.DuckDBPyConnection) -> None:
    north, south = duck.execute(RECIPES["ROI and revenue per euro of a model version in a segment"]).fetchall()
    # u1 gained 20 / 4 - 3 = 2 for 3, u2 8 / 4 - 1 = 1 for 1: 3 / 4, and each is .25 off what that return gives
    half = 1.96 * (2 * 0.25**2) ** 0.5 / 4
    assert (north[4:7], north[10]) == (("north", 2, 8), 28 / 4)
    assert north[11:] == pytest.approx((0.75, 0.75 - half, 0.75 + half))
    assert (south[4:6], south[10:]) == (("south", 1), (None,) * 4)  # nothing was spent
    verdicts = duck.execute(RECIPES["Experiments: effect, verdict and reason"]).fetchall()
    assert [(row[1], row[3], row[-2]) for row in verdicts] == [
        ("conversion_rate", "primary", "better"),
        ("discount_per_user", "guardrail", "guardrail_held"),
    ]
    (effect,) = duck.execute(RECIPES["Effect of a campaign without a holdout, beside its placebos"]).fetchall()
    assert effect[3:] == (3.0, 2.0, 4.0, 2, -1.0, 2.0, 1 / 3, 1.5)
    credits = duck.execute(RECIPES["Attribution by method, side by side"]).fetchall()
    assert [(row[0], row[1], row[-1]) for row in credits] == [("mail", 3, 2), ("web", 1, 2)]
    planned = duck.execute(RECIPES["Whom to send what next: the plan by segment and channel"]).fetchall()
    assert [row[1:] for row in planned] == [("north", "mail", 2, 1.0, 2.0, 8.0), ("south", "mail", 1, 0.5, 1.0, 4.0)]
    cohorts = duck.execute(RECIPES["Cohorts: who comes back, week by week"]).fetchall()
    assert [row[1:5] for row in cohorts] == [(1, 10, 4, 4 / 10), (1, 30, 3, 3 / 30)]
    (forecast,) = duck.execute(RECIPES["KPI forecast with bands"]).fetchall()
    assert forecast[2:6] == ("ets", 9.0, 0.0, 12.0)


def test_the_python_of_the_page_runs(store: Store) -> None:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(block.replace('"warehouse', f'"{store.root}').replace("'18'", "'c1'"), names)  # noqa: S102
    assert list(names["frame"]["campaign_id"]) == ["c1", "c2"]
    assert names["revenue"] == (1 + 2 + 3,)


@pytest.mark.parametrize("table", small_gold.ROWS, ids=lambda table: table.name)
def test_every_reader_finds_the_same_rows(store: Store, duck: duckdb.DuckDBPyConnection, table: Any) -> None:
    folder = store.location(table)
    lazily = pl.scan_delta(folder).collect()
    counts = {
        "spark": store.count(table),
        "deltalake": sum(batch.num_rows for batch in DeltaTable(folder).scan()),
        "polars": len(lazily),
        "pandas": len(lazily.to_pandas()),
        "duckdb": duck.table(table.name).aggregate("count(*)").fetchall()[0][0],
    }
    assert set(counts.values()) == {len(small_gold.ROWS[table])}, counts


def test_every_reader_sums_the_same_money(store: Store, duck: duckdb.DuckDBPyConnection) -> None:
    lazily = pl.scan_delta(store.location(CAMPAIGN_KPIS)).collect()
    sums = [
        store.read(CAMPAIGN_KPIS).agg({"revenue": "sum"}).collect()[0][0],
        lazily["revenue"].sum(),
        lazily.to_pandas()["revenue"].sum(),
        duck.execute("SELECT sum(revenue) FROM gold.campaign_kpis").fetchall()[0][0],
    ]
    assert set(sums) == {200}


def test_the_layout_lets_a_filter_skip_files(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mapping_spark.tables.store._ROWS_PER_FILE", 10)
    wide = Store(store.spark, str(tmp_path))
    wide.create(CAMPAIGN_DAILY_KPIS)
    made = store.spark.sql(
        "SELECT format_string('c%02d', c) AS campaign_id, 'mailed' AS variant, date_add(DATE'2024-01-01', CAST(d AS INT)) AS date,"
        " 0L AS n_sends, 0L AS n_impressions, 0L AS n_clicks, 0L AS n_conversions, CAST(1 AS DECIMAL(18,4)) AS revenue,"
        " CAST(0 AS DECIMAL(18,4)) AS discount, CAST(0 AS DECIMAL(18,4)) AS cost, CAST(0 AS DECIMAL(18,4)) AS gross_margin"
        " FROM (SELECT explode(sequence(0, 19)) AS c) JOIN (SELECT explode(sequence(0, 59)) AS d)"
    )
    added = {c.name: F.lit(None).cast(c.type) for c in CAMPAIGN_DAILY_KPIS.columns if c.name not in made.columns}
    wide.replace_slice(CAMPAIGN_DAILY_KPIS, made.withColumns(added), {})
    table = DeltaTable(wide.location(CAMPAIGN_DAILY_KPIS))
    n_files = len(table.file_uris())
    assert n_files >= 20 * 60 / 10
    campaign, month = matching_files(table, "campaign_id = 'c07'"), matching_files(table, "date = '2024-02-03'")
    assert len(campaign) <= 0.1 * n_files  # 6 or 7 files of 10 days, and those at the borders of its neighbours
    assert len(month) <= 0.55 * n_files  # one month of two, days are sorted within a campaign
    answered = duckdb.execute("SELECT count(*) FROM read_parquet(?) WHERE campaign_id = 'c07'", [campaign]).fetchall()
    assert answered == [(60,)]
