from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession
from scipy import stats

from mapping_spark.campaign.campaign_forecasts import build_campaign_forecasts
from mapping_spark.campaign.similar import Campaign, forecast_campaign
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import CAMPAIGN_KPIS
from mapping_spark.tables.silver import CAMPAIGNS

AS_OF = dt.date(2017, 5, 20)


def test_a_running_campaign_is_forecast_from_three_that_have_ended(spark: SparkSession) -> None:
    months = {"c1": 1, "c2": 2, "c3": 3, "running": 5, "nobody": 5, "endless": 2}
    campaigns: list[dict[str, Any]] = [
        {"campaign_id": name, "campaign_type": "A", "start_at": dt.datetime(2017, month, 1, 8), "end_at": dt.datetime(2017, month, 25, 8)}
        for name, month in months.items()
    ]
    campaigns[-1]["end_at"] = None
    by_segment = {
        "c1": (5, 50),
        "c2": (10, 100),
        "c3": (15, 300),
        "running": (1, 9),
        "endless": (40, 9),
    }  # converted and revenue of 50 users
    kpis = [
        {"campaign_id": name, "variant": "a", "segment": segment, "n_users": 50, "n_converted_users": n, "revenue": Decimal(revenue)}
        for name, (n, revenue) in by_segment.items()
        for segment in ("s", "t")
    ]
    found = build_campaign_forecasts(rows(spark, CAMPAIGN_KPIS, *kpis), rows(spark, CAMPAIGNS, *campaigns), AS_OF).collect()
    assert {(row.campaign_id, row.measure) for row in found} == {("running", "redemption_rate"), ("running", "revenue_per_user")}
    by_measure = {row.measure: row for row in found}
    rate, money = by_measure["redemption_rate"], by_measure["revenue_per_user"]
    assert (rate.forecast, rate.similar, rate.actual) == (pytest.approx((0.1 + 0.2 + 0.3) / 3), "c1, c2, c3", None)
    assert rate.high - rate.forecast == pytest.approx(stats.t.ppf(0.975, 2) * 0.1 * math.sqrt(1 + 1 / 3))
    assert (money.forecast, money.low) == (pytest.approx((1 + 2 + 6) / 3), 0)
    assert {(row.as_of_date, row.n_record, row.record_mae) for row in found} == {(AS_OF, 0, None)}


def campaign(name: str, **facts: Any) -> Campaign:
    usual: dict[str, Any] = {"campaign_type": "A", "start": dt.date(2017, 1, 1), "end": dt.date(2017, 1, 11), "n_users": 100, "value": 1.0}
    return Campaign(campaign_id=name, **(usual | facts))


@pytest.mark.parametrize(
    ("facts", "distance"),
    [
        ({}, 0),
        ({"campaign_type": "B"}, 1),
        ({"n_users": 200}, math.log(2)),
        ({"n_users": 25}, math.log(4)),
        ({"n_users": 0}, math.log(100)),  # as one user
        ({"end": dt.date(2017, 1, 6)}, math.log(2)),
        ({"campaign_type": "B", "n_users": 50, "end": dt.date(2017, 1, 31)}, 1 + math.log(2) + math.log(3)),
    ],
)
def test_campaigns_are_as_unlike_as_type_audience_and_days(facts: dict[str, Any], distance: float) -> None:
    one, two = campaign("one"), campaign("two", **facts)
    assert (one.distance(two), two.distance(one)) == pytest.approx((distance, distance))


def test_only_the_five_most_alike_count_and_an_end_on_the_first_day_is_in_time() -> None:
    planned = campaign("new", start=dt.date(2017, 1, 11), end=dt.date(2017, 1, 21), value=math.nan)
    past = [campaign(f"c{n}", n_users=100 + n, value=float(n)) for n in range(7)]
    found = forecast_campaign(planned, past[::-1])
    assert found is not None
    assert found.similar == ("c0", "c1", "c2", "c3", "c4")
    weights = [1 / (1 + math.log((100 + n) / 100)) for n in range(5)]
    mean = sum(w * n for n, w in enumerate(weights)) / sum(weights)
    assert found.value == pytest.approx(mean)
    # effective number of campaigns: 1 / (sum of squared shares)
    shares = [w / sum(weights) for w in weights]
    effective = 1 / sum(share**2 for share in shares)
    variance = sum(share * (n - mean) ** 2 for n, share in enumerate(shares)) * effective / (effective - 1)
    assert found.high - mean == pytest.approx(stats.t.ppf(0.975, 4) * math.sqrt(variance * (1 + 1 / effective)))
    a_day_earlier = campaign("new", start=dt.date(2017, 1, 10), value=math.nan)
    assert forecast_campaign(a_day_earlier, past) is None
