from __future__ import annotations

from pyspark.sql import SparkSession

from mapping_spark.campaign.exposures import judge_exposures
from mapping_spark.tables.frames import small

from .market import at


def test_each_user_counts_once_and_every_other_row_has_its_reason(spark: SparkSession) -> None:
    log = [
        ("e1", "u1", "new", "new", 2, "repeated"),
        ("e2", "u1", "new", "new", 1, None),
        ("e3", "u1", "new", "old", 0, "shown_another_variant"),
        ("e4", "u2", "new", "new", 1, "in_two_variants"),
        ("e5", "u2", "old", "old", 2, "in_two_variants"),
        ("e6", "u3", "old", "old", 1, None),
        ("e7", "u3", "old", "old", 1, "repeated"),  # a tie: the smaller event id counts
        ("e8", "u4", "old", None, 1, "shown_another_variant"),
    ]
    shape = "event_id string, user_id string, variant string, shown_variant string, event_at timestamp"
    exposures = small(spark, [(e, u, v, s, at(day)) for e, u, v, s, day, _ in log], shape)
    assert {row.event_id: row.reason for row in judge_exposures(exposures).collect()} == {e: reason for e, *_, reason in log}
