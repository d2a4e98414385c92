"""Two campaigns, two users' lists, one gate: the tables that BI reads, small enough to redo every number by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from pyspark.sql import SparkSession

from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS, CAMPAIGN_KPIS, MODEL_RUNS, PROMOTIONS, RECOMMENDATIONS
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.silver import CAMPAIGNS, ITEMS
from mapping_spark.tables.store import Store

DAY = dt.date(2024, 3, 10)
NOON = dt.datetime(2024, 3, 10, 12, tzinfo=dt.UTC)
VERSIONS = '{"silver.events": 3}'


def _kpis(campaign: str, segment: str, users: int, converted: int, revenue: int, spend: int) -> dict[str, Any]:
    money = {"revenue": Decimal(revenue), "discount": Decimal(spend), "cost": Decimal(0), "gross_margin": Decimal(revenue) / 4}
    gain = revenue / 4 - spend
    squares = {"revenue_sq": revenue**2 / 2, "net_gain_sq": gain**2 / 2, "spend_sq": spend**2 / 2, "net_gain_spend": gain * spend / 3}
    counts = {"n_users": users, "n_converted_users": converted, "n_conversions": converted, "n_conversions_sq": float(converted)}
    return {"campaign_id": campaign, "variant": "mailed", "segment": segment} | money | squares | counts


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
    JOB_RUNS: [{"run_id": "j1", "job": "recommend", "status": "succeeded", "output_table": "gold.recommendations"}],
}


def write(spark: SparkSession, root: str) -> Store:
    """All of it as folders under `root`."""
    store = Store(spark, root)
    for table, records in ROWS.items():
        store.create(table)
        store.replace_slice(table, rows(spark, table, *records), {})
    return store
