from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from mapping_spark.campaign.off_policy import policy_sums
from mapping_spark.tables.frames import small
from mapping_spark.tables.measures import measure
from mapping_spark.tables.uplift import PLAN_VALUES

SHAPE = "campaign_id string, user_id string, is_treated int, propensity double, outcome double, segment string"


def test_estimates_of_a_plan_by_hand(spark: SparkSession) -> None:
    log = small(
        spark,
        [("c", "u1", 1, 0.25, 8.0, "s"), ("c", "u2", 0, 0.25, 3.0, "s"), ("c", "u3", 1, 0.25, 5.0, "t"), ("c", "u4", 0, 0.25, 7.0, "t")],
        SHAPE,
    )
    targeted = small(spark, [("c", "u1"), ("c", "u4"), ("c", "not in the log")], "campaign_id string, user_id string")
    by_segment = policy_sums(log, targeted)
    assert {row.segment: (row.n_users, row.n_targeted) for row in by_segment.collect()} == {"s": (2, 1), "t": (2, 1)}
    found = measure(by_segment, PLAN_VALUES).collect()[0]
    # the plan agrees with what u1 (weight 4) and u2 (weight 4 / 3) were given
    assert found.ips == pytest.approx((4 * 8 + 4 / 3 * 3) / 4)
    assert found.snips == pytest.approx((4 * 8 + 4 / 3 * 3) / (4 + 4 / 3))
    assert found.doubly_robust == pytest.approx(found.ips)
    assert found.ips_low < found.ips < found.ips_high
    modelled = policy_sums(log.selectExpr("*", "6d AS if_treated", "2d AS if_not"), targeted)
    robust = measure(modelled, PLAN_VALUES).collect()[0].doubly_robust
    assert robust == pytest.approx(((6 + 4 * (8 - 6)) + (2 + 4 / 3 * (3 - 2)) + 2 + 6) / 4)
