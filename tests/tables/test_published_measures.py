"""Every published measure from two rows, by hand: row by row, rolled up, and of rows in which nothing happened."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.tables import TABLES
from mapping_spark.tables.dictionary import view_sql
from mapping_spark.tables.frames import rows
from mapping_spark.tables.measures import measure, measure_columns, measures_sql
from tests.tables.summed import asked, filled

Case = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
CAMPAIGN: Case = (
    dict(n_sends=10, n_impressions=8, n_opens=4, n_clicks=5, n_conversions=2, n_unsubscribes=1, revenue=100, exclusive_revenue=60)
    | dict(refunds=7, discount=6, cost=4),
    dict(n_sends=30, n_impressions=32, n_opens=12, n_clicks=3, n_conversions=6, n_unsubscribes=3, revenue=20, exclusive_revenue=20)
    | dict(refunds=5, discount=0, cost=10),
    dict(
        roas=(100 + 20) / (4 + 6 + 10 + 0),
        exclusive_roas=(60 + 20) / (4 + 6 + 10 + 0),
        ctr=(5 + 3) / (8 + 32),
        cvr=(2 + 6) / (5 + 3),
        cpc=(4 + 10) / (5 + 3),
        cpm=1000 * (4 + 10) / (8 + 32),
        cpa=(4 + 10) / (2 + 6),
        open_rate=(4 + 12) / (10 + 30),
        unsubscribe_rate=(1 + 3) / (10 + 30),
        refund_rate=(7 + 5) / (100 + 20),
    ),
)
PROFILE: Case = (dict(n_rows=10, n_nulls=1), dict(n_rows=30, n_nulls=7), dict(null_share=(1 + 7) / (10 + 30)))
CASES: dict[str, Case] = {
    "gold.campaign_kpis": (
        CAMPAIGN[0] | dict(n_users=20, n_converted_users=2, gross_margin=30),
        CAMPAIGN[1] | dict(n_users=30, n_converted_users=5, gross_margin=10),
        CAMPAIGN[2]
        | dict(
            roi=(30 + 10 - 6 - 0 - 4 - 10) / (4 + 6 + 10 + 0),
            redemption_rate=(2 + 5) / (20 + 30),
            conversions_per_user=(2 + 6) / (20 + 30),
            revenue_per_user=(100 + 20) / (20 + 30),
        ),
    ),
    "gold.campaign_daily_kpis": CAMPAIGN,
    "gold.campaign_hourly_kpis": CAMPAIGN,
    "gold.campaign_daily_segment_kpis": CAMPAIGN,
    "gold.campaign_funnel": (
        dict(n_users=50, n_sent=40, n_seen=20, n_clicked=10, n_converted=5, n_converted_anyhow=7),
        dict(n_users=10, n_sent=10, n_seen=5, n_clicked=5, n_converted=1, n_converted_anyhow=2),
        dict(
            seen_share=(20 + 5) / (40 + 10),
            clicked_share=(10 + 5) / (20 + 5),
            converted_share=(5 + 1) / (10 + 5),
            conversion_rate=(7 + 2) / (50 + 10),
        ),
    ),
    "gold.user_cohorts": (dict(n_users=10, n_active_users=4), dict(n_users=30, n_active_users=3), dict(retention=(4 + 3) / (10 + 30))),
    "gold.user_activity": (
        dict(n_daily_users=2, n_monthly_users=20),
        dict(n_daily_users=6, n_monthly_users=30),
        dict(stickiness=(2 + 6) / (20 + 30)),
    ),
    "gold.experiment_sums": (
        dict(n_users=4, numerator=10, denominator=4, numerator_sq=30, denominator_sq=4, numerator_denominator=10),
        dict(n_users=1, numerator=-2, denominator=1, numerator_sq=4, denominator_sq=1, numerator_denominator=-2),
        dict(value=(10 - 2) / (4 + 1)),
    ),
    "gold.recommendation_outcomes": (
        dict(n_impressions=4, n_clicks=1, revenue=20, gross_margin=5, cost=2),
        dict(n_impressions=1, n_clicks=1, revenue=4, gross_margin=1, cost=0),
        dict(click_through_rate=(1 + 1) / (4 + 1), revenue_per_impression=(20 + 4) / (4 + 1), roi=(5 + 1 - 2 - 0) / (2 + 0)),
    ),
    "gold.uplift_bins": (
        dict(n_treated=10, n_control=5, treated_outcome=4, control_outcome=1, uplift=3),
        dict(n_treated=30, n_control=15, treated_outcome=6, control_outcome=4, uplift=-1.5),
        dict(treated_mean=(4 + 6) / (10 + 30), control_mean=(1 + 4) / (5 + 15), predicted_uplift=(3 - 1.5) / (10 + 5 + 30 + 15)),
    ),
    "gold.plan_values": (
        dict(n_users=10, weight=8, weighted_outcome=4, robust_outcome=3),
        dict(n_users=30, weight=32, weighted_outcome=6, robust_outcome=-1),
        dict(ips=(4 + 6) / (10 + 30), snips=(4 + 6) / (8 + 32), doubly_robust=(3 - 1) / (10 + 30)),
    ),
    "ops.table_profile": PROFILE,
    "ops.recommendation_profile": PROFILE,
}
"""Table to two rows (what is left out is 0) and every measure of the two together."""
EVERY = pytest.mark.parametrize("name", CASES)


def test_every_table_with_measures_is_redone_by_hand() -> None:
    measures = {table.name: {one.name for one in table.measures} for table in TABLES.values() if table.measures}
    assert {name: set(expected) for name, (_, _, expected) in CASES.items()} == measures


@EVERY
def test_two_rows_together_are_the_ratio_of_their_sums(spark: SparkSession, name: str) -> None:
    table, (one, other, expected) = TABLES[name], CASES[name]
    (by_spark,) = measure(rows(spark, table, filled(table, one), filled(table, other)), table).collect()
    (by_duckdb,) = asked(table, measures_sql(table, "t"), one, other)
    for found in (by_spark.asDict(), by_duckdb):
        assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-12)


@EVERY
def test_the_view_divides_row_by_row_by_the_same_formulas(name: str) -> None:
    table, (one, other, expected) = TABLES[name], CASES[name]
    shown = asked(table, view_sql(table, "t"), one, other)
    alone = [asked(table, measures_sql(table, "t"), row)[0] for row in (one, other)]
    for row, sums in zip(shown, alone, strict=True):
        assert {key: row[key] for key in measure_columns(table)} == {key: sums[key] for key in measure_columns(table)}
    assert any(shown[0][key] != pytest.approx(value) for key, value in expected.items())  # one row is not the whole


@EVERY
def test_where_nothing_happened_every_measure_and_every_end_is_null(spark: SparkSession, name: str) -> None:
    table = TABLES[name]
    nothing = dict.fromkeys(measure_columns(table))
    (by_spark,) = measure(rows(spark, table, filled(table, {})), table).collect()
    (by_duckdb,) = asked(table, view_sql(table, "t"), {})
    (of_no_rows,) = asked(table, measures_sql(table, "t WHERE false"), {})
    for found in (by_spark.asDict(), by_duckdb, of_no_rows):
        assert {key: found[key] for key in nothing} == nothing


@EVERY
def test_a_row_in_which_nothing_happened_changes_no_ratio(name: str) -> None:
    table, (one, other, expected) = TABLES[name], CASES[name]
    (found,) = asked(table, measures_sql(table, "t"), one, {}, other, {})
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-12)
