from __future__ import annotations

import math
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.campaign.kpis import CampaignConfig, build_daily_kpis, build_kpis
from mapping_spark.campaign.outcomes import SUMS, build_outcomes
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import CAMPAIGN_KPIS, CAMPAIGN_OUTCOMES
from mapping_spark.tables.measures import additive_columns, measure

from .market import at, counted, event, events, members

QUARTER = CampaignConfig(margin=Decimal("0.25"))
SUMMED = additive_columns(CAMPAIGN_KPIS)


def outcome(user: str, revenue: int, *, discount: int = 0, cost: int = 1, conversions: int = 0, **columns: str) -> dict[str, Any]:
    money: dict[str, Any] = {"revenue": Decimal(revenue), "discount": Decimal(discount), "cost": Decimal(cost)}
    first = at(1) if conversions else None
    counts = {"n_sends": 1, "n_conversions": conversions, "is_converted": conversions > 0, "first_conversion_at": first}
    return {"campaign_id": "c", "user_id": user, "variant": "mailed", "segment": "s"} | money | counts | columns


def test_sums_and_squares_of_two_users(spark: SparkSession) -> None:
    outcomes = rows(spark, CAMPAIGN_OUTCOMES, outcome("u1", 8, discount=1, conversions=3), outcome("u2", 4))
    found = build_kpis(outcomes, QUARTER).collect()[0].asDict()
    net_gain = (8 / 4 - 1 - 1, 4 / 4 - 0 - 1)  # gross margin - discount - cost: 0 and 0
    spend = (1 + 1, 1 + 0)
    assert (found["n_users"], found["n_sends"], found["n_conversions"], found["n_converted_users"]) == (2, 2, 3, 1)
    assert (found["revenue"], found["gross_margin"], found["discount"], found["cost"]) == (12, 3, 1, 2)
    assert (found["n_conversions_sq"], found["revenue_sq"]) == (3**2, 8**2 + 4**2)
    assert (found["net_gain_sq"], found["spend_sq"]) == (sum(x**2 for x in net_gain), sum(y**2 for y in spend))
    assert found["net_gain_spend"] == sum(x * y for x, y in zip(net_gain, spend, strict=True))


def test_variants_and_segments_stay_apart(spark: SparkSession) -> None:
    outcomes = rows(spark, CAMPAIGN_OUTCOMES, outcome("u1", 1), outcome("u2", 2, variant="control"), outcome("u3", 4, segment="t"))
    found = {(row.variant, row.segment): row.revenue for row in build_kpis(outcomes, QUARTER).collect()}
    assert found == {("mailed", "s"): 1, ("control", "s"): 2, ("mailed", "t"): 4}


USER = st.tuples(st.sampled_from("LR"), st.sampled_from(["s", "t"]), *[st.integers(0, 50)] * 3, st.integers(0, 3))
AUDIENCE = st.lists(USER, min_size=1, max_size=6)


@settings(max_examples=3, deadline=None)
@given(st.lists(AUDIENCE, min_size=1, max_size=12))  # many audiences in one query
def test_parts_of_an_audience_add_up_to_the_whole(spark: SparkSession, audiences: list[list[tuple[str, str, int, int, int, int]]]) -> None:
    # One campaign holds everyone of an audience, two others the same users in two parts.
    records = [
        outcome(f"u{user}", revenue, discount=discount, cost=cost, conversions=redeemed, segment=segment, campaign_id=f"{number}{part}")
        for number, users in enumerate(audiences)
        for user, (side, segment, revenue, discount, cost, redeemed) in enumerate(users)
        for part in ("whole", side)
    ]
    kpis = build_kpis(rows(spark, CAMPAIGN_OUTCOMES, *records), QUARTER)
    found = {row["campaign_id"]: row.asDict() for row in measure(kpis, CAMPAIGN_KPIS, "campaign_id").collect()}
    for number, users in enumerate(audiences):
        whole = found[f"{number}whole"]
        parts = [found[f"{number}{side}"] for side in "LR" if f"{number}{side}" in found]
        assert [whole[name] for name in SUMMED] == [sum(part[name] for part in parts) for name in SUMMED]
        revenue, spend = sum(user[2] for user in users), sum(user[3] + user[4] for user in users)
        assert whole["revenue_per_user"] == pytest.approx(revenue / len(users))
        assert whole["redemption_rate"] == pytest.approx(sum(user[5] > 0 for user in users) / len(users))
        assert whole["roas"] == (pytest.approx(revenue / spend) if spend else None)
        assert whole["roi"] == (pytest.approx((revenue / 4 - spend) / spend) if spend else None)


def test_days_add_up_to_the_outcomes(spark: SparkSession) -> None:
    kinds = ("campaign_send", "impression", "click", "coupon_redeem", "purchase")
    grid = product(kinds, ("u1", "u2", "u3"), range(-1, 17), (("c1", "milk"), ("c2", "bread")))
    happened = events(
        spark,
        *(
            event(kind, user, at(day, 7), campaign_id=c, item_id=item, value=Decimal(day + 2), discount=Decimal(1), currency="USD")
            for kind, user, day, (c, item) in grid
        ),
    )
    each = counted(spark, happened)
    daily = build_daily_kpis(each, QUARTER)
    outcomes = build_outcomes(each, members(spark))
    sums = [F.sum(name).alias(name) for name in SUMS]
    by_day = {row[:2]: row[2:] for row in daily.groupBy("campaign_id", "variant").agg(*sums).collect()}
    by_user = {row[:2]: row[2:] for row in outcomes.groupBy("campaign_id", "variant").agg(*sums).collect()}
    assert by_day == by_user
    assert set(by_day) == {("c1", "mailed"), ("c1", "control"), ("c2", "mailed")}
    assert by_day["c2", "mailed"][SUMS.index("n_conversions")] == 14 - 4  # one a day on days 5 to 14
    assert by_day["c2", "mailed"][SUMS.index("revenue")] == sum(day + 2 for day in range(5, 15))


def test_measures_of_an_audience_that_cost_nothing_are_null(spark: SparkSession) -> None:
    kpis = build_kpis(rows(spark, CAMPAIGN_OUTCOMES, outcome("u1", 4, cost=0)), QUARTER)
    found = measure(kpis, CAMPAIGN_KPIS, "campaign_id").collect()[0]
    assert (found.roas, found.roi, found.roi_low, found.roi_high) == (None, None, None, None)
    assert math.isclose(found.revenue_per_user, 4)


@pytest.mark.parametrize("margin", ["-0.1", "1.1", "0.12345"])
def test_a_margin_is_a_share_of_four_decimals(margin: str) -> None:
    with pytest.raises(ValidationError):
        CampaignConfig(margin=Decimal(margin))
