"""A tiny warehouse for the page: two households, one item, two campaigns, of which one has a hostile name."""

from __future__ import annotations

import datetime as dt

from mapping_spark.tables.contract import Table
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

DAY = dt.date(2024, 3, 10)
NOON = dt.datetime(2024, 3, 9, 12)
HOSTILE = "<script>window.hacked = 1</script>"
FORMULA = "=1+1"

_DATED = dict(as_of_date=DAY)
_METRIC = _DATED | dict(k=10, segment="all", metric="ndcg", n_users=2)
_KPI = dict(variant="mailed", segment="north", n_users=10, n_sends=10, revenue=40, cost=5, gross_margin=10, revenue_sq=400.0)


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
    ]  # fmt: skip


def write(store: Store) -> None:
    """Every table that the page reads, but gold.metric_replicates."""
    for table, values in _fill():
        store.create(table)
        if values:
            store.append_once(table, rows(store.spark, table, *values), writer="shop", sequence=1)
