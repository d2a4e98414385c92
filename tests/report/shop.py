"""A tiny warehouse for the page: two households, one item, two campaigns, of which one has a hostile name."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

from mapping_spark.tables.attribution import CHANNEL_ATTRIBUTION
from mapping_spark.tables.campaigns import CONVERSION_DELAYS, USER_ACTIVITY, USER_COHORTS
from mapping_spark.tables.contract import Table
from mapping_spark.tables.effects import CAMPAIGN_EFFECTS
from mapping_spark.tables.experiments import EXPERIMENT_LOOKS, EXPERIMENT_RESULTS
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS, CAMPAIGN_KPIS, MODEL_METRICS, MODEL_RUNS, PROMOTIONS, RECOMMENDATIONS
from mapping_spark.tables.ops import (
    EVENT_ACCOUNTING,
    JOB_RUNS,
    RECOMMENDATION_DRIFT,
    RECOMMENDATION_PROFILE,
    TABLE_DRIFT,
    TABLE_HISTOGRAMS,
    TABLE_PROFILE,
)
from mapping_spark.tables.silver import CAMPAIGNS, INTERACTIONS, ITEMS
from mapping_spark.tables.store import Store
from mapping_spark.tables.uplift import PLAN_VALUES, TARGETING_PLAN, TARGETING_SUMMARY, UPLIFT_BINS, UPLIFT_METRICS

DAY = dt.date(2024, 3, 10)
NOON = dt.datetime(2024, 3, 9, 12)
HOSTILE = "<script>window.hacked = 1</script>"
FORMULA = "=1+1"

_DATED = dict(as_of_date=DAY)
_METRIC = _DATED | dict(k=10, segment="all", metric="ndcg", n_users=2)
_KPI = dict(variant="mailed", segment="north", n_users=10, n_sends=10, revenue=40, cost=5, gross_margin=10, revenue_sq=400.0)


_TEST = dict(campaign_id=HOSTILE, comparison="mailed against control", n_users=10, n_control_users=10)
_SCORED = _DATED | dict(campaign_id=HOSTILE, learner="dr_learner")


def _experiments() -> list[tuple[Table, list[dict[str, object]]]]:
    result = _TEST | dict(segment="all", variant="mailed", role="primary", metric="conversion_rate", relative_lift=0.25, reason="below .05")
    looks = [(dt.date(2024, 3, 8), 0.3, 0.6), (DAY, 0.2, 0.15)]
    return [
        (EXPERIMENT_RESULTS, [
            result | dict(relative_low=0.1, relative_high=0.4, verdict="better"),
            result | dict(metric="discount_per_user", role="guardrail", verdict="guardrail_not_shown"),
            result | dict(campaign_id=FORMULA, n_control_users=0, verdict="no_verdict"),  # nobody held out: no experiment
        ]),
        (EXPERIMENT_LOOKS, [
            _TEST | dict(as_of_date=day, metric="conversion_rate", difference=difference, ci_low=difference - half / 2,
                         ci_high=difference + half / 2, always_valid_low=difference - half, always_valid_high=difference + half)
            for day, difference, half in looks
        ]),
        (UPLIFT_BINS, [  # of ten sent to and ten held out each: 6 against 2 converted, then 3 against 3
            _SCORED | dict(bin=at, n_treated=10, n_control=10, treated_outcome=t, control_outcome=c, treated_outcome_sq=t,
                           control_outcome_sq=c, uplift=10 * (0.4 - at))
            for at, t, c in ((0, 6.0, 2.0), (1, 3.0, 3.0))
        ]),
        (UPLIFT_METRICS, [_SCORED | dict(metric="qini", value=0.05, ci_low=0.01, ci_high=0.09, n_users=40)]),
        (TARGETING_PLAN, [_DATED | dict(user_id="u1", campaign_id=HOSTILE, channel="mail", segment="north", uplift=0.4, cost=1, gain=3)]),
        (TARGETING_SUMMARY, [_DATED | dict(n_users=1, gain=3.0, cost=1.0, bound=4.0, gap=0.25)]),
        (PLAN_VALUES, [_DATED | dict(campaign_id=HOSTILE, segment="north", n_users=4, n_targeted=2, weight=4.0, weighted_outcome=2.0)]),
    ]  # fmt: skip


def _audience() -> list[tuple[Table, list[dict[str, object]]]]:
    estimate = dict(campaign_id=FORMULA, metric="revenue", method="matched", assumptions="not an experiment")
    return [
        (CAMPAIGN_EFFECTS, [
            estimate | dict(effect=3.0, ci_low=2.0, ci_high=4.0, bears=1.5),
            estimate | dict(origin=-2, effect=-2.0),
        ]),
        (CHANNEL_ATTRIBUTION, [
            dict(method=method, channel=channel, conversions=credit)
            for method, parts in (("last", (2, 1, 1)), ("shapley", (1, 2, 1)))
            for channel, credit in zip((HOSTILE, "mail", "(unattributed)"), parts, strict=True)
        ]),
        (USER_COHORTS, [
            dict(cohort_date=dt.date(2024, 2, 5), week=week, n_users=8, n_active_users=active, is_complete=week < 3)
            for week, active in enumerate((8, 4, 2, 1))
        ]),
        (USER_ACTIVITY, [
            dict(date=dt.date(2024, 3, 9), n_daily_users=2, n_weekly_users=4, n_monthly_users=8, is_full_month=True),
            dict(date=dt.date(2024, 3, 8), n_daily_users=1, n_weekly_users=4, n_monthly_users=8, is_full_month=False),
        ]),
        (CONVERSION_DELAYS, [dict(campaign_id=HOSTILE, variant="mailed", days=days, n_users=5) for days in (1, 3)]),
    ]  # fmt: skip


def _fill() -> list[tuple[Table, list[dict[str, object]]]]:
    drift = _DATED | dict(table_name="silver.events", measure="n_rows", baseline="none", value=6.0, bounds="at least 1")
    return [
        (EVENT_ACCOUNTING, [
            dict(source="shop", batch_id=0, n_in=10, n_clean=6, n_duplicate=1, n_quarantined=2, n_late=1),
            dict(source="shop", batch_id=1, n_in=4, n_clean=4),
        ]),
        (TABLE_DRIFT, [
            drift | dict(verdict="kept"),
            drift | dict(verdict="warn", column_name="item_id", measure="null_share", value=0.95),
        ]),
        (RECOMMENDATION_DRIFT, []),
        (TABLE_PROFILE, [_DATED | dict(table_name="silver.events", column_name="item_id", n_rows=10, n_nulls=5)]),
        (RECOMMENDATION_PROFILE, []),
        (TABLE_HISTOGRAMS, [
            _DATED | dict(table_name="silver.users", column_name="segment", kind="value", bin="north", n_rows=3),
            _DATED | dict(table_name="silver.users", column_name="segment", kind="null", n_rows=2),
        ]),
        (MODEL_METRICS, [
            _METRIC | dict(run_id=model, model=model, protocol=protocol, value=value, ci_low=value - 0.1, ci_high=value + 0.1)
            for model, value in (("als", 0.25), ("hybrid", 0.5))
            for protocol in ("all_items", "new_items")
        ]),
        (MODEL_RUNS, [_DATED | dict(run_id=model, model=model, train_seconds=2.0) for model in ("als", "hybrid")]),
        (PROMOTIONS, [
            _DATED | dict(decision_id="d", model="hybrid", verdict="promoted", reason="over als", metric="ndcg@10 new_items", delta=0.25,
                          ci_low=0.1, ci_high=0.4),
        ]),
        (ITEMS, [dict(item_id="i1", title="green tea"), dict(item_id="i2", title="rye bread")]),
        (INTERACTIONS, [
            _DATED | dict(user_id="u1", item_id="i1", weight=2.0, n_events=2, first_at=NOON, last_at=NOON),
            _DATED | dict(user_id="u2", item_id="i2", weight=1.0, n_events=1, first_at=NOON, last_at=NOON),
        ]),
        (RECOMMENDATIONS, [
            _DATED | dict(user_id=user, rank=1, item_id=item, model="hybrid", stage="model", reason_code="bought_again", reason=reason)
            for user, item, reason in (("u1", "i2", "others bought it"), ("u2", "i1", "bought once"))
        ]),
        (CAMPAIGNS, [
            dict(campaign_id=name, campaign_type="A", channel="mail", start_at=dt.datetime(2024, 3, 1), end_at=dt.datetime(2024, 3, 8))
            for name in (HOSTILE, FORMULA)
        ]),
        (CAMPAIGN_KPIS, [
            _KPI | dict(campaign_id=HOSTILE, n_converted_users=4, n_conversions=4),
            _KPI | dict(campaign_id=FORMULA, n_converted_users=1, n_conversions=1, n_users=5),
        ]),
        (CAMPAIGN_DAILY_KPIS, [
            dict(campaign_id=HOSTILE, variant="mailed", date=dt.date(2024, 3, day), n_sends=5, revenue=20) for day in (2, 4)
        ]),
        (JOB_RUNS, [
            _DATED | dict(run_id=name, job=name, status="succeeded", started_at=start, ended_at=start + dt.timedelta(seconds=n), rows_in=n,
                          input_versions='{"silver.events": 3}')
            for n, name in ((90, "clean_events"), (10, "recommend"))
            for start in [NOON + dt.timedelta(seconds=100 - n)]
        ]),
        *_experiments(),
        *_audience(),
    ]  # fmt: skip


def write(store: Store) -> None:
    """Every table that the page reads, but gold.metric_replicates; several at once, since each is mostly waited for."""

    def lay(table: Table, values: list[dict[str, object]]) -> None:
        store.create(table)
        if values:
            store.append_once(table, rows(store.spark, table, *values), writer="shop", sequence=1)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda filled: lay(*filled), _fill()))
