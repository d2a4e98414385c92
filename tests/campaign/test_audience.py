from __future__ import annotations

from pyspark.sql import SparkSession

from mapping_spark.campaign.audience import build_audience

from .market import at, event, events


def test_the_first_send_assigns_and_a_missing_variant_is_the_default(spark: SparkSession) -> None:
    happened = events(
        spark,
        event("campaign_send", "u1", at(3), campaign_id="c1", variant="late"),
        event("campaign_send", "u1", at(2), campaign_id="c1", variant="early"),
        event("campaign_send", "u2", at(2), campaign_id="c1"),
        event("campaign_send", "u2", at(2), campaign_id="c2", variant="tie, smaller event_id"),
        event("campaign_send", "u2", at(2), campaign_id="c2", variant="tie, larger event_id"),
        event("campaign_send", "u3", at(2)),  # names no campaign
        event("coupon_redeem", "u4", at(2), campaign_id="c1"),
    )
    found = {tuple(row) for row in build_audience(happened, default_variant="mailed").collect()}
    assert found == {("c1", "u1", "early", at(2)), ("c1", "u2", "mailed", at(2)), ("c2", "u2", "tie, smaller event_id", at(2))}
