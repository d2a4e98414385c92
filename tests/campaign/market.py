"""Two campaigns that share an item, three users of whom one is in no audience: small enough to count by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from mapping_spark.campaign.outcomes import counted_events, with_segment
from mapping_spark.tables.frames import rows
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS, CAMPAIGNS, EVENTS, USERS


def at(day: int, hour: int = 0) -> dt.datetime:
    """A moment of March 2017; day 0 is the last of February."""
    return dt.datetime(2017, 3, 1, hour) + dt.timedelta(days=day - 1)


def event(kind: str, user: str, when: dt.datetime, **columns: Any) -> dict[str, Any]:
    return {"event_type": kind, "user_id": user, "event_at": when, "event_date": when.date(), **columns}


def events(spark: SparkSession, *records: dict[str, Any]) -> DataFrame:
    return rows(spark, EVENTS, *({"event_id": f"e{number:04d}", **record} for number, record in enumerate(records)))


def campaigns(spark: SparkSession) -> DataFrame:
    """c1 runs on [1, 11) March at 0.50 a send, c2 on [5, 15) at 2."""
    return rows(
        spark,
        CAMPAIGNS,
        {"campaign_id": "c1", "start_at": at(1), "end_at": at(11), "unit_cost": Decimal("0.50")},
        {"campaign_id": "c2", "start_at": at(5), "end_at": at(15), "unit_cost": Decimal(2)},
    )


def campaign_items(spark: SparkSession) -> DataFrame:
    """Both promote milk, c1 bread too; nobody promotes eggs."""
    pairs = [("c1", "milk"), ("c2", "milk"), ("c1", "bread")]
    return rows(spark, CAMPAIGN_ITEMS, *({"campaign_id": campaign, "item_id": item} for campaign, item in pairs))


def audience(spark: SparkSession) -> DataFrame:
    """u1 is in both, u2 and u9 in c1; u3 in none."""
    members = [("c1", "u1", "mailed"), ("c2", "u1", "mailed"), ("c1", "u2", "control"), ("c1", "u9", "mailed")]
    return rows(spark, CAMPAIGN_AUDIENCE, *({"campaign_id": c, "user_id": user, "variant": variant} for c, user, variant in members))


def members(spark: SparkSession) -> DataFrame:
    """The audience with segments: u1 is young, the others' are unknown."""
    return with_segment(audience(spark), rows(spark, USERS, {"user_id": "u1", "segment": "young"}, {"user_id": "u2"}))


def counted(spark: SparkSession, happened: DataFrame) -> DataFrame:
    return counted_events(happened, campaigns(spark), members(spark), campaign_items(spark))
