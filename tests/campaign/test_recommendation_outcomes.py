from __future__ import annotations

import datetime as dt
from decimal import Decimal

from pyspark.sql import SparkSession

from mapping_spark.campaign.recommendation_outcomes import build_recommendation_outcomes
from mapping_spark.campaign.settings import AttributionConfig
from mapping_spark.tables.attribution import RECOMMENDATION_OUTCOMES
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import RECOMMENDATIONS
from mapping_spark.tables.measures import measure
from mapping_spark.tables.silver import USERS

from .market import at, event, events


def test_a_purchase_counts_for_the_recommendation_it_names_else_for_the_last_one_seen(spark: SparkSession) -> None:
    made = [("r1", 1, "milk", "als"), ("r2", 2, "milk", "als"), ("r3", 2, "tea", "lstm"), ("r4", 2, "jam", "lstm")]
    recommendations = rows(
        spark,
        RECOMMENDATIONS,
        *(
            {"recommendation_id": r, "as_of_date": at(d).date(), "user_id": "u1", "rank": 1, "item_id": i, "model": m}
            for r, d, i, m in made
        ),
    )
    sale = {"value": Decimal(10), "currency": "EUR"}
    happened = events(
        spark,
        event("impression", "u1", at(1), recommendation_id="r1"),
        event("click", "u1", at(2), recommendation_id="r1"),
        event("impression", "u1", at(3), recommendation_id="r2"),
        event("impression", "u1", at(3), recommendation_id="r3"),
        event("purchase", "u1", at(4), item_id="milk", **sale),  # r2 was seen last
        event("purchase", "u1", at(5), item_id="milk", recommendation_id="r1", **sale),  # says so itself
        event("purchase", "u1", at(5), item_id="eggs", **sale),  # never recommended
        event("purchase", "u1", at(30), item_id="tea", **sale),  # too late
        event("purchase", "u2", at(4), item_id="milk", **sale),  # someone else
        event("impression", "u1", at(31), recommendation_id="r4"),  # after the date
    )
    config = AttributionConfig(window_days=7, impression_cost=Decimal("0.5"))
    users = rows(spark, USERS, {"user_id": "u1", "segment": "north"})
    found = build_recommendation_outcomes(
        happened, recommendations, users, config, margin=Decimal("0.25"), as_of=dt.date(2017, 3, 31)
    ).persist()
    counts = {row.recommendation_id: (row.n_impressions, row.n_clicks, row.n_purchases, row.revenue) for row in found.collect()}
    assert counts == {"r1": (1, 1, 1, 10), "r2": (1, 0, 1, 10), "r3": (1, 0, 0, 0)}
    roi = {(row.model, row.segment): row.roi for row in measure(found, RECOMMENDATION_OUTCOMES, "model", "segment").collect()}
    assert roi == {("als", "north"): (20 * 0.25 - 2 * 0.5) / (2 * 0.5), ("lstm", "north"): -1.0}
