"""Two campaigns and all that is told of them, two users' lists, one gate: the tables that BI reads, to be redone by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from pyspark.sql import SparkSession

from mapping_spark.tables.attribution import CHANNEL_ATTRIBUTION, RECOMMENDATION_OUTCOMES
from mapping_spark.tables.campaigns import USER_COHORTS
from mapping_spark.tables.contract import Table
from mapping_spark.tables.effects import CAMPAIGN_EFFECTS
from mapping_spark.tables.experiments import EXPERIMENT_RESULTS
from mapping_spark.tables.forecasts import CAMPAIGN_DECISIONS, KPI_FORECASTS
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS, CAMPAIGN_KPIS, MODEL_RUNS, PROMOTIONS, RECOMMENDATIONS
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.silver import CAMPAIGNS, ITEMS
from mapping_spark.tables.store import Store
from mapping_spark.tables.uplift import TARGETING_PLAN, TARGETING_SUMMARY

DAY = dt.date(2024, 3, 10)
NOON = dt.datetime(2024, 3, 10, 12, tzinfo=dt.UTC)
VERSIONS = '{"silver.events": 3}'


def _kpis(campaign: str, segment: str, users: int, converted: int, revenue: int, spend: int) -> dict[str, Any]:
    money = {"revenue": Decimal(revenue), "discount": Decimal(spend), "cost": Decimal(0), "gross_margin": Decimal(revenue) / 4}
    gain = revenue / 4 - spend
    squares = {"revenue_sq": revenue**2 / 2, "net_gain_sq": gain**2 / 2, "spend_sq": spend**2 / 2, "net_gain_spend": gain * spend / 3}
    counts = {"n_users": users, "n_converted_users": converted, "n_conversions": converted, "n_conversions_sq": float(converted)}
    return {"campaign_id": campaign, "variant": "mailed", "segment": segment} | money | squares | counts


def _shown(recommendation: str, segment: str, impressions: int, purchases: int, revenue: int, cost: int) -> dict[str, Any]:
    user = recommendation.partition("-")[0]
    keys = {
        "recommendation_id": recommendation,
        "as_of_date": DAY,
        "user_id": user,
        "segment": segment,
        "model": "repeat",
        "run_id": "run1",
    }
    money = {"revenue": Decimal(revenue), "gross_margin": Decimal(revenue) / 4, "cost": Decimal(cost)}
    return keys | money | {"n_impressions": impressions, "n_purchases": purchases}


def _effect(origin: int, effect: float, **judged: float) -> dict[str, Any]:
    return {"campaign_id": "c1", "metric": "revenue", "method": "matched", "origin": origin, "effect": effect} | judged


ROWS: dict[Table, list[dict[str, Any]]] = {
    CAMPAIGNS: [
        {"campaign_id": name, "campaign_type": "A", "start_at": NOON, "end_at": NOON + dt.timedelta(1), "unit_cost": Decimal(1)}
        for name in ("c1", "c2")
    ],
    ITEMS: [{"item_id": name, "title": name.upper()} for name in ("milk", "bread")],
    CAMPAIGN_KPIS: [_kpis("c1", "north", 4, 1, 100, 10), _kpis("c1", "south", 6, 3, 60, 10), _kpis("c2", "north", 10, 0, 40, 20)],
    CAMPAIGN_DAILY_KPIS: [
        {"campaign_id": name, "variant": "mailed", "date": DAY + dt.timedelta(day), "revenue": Decimal(day + 1), "discount": Decimal(2)}
        for name in ("c1", "c2")
        for day in range(3)
    ],
    RECOMMENDATIONS: [
        {
            "as_of_date": DAY,
            "user_id": user,
            "rank": rank,
            "item_id": item,
            "model": "repeat",
            "stage": stage,
            "reason": "bought 2 times",
            "recommendation_id": f"{user}-{rank}",
            "run_id": "run1",
        }
        for user in ("u1", "u2")
        for rank, item, stage in ((1, "milk", "model"), (2, "bread", "popular" if user == "u1" else "model"))
    ],
    MODEL_RUNS: [
        {"run_id": "run1", "model": "repeat", "as_of_date": DAY, "input_versions": VERSIONS, "started_at": NOON, "ended_at": NOON}
    ],
    PROMOTIONS: [
        {"decision_id": "d1", "candidate_run_id": "run1", "model": "repeat", "verdict": "promoted", "delta": 0.1, "decided_at": NOON}
    ],
    RECOMMENDATION_OUTCOMES: [
        _shown("u1-1", "north", 4, 1, 20, 2),
        _shown("u1-2", "north", 2, 0, 0, 1),
        _shown("u2-1", "north", 2, 1, 8, 1),
        _shown("u3-1", "south", 1, 1, 4, 0),
    ],
    EXPERIMENT_RESULTS: [
        {
            "campaign_id": "c1",
            "metric": metric,
            "comparison": "mailed against control",
            "segment": segment,
            "role": role,
            "relative_lift": 0.25,
            "verdict": verdict,
            "reason": "below 0.05",
        }
        for metric, segment, role, verdict in (
            ("conversion_rate", "all", "primary", "better"),
            ("conversion_rate", "north", "primary", "better"),
            ("discount_per_user", "all", "guardrail", "guardrail_held"),
            ("revenue_per_user", "all", "secondary", "better"),
        )
    ],
    CAMPAIGN_EFFECTS: [
        _effect(0, 3.0, ci_low=2.0, ci_high=4.0, placebo_p_value=1 / 3, bears=1.5),
        _effect(-2, -1.0),
        _effect(-4, 2.0),
    ],
    CHANNEL_ATTRIBUTION: [
        {"method": method, "channel": channel, "conversions": Decimal(credit)}
        for method, credits in (("last", (3, 1)), ("shapley", (2, 2)))
        for channel, credit in zip(("mail", "web"), credits, strict=True)
    ],
    TARGETING_PLAN: [
        {"as_of_date": DAY, "user_id": user, "segment": segment, "channel": "mail", "uplift": 0.5, "cost": 1.0, "gain": 4.0}
        for user, segment in (("u1", "north"), ("u2", "north"), ("u3", "south"))
    ],
    TARGETING_SUMMARY: [{"as_of_date": DAY, "n_users": 3, "gain": 12.0, "cost": 3.0, "bound": 15.0, "gap": 0.2}],
    USER_COHORTS: [
        {"cohort_date": dt.date(2024, 2, monday), "week": week, "n_users": users, "n_active_users": active, "is_complete": True}
        for monday, users, actives in ((5, 10, (10, 4)), (12, 30, (30, 3)))
        for week, active in enumerate(actives)
    ],
    KPI_FORECASTS: [
        {
            "as_of_date": DAY,
            "series": "shop: revenue",
            "model": model,
            "date": DAY,
            "forecast": 9.0,
            "high": 12.0,
            "is_best": model == "ets",
        }
        for model in ("ets", "seasonal_naive")
    ],
    CAMPAIGN_DECISIONS: [
        {"as_of_date": DAY, "rule": "pause_losers", "campaign_id": "c2", "action": "pause", "measure": "roi_high", "value": -0.5}
    ],
    JOB_RUNS: [{"run_id": "j1", "job": "recommend", "status": "succeeded", "output_table": "gold.recommendations"}],
}


def write(spark: SparkSession, root: str) -> Store:
    """All of it as folders under `root`."""
    store = Store(spark, root)
    for table, records in ROWS.items():
        store.create(table)
        store.replace_slice(table, rows(spark, table, *records), {})
    return store
