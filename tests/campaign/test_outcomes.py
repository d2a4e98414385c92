from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from mapping_spark.campaign.outcomes import build_outcomes
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES
from mapping_spark.tables.quality import split

from .market import at, counted, event, events, members


def sale(user: str, item: str, day: int, value: int, discount: int | None = None) -> dict[str, Any]:
    money = None if discount is None else Decimal(discount)
    return event("purchase", user, at(day), item_id=item, value=Decimal(value), discount=money, currency="USD")


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> DataFrame:
    happened = events(
        spark,
        event("campaign_send", "u1", at(0), campaign_id="c1"),
        event("campaign_send", "u1", at(20), campaign_id="c1"),
        event("campaign_send", "u1", at(0), campaign_id="c2"),
        event("campaign_send", "u3", at(0), campaign_id="c1"),  # no member
        event("impression", "u1", at(1), campaign_id="c1"),
        event("campaign_open", "u1", at(2), campaign_id="c1"),
        event("impression", "u1", at(11), campaign_id="c1"),  # over
        event("campaign_click", "u1", at(2), campaign_id="c1"),
        event("coupon_redeem", "u1", at(1), campaign_id="c1"),  # the first moment
        event("coupon_redeem", "u1", at(3), campaign_id="c1"),
        event("coupon_redeem", "u1", at(11), campaign_id="c1"),  # the first moment after
        event("coupon_redeem", "u1", at(2), campaign_id="c9"),  # no such campaign
        event("coupon_redeem", "u2", at(6), campaign_id="c2"),  # not in this audience
        sale("u2", "milk", 1, 3, 1),  # the first moment
        sale("u2", "bread", 9, 7),
        sale("u2", "milk", 11, 100),  # the first moment after
        sale("u2", "eggs", 3, 100),  # not promoted
        sale("u3", "milk", 3, 100),  # no member
        sale("u1", "milk", 6, 4, 2),  # both campaigns promote it then
        sale("u1", "milk", 12, 5),  # c1 is over
    )
    return build_outcomes(counted(spark, happened), members(spark))


@pytest.fixture(scope="module")
def outcomes(frame: DataFrame) -> dict[tuple[str, str], Row]:
    return {(row.campaign_id, row.user_id): row for row in frame.collect()}


def test_every_member_has_one_row(frame: DataFrame, outcomes: dict[tuple[str, str], Row]) -> None:
    assert set(outcomes) == {("c1", "u1"), ("c2", "u1"), ("c1", "u2"), ("c1", "u9")}
    assert frame.count() == 4
    assert not split(frame, CAMPAIGN_OUTCOMES)[1].head()


def test_a_conversion_counts_from_the_start_and_not_from_the_end(outcomes: dict[tuple[str, str], Row]) -> None:
    row = outcomes["c1", "u1"]
    assert (row.n_conversions, row.is_converted, row.first_conversion_at) == (2, True, at(1))
    assert (row.n_impressions, row.n_clicks) == (2, 1)
    assert not outcomes["c1", "u2"].is_converted


def test_sends_count_and_cost_whenever_they_happened(outcomes: dict[tuple[str, str], Row]) -> None:
    sent = {key: (row.n_sends, row.cost) for key, row in outcomes.items()}
    assert sent == {("c1", "u1"): (2, 2 * Decimal("0.50")), ("c2", "u1"): (1, 2), ("c1", "u2"): (0, 0), ("c1", "u9"): (0, 0)}


def test_revenue_is_promoted_items_bought_while_the_campaign_runs(outcomes: dict[tuple[str, str], Row]) -> None:
    assert (outcomes["c1", "u2"].revenue, outcomes["c1", "u2"].discount) == (3 + 7, 1)
    assert (outcomes["c1", "u1"].revenue, outcomes["c1", "u1"].discount) == (4, 2)
    assert (outcomes["c2", "u1"].revenue, outcomes["c2", "u1"].discount) == (4 + 5, 2)


def test_a_member_of_whom_nothing_is_known_has_zeros(outcomes: dict[tuple[str, str], Row]) -> None:
    row = outcomes["c1", "u9"]
    assert (row.segment, row.revenue, row.n_conversions, row.first_conversion_at) == ("unknown", 0, 0, None)
    assert [outcomes["c1", user].segment for user in ("u1", "u2")] == ["young", "unknown"]
