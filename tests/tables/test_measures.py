from __future__ import annotations

import math
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.errors import ContractError
from mapping_spark.tables.contract import Column, Measure, Table
from mapping_spark.tables.measures import Z_95, additive_columns, measure, measures_sql
from mapping_spark.tables.silver import ITEMS

NUMBERS = ("n_users", "n_buyers", "sales", "sales_sq", "spend", "spend_sq", "sales_spend")
SHOPS = Table(
    name="gold.shops",
    grain="one row per (shop, day)",
    columns=(
        Column("shop", "string", "Shop."),
        Column("day", "int", "Day of the month: a number, but of the key."),
        *(Column(name, "double", "Adds up.") for name in NUMBERS),
    ),
    primary_key=("shop", "day"),
    measures=(
        Measure(name="buying_rate", numerator="n_buyers", denominator="n_users", doc="Share.", interval="wilson"),
        Measure(name="sales_per_user", numerator="sales", denominator="n_users", doc="Mean.", interval="normal", squares="sales_sq"),
        Measure(
            name="roas",
            numerator="sales",
            denominator="spend",
            doc="Ratio.",
            interval="normal",
            squares="sales_sq",
            denominator_squares="spend_sq",
            products="sales_spend",
        ),
        Measure(name="spend_share", numerator="spend", denominator="sales - spend", doc="No interval."),
    ),
)


def shops(spark: SparkSession, *days: tuple[str, int, list[tuple[float, float]]]) -> DataFrame:
    """One row per (shop, day) with the sums over its users' (sales, spend)."""
    records = []
    for shop, day, users in days:
        sums = (sum(s for s, _ in users), sum(s * s for s, _ in users), sum(p for _, p in users), sum(p * p for _, p in users))
        buyers = sum(s > 0 for s, _ in users)
        numbers = (len(users), buyers, *sums, sum(s * p for s, p in users))
        records.append(f"('{shop}', {day}, " + ", ".join(f"{float(number)!r}D" for number in numbers) + ")")
    values = ", ".join(records)
    return spark.sql(f"VALUES {values}").toDF("shop", "day", *NUMBERS)


def one(frame: DataFrame) -> dict[str, Any]:
    rows = [row.asDict() for row in frame.collect()]
    assert len(rows) == 1
    return rows[0]


def test_wilson_interval_of_three_in_ten(spark: SparkSession) -> None:
    users = [(1.0, 0.0)] * 3 + [(0.0, 0.0)] * 7
    found = one(measure(shops(spark, ("a", 1, users)), SHOPS, "shop"))
    centre = (3 + Z_95**2 / 2) / (10 + Z_95**2)
    half = Z_95 * math.sqrt(3 * 7 / 10 + Z_95**2 / 4) / (10 + Z_95**2)
    assert found["buying_rate"] == pytest.approx(3 / 10)
    assert (found["buying_rate_low"], found["buying_rate_high"]) == pytest.approx((centre - half, centre + half))
    assert (found["buying_rate_low"], found["buying_rate_high"]) == pytest.approx((0.1078, 0.6032), abs=5e-5)  # as in any table


def test_wilson_interval_of_none_starts_at_zero(spark: SparkSession) -> None:
    found = one(measure(shops(spark, ("a", 1, [(0.0, 0.0)] * 10)), SHOPS, "shop"))
    assert found["buying_rate_low"] == pytest.approx(0)
    assert found["buying_rate_high"] == pytest.approx(Z_95**2 / (10 + Z_95**2))


def test_interval_of_a_mean(spark: SparkSession) -> None:
    found = one(measure(shops(spark, ("a", 1, [(1.0, 0.0), (2.0, 0.0), (6.0, 0.0)])), SHOPS, "shop"))
    variance_of_mean = ((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 3 / 3
    assert found["sales_per_user"] == 3
    assert found["sales_per_user_high"] - 3 == pytest.approx(Z_95 * math.sqrt(variance_of_mean))
    assert 3 - found["sales_per_user_low"] == pytest.approx(Z_95 * math.sqrt(variance_of_mean))


def test_interval_of_a_ratio_is_that_of_its_residuals(spark: SparkSession) -> None:
    users = [(4.0, 1.0), (3.0, 2.0), (8.0, 2.0)]
    found = one(measure(shops(spark, ("a", 1, users)), SHOPS, "shop"))
    residuals = [sales - 15 / 5 * spend for sales, spend in users]
    assert found["roas"] == 15 / 5
    assert found["roas_high"] - 3 == pytest.approx(Z_95 * math.sqrt(sum(r * r for r in residuals)) / 5)


def test_a_roll_up_equals_the_rows_it_was_made_of(spark: SparkSession) -> None:
    first, second = [(4.0, 1.0), (0.0, 2.0)], [(8.0, 2.0), (1.0, 1.0), (0.0, 0.0)]
    apart = one(measure(shops(spark, ("a", 1, first), ("a", 2, second)), SHOPS, "shop"))
    together = one(measure(shops(spark, ("a", 1, first + second)), SHOPS, "shop"))
    assert apart == pytest.approx(together)
    assert apart["roas"] == 13 / 6  # not the mean of 4/3 and 9/3


def test_an_empty_denominator_gives_null(spark: SparkSession) -> None:
    found = one(measure(shops(spark, ("a", 1, [])), SHOPS))
    names = [measure.name for measure in SHOPS.measures]
    assert {name: found[name] for name in (*names, "buying_rate_low", "sales_per_user_high", "roas_low")} == dict.fromkeys(
        (*names, "buying_rate_low", "sales_per_user_high", "roas_low")
    )


def test_no_spread_gives_the_ratio_without_an_interval(spark: SparkSession) -> None:
    found = one(measure(shops(spark, ("a", 1, [(0.1, 0.3)])), SHOPS))
    assert found["roas"] == pytest.approx(1 / 3)
    assert (found["roas_low"], found["sales_per_user_high"]) == (None, None)


def test_sql_and_frame_agree(spark: SparkSession) -> None:
    frame = shops(spark, ("a", 1, [(4.0, 1.0), (3.0, 2.0)]), ("b", 1, [(1.0, 1.0)]), ("b", 2, [(5.0, 2.0)]))
    frame.createOrReplaceTempView("shops_of_this_test")
    by_sql = spark.sql(measures_sql(SHOPS, "shops_of_this_test", ["shop"])).orderBy("shop").collect()
    assert [row.asDict() for row in measure(frame, SHOPS, "shop").orderBy("shop").collect()] == [row.asDict() for row in by_sql]
    assert len(spark.sql(measures_sql(SHOPS, "shops_of_this_test")).collect()) == 1
    spark.catalog.dropTempView("shops_of_this_test")


def test_numbers_of_the_key_do_not_add_up() -> None:
    assert additive_columns(SHOPS) == NUMBERS


@pytest.mark.parametrize(("table", "group"), [(SHOPS, "sales"), (SHOPS, "town"), (ITEMS, "brand")])
def test_a_roll_up_over_anything_else_is_refused(table: Table, group: str) -> None:
    with pytest.raises(ContractError):
        measures_sql(table, "anywhere", [group])
