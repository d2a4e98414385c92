"""Every declared check by rows: one at its border that it keeps, one a step beyond that breaks it and nothing else."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.tables import TABLES
from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import rows
from mapping_spark.tables.quality import violations

DAY, NEXT = dt.date(2000, 1, 1), dt.date(2000, 1, 2)
START, SOONER = dt.datetime(2000, 1, 1), dt.datetime(1999, 12, 31, 23, 59, 59, 999_999)
MICRO = dt.datetime(2000, 1, 1, 0, 0, 0, 1)
LEAST, STEP = 5e-324, Decimal("0.0001")  # the smallest double above 0, the smallest step of decimal(18,4)
PAIR = {"first_bucket": 0, "last_bucket": 9_999}

KEEPS: dict[str, list[dict[str, Any]]] = {
    "bronze.raw_events": [{"payload_encoding": "utf-8"}, {"payload_encoding": "base64", "source_offset": 2**63 - 1}],
    "silver.quarantine": [{"reason_codes": "x"}],
    "silver.items": [{"item_id": "i"}, {"item_id": "i", "price": Decimal(0)}],
    "silver.users": [{"user_id": " u "}],
    "silver.interactions": [{"weight": LEAST, "n_events": 1}],
    "silver.campaigns": [{"start_at": START, "end_at": MICRO}, {}],  # one microsecond, and without an end
    "silver.campaign_audience": [{"variant": "a"}],
    "silver.external_assignments": [{"variant": "a"}],
    "silver.campaign_assignments": [{"variant": "a"}],
    "silver.campaign_items": [{"item_id": "i"}],
    "silver.currency_rates": [{"rate": Decimal("0.00000001")}, {"rate": Decimal(1), "valid_from": DAY, "valid_to": NEXT}],
    "silver.blocked_items": [{"reason": "r"}],
    "silver.campaign_allocations": [PAIR, {"first_bucket": 9_999, "last_bucket": 9_999}],
    "gold.recommendations": [{"rank": 1, "stage": stage} for stage in ("model", "similar", "segment_popular", "popular")],
    "gold.similar_items": [{"rank": 1, "item_id": "a", "similar_item_id": "b"}],
    "gold.training_epochs": [{"waiting_share": 0.0}, {"waiting_share": 1.0}],
    "gold.model_metrics": [{"k": 1, "ci_low": 0.5, "ci_high": 0.5}, {"k": 1, "ci_low": 0.5}],
    "gold.metric_replicates": [{"k": 1, "means": [0.5, 0.5]}],
    "gold.model_distributions": [{"k": 1, "n": 1, "quantity": name} for name in ("item_popularity", "score")],
    "gold.promotions": [{"verdict": name} for name in ("promoted", "rejected", "kept", "rollback")],
    "gold.campaign_outcomes": [{}, {"is_converted": True, "n_conversions": 1, "first_conversion_at": START}],
    "gold.campaign_kpis": [{"n_users": 2, "n_converted_users": 2}],
    "gold.campaign_reach": [{"n_users": 1}],
    "gold.campaign_funnel": [dict.fromkeys(("n_users", "n_sent", "n_seen", "n_clicked", "n_converted"), 3)],
    "gold.conversion_delays": [{"n_users": 1, "days": -3}],
    "gold.user_cohorts": [{"n_users": 3, "n_active_users": 3}],
    "gold.user_activity": [{"n_daily_users": 3, "n_weekly_users": 3, "n_monthly_users": 3}],
    "gold.published_campaign_kpis": [{"is_withheld": True}, {"is_withheld": False, "n_users": 0}],
    "gold.campaign_assignment_counts": [{"n_users": 1}],
    "gold.experiment_sums": [{"n_users": 1, "numerator": -2.0, "numerator_sq": 4.0}],
    "gold.experiment_results": [{"verdict": "no_verdict"}, {"verdict": "guardrail_not_shown", "ci_low": -0.5, "ci_high": -0.5}],
    "gold.experiment_looks": [{"n_control_users": 1, "always_valid_low": 0.5, "always_valid_high": 0.5}],
    "gold.attributed_conversions": [{"conversions": Decimal(1)}],
    "gold.channel_attribution": [{"removal_effect": 0.0}, {"removal_effect": 1.0}, {}],
    "gold.uplift_scores": [{"uplift": -1.0}],
    "gold.uplift_bins": [{"n_treated": 1}, {"n_control": 1}],
    "gold.uplift_calibration": [{"decile": 1}, {"decile": 10, "ci_low": 0.5, "ci_high": 0.5}],
    "gold.uplift_metrics": [{}, {"ci_low": 0.5, "ci_high": 0.5}],
    "gold.targeting_plan": [{"gain": LEAST}],
    "gold.targeting_summary": [{"gain": 4.0, "bound": 4.0}],
    "gold.plan_values": [{"n_users": 3, "n_targeted": 3}],
    "gold.campaign_effects": [{"method": name} for name in ("difference_in_differences", "matched", "synthetic_control")],
    "gold.kpi_forecasts": [{"date": DAY, "as_of_date": DAY, "low": 2.0, "forecast": 2.0, "high": 2.0, "coverage": 1.0}],
    "gold.campaign_forecasts": [{"low": 0.0, "forecast": 2.0, "high": 2.0}],
    "gold.kpi_anomalies": [{"deviation": LEAST}, {"deviation": -LEAST}],
    "gold.campaign_decisions": [{"action": name} for name in ("pause", "raise", "notify")],
    "ops.job_runs": [{"status": name} for name in ("succeeded", "failed")],
    "ops.snapshots": [{"shape": name, "n_rows": 1} for name in ("interactions", "sequences")],
    "ops.event_accounting": [{"n_in": 4 + 3 + 2 + 1, "n_clean": 4, "n_duplicate": 3, "n_quarantined": 2, "n_late": 1}],
    "ops.table_maintenance": [{"keep_days": 7}],
}
"""Values at the borders of what a table allows, beside neutral ones (0, empty text, 1 January 2000); a neutral row elsewhere."""

BREAKS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "bronze.raw_events": [("offset_from_0", {"source_offset": -1}), ("known_encoding", {"payload_encoding": "UTF-8"})],
    "silver.quarantine": [("has_a_reason", {"reason_codes": ""})],
    "silver.items": [("price_not_negative", {"price": -STEP}), ("id_not_blank", {"item_id": "  "})],
    "silver.users": [("id_not_blank", {"user_id": ""})],
    "silver.user_ids": [("index_from_0", {"user_idx": -1})],
    "silver.item_ids": [("index_from_0", {"item_idx": -1})],
    "silver.interactions": [
        ("weight_positive", {"weight": 0.0}),
        ("events_from_1", {"n_events": 0}),
        ("first_before_last", {"last_at": SOONER}),
    ],
    "silver.campaigns": [("ends_after_start", {"end_at": START}), ("cost_not_negative", {"unit_cost": -STEP})],
    "silver.campaign_audience": [("variant_not_blank", {"variant": ""})],
    "silver.external_assignments": [("variant_not_blank", {"variant": ""})],
    "silver.campaign_assignments": [("variant_not_blank", {"variant": ""})],
    "silver.campaign_items": [("item_not_blank", {"item_id": ""})],
    "silver.currency_rates": [("rate_positive", {"rate": Decimal(0)}), ("ends_after_start", {"valid_from": DAY, "valid_to": DAY})],
    "silver.blocked_items": [("reason_not_blank", {"reason": ""})],
    "silver.campaign_allocations": [
        ("within_the_buckets", change) for change in ({"first_bucket": -1}, {"last_bucket": 10_000}, {"first_bucket": 5, "last_bucket": 4})
    ],
    "gold.recommendations": [("rank_from_1", {"rank": 0}), ("known_stage", {"stage": "fallback"})],
    "gold.similar_items": [("rank_from_1", {"rank": 0}), ("not_itself", {"similar_item_id": "a"})],
    "gold.user_vectors": [("has_numbers", {"vector": []})],
    "gold.model_runs": [("ends_after_start", {"ended_at": SOONER}), ("rows_not_negative", {"train_rows": -1})],
    "gold.training_epochs": [("epoch_from_0", {"epoch": -1}), *(("share_of_time", {"waiting_share": share}) for share in (-LEAST, 1.001))],
    "gold.model_metrics": [("k_from_1", {"k": 0}), ("interval_holds_value", {"ci_low": 0.51})],
    "gold.metric_replicates": [("k_from_1", {"k": 0}), ("has_replicates", {"means": [0.5]})],
    "gold.model_distributions": [("k_from_1", {"k": 0}), ("known_quantity", {"quantity": "price"}), ("not_empty", {"n": 0})],
    "gold.promotions": [("known_verdict", {"verdict": "accepted"})],
    "gold.campaign_outcomes": [
        ("converted_has_time", {"is_converted": True}),
        ("converted_has_time", {"n_conversions": 1}),
        ("converted_has_time", {"first_conversion_at": START}),
    ],
    "gold.campaign_kpis": [("converted_within_audience", {"n_converted_users": 2 + 1})],
    "gold.campaign_daily_revisions": [("counts_not_negative", {f"n_conversions_{when}": -1}) for when in ("before", "after")],
    "gold.campaign_findings": [("counts_not_negative", {name: -1}) for name in ("n_users", "n_events")],
    "gold.campaign_reach": [("some_users", {"n_users": 0})],
    "gold.campaign_funnel": [("narrows", {name: 3 + 1}) for name in ("n_sent", "n_seen", "n_clicked", "n_converted")],
    "gold.conversion_delays": [("some_users", {"n_users": 0})],
    "gold.user_cohorts": [("active_within_cohort", {"n_active_users": 3 + 1})],
    "gold.user_activity": [("nested", {name: 3 + 1}) for name in ("n_daily_users", "n_weekly_users")],
    "gold.published_campaign_kpis": [("withheld_is_null", {"n_users": 5}), ("withheld_is_null", {"is_withheld": False})],
    "gold.campaign_assignment_counts": [("some_users", {"n_users": 0})],
    "gold.experiment_sums": [
        ("some_users", {"n_users": 0}),
        *(("squares_not_negative", {f"{name}_sq": -LEAST}) for name in ("numerator", "denominator", "covariate")),
    ],
    "gold.experiment_results": [("known_verdict", {"verdict": "best"}), ("interval_in_order", {"ci_low": 0.5, "ci_high": 0.4})],
    "gold.experiment_looks": [("somebody_was_held_out", {"n_control_users": 0}), ("interval_in_order", {"always_valid_high": 0.4})],
    "gold.attributed_conversions": [
        ("at_most_one_conversion", {"conversions": 1 + STEP}),
        ("credit_not_negative", {"conversions": -STEP}),
        ("credit_not_negative", {"revenue": -STEP}),
    ],
    "gold.channel_attribution": [
        *(("credit_not_negative", {name: -STEP}) for name in ("conversions", "revenue")),
        *(("effect_is_a_share", {"removal_effect": share}) for share in (-LEAST, 1.001)),
    ],
    "gold.recommendation_outcomes": [
        *(("counts_not_negative", {name: -1}) for name in ("n_impressions", "n_clicks", "n_purchases")),
        ("counts_not_negative", {"revenue": -STEP}),
    ],
    "gold.uplift_scores": [("uplift_is_a_number", {"uplift": float("nan")})],
    "gold.uplift_bins": [("bin_from_0", {"bin": -1}), ("some_users", {"n_treated": 0})],
    "gold.uplift_calibration": [
        *(("decile_from_1", {"decile": tenth}) for tenth in (0, 11)),
        ("interval_in_order", {"ci_low": 0.2, "ci_high": 0.1}),
    ],
    "gold.uplift_metrics": [("interval_in_order", {"ci_low": 0.2, "ci_high": 0.1})],
    "gold.targeting_plan": [("gains_something", {"gain": 0.0}), ("cost_not_negative", {"cost": -LEAST})],
    "gold.targeting_summary": [("below_the_bound", {"gain": 4.001})],
    "gold.plan_values": [("targets_its_users", {"n_targeted": 3 + 1})],
    "gold.campaign_effects": [
        ("known_method", {"method": "regression"}),
        ("interval_in_order", {"ci_low": 0.2, "ci_high": 0.1}),
        ("origin_not_after", {"origin": 1}),
    ],
    "gold.kpi_forecasts": [
        *(("within_the_band", change) for change in ({"low": 2.1}, {"high": 1.9})),
        *(("coverage_is_a_share", {"coverage": share}) for share in (-LEAST, 1.001)),
        ("ahead", {"date": DAY - dt.timedelta(days=1)}),
    ],
    "gold.campaign_forecasts": [("within_the_interval", change) for change in ({"low": -0.1}, {"low": 2.1}, {"high": 1.9})],
    "gold.kpi_anomalies": [("stands_out", {"deviation": 0.0})],
    "gold.campaign_decisions": [("known_action", {"action": "stop"})],
    "ops.job_runs": [("known_status", {"status": "running"}), ("ends_after_start", {"ended_at": SOONER})],
    "ops.snapshots": [("known_shape", {"shape": "pairs"}), ("has_rows", {"n_rows": 0})],
    "ops.event_accounting": [
        ("in_equals_the_sum", {name: value}) for name, value in (("n_in", 9), ("n_clean", 5), ("n_duplicate", 2), ("n_late", 0))
    ],
    "ops.table_maintenance": [("stays_a_week", {"keep_days": 6})],
}
for _name in ("silver.events", "silver.late_events"):
    KEEPS[_name] = [{"event_type": "view", "quantity": LEAST, "value": Decimal(0), "discount": Decimal(0), "currency": "EUR"}]
    BREAKS[_name] = [
        ("known_event_type", {"event_type": "View"}),
        ("quantity_positive", {"quantity": 0.0}),
        ("value_not_negative", {"value": -STEP}),
        ("discount_not_negative", {"discount": -STEP}),
        ("value_has_currency", {"currency": None}),
    ]
for _name in ("outcomes", "kpis", "daily_kpis", "hourly_kpis", "daily_segment_kpis"):
    _counts = [("counts_not_negative", {name: -1}) for name in ("n_sends", "n_impressions", "n_clicks")]
    _money = [("money_not_negative", {name: -STEP}) for name in ("revenue", "discount", "cost")]
    BREAKS[f"gold.campaign_{_name}"] = [*BREAKS.get(f"gold.campaign_{_name}", ()), *_counts, *_money]
for _name in ("table", "recommendation"):
    KEEPS[f"ops.{_name}_profile"] = [{"n_rows": 5, "n_nulls": 5}, {"n_rows": 0, "n_nulls": 0}]
    BREAKS[f"ops.{_name}_profile"] = [("nulls_among_rows", {"n_nulls": count}) for count in (-1, 5 + 1)]
    KEEPS[f"ops.{_name}_histograms"] = [{"kind": kind, "n_rows": 1} for kind in ("value", "range", "null", "other")]
    BREAKS[f"ops.{_name}_histograms"] = [("known_kind", {"kind": "bin"}), ("has_rows", {"n_rows": 0})]
    KEEPS[f"ops.{_name}_drift"] = [{"verdict": "free", "baseline": name} for name in ("none", "previous", "reference")]
    BREAKS[f"ops.{_name}_drift"] = [("known_verdict", {"verdict": "ok"}), ("known_baseline", {"baseline": "first"})]


def test_every_declared_check_has_a_row_that_breaks_it() -> None:
    declared = {(table.name, check.name) for table in TABLES.values() for check in table.checks}
    assert {(table, check) for table, cases in BREAKS.items() for check, _ in cases} == declared
    assert set(KEEPS) <= set(BREAKS)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_borders_are_kept_and_a_step_beyond_breaks_one_check_and_no_other(spark: SparkSession, table: Table) -> None:
    kept, broken = KEEPS.get(table.name, [{}]), BREAKS[table.name]
    frame = rows(spark, table, *kept, *(kept[0] | change for _, change in broken))
    codes = [row.codes for row in frame.select(violations(table).alias("codes")).collect()]
    assert codes == [[]] * len(kept) + [[check] for check, _ in broken]
