from __future__ import annotations

import datetime as dt
import math

import pytest
from scipy import stats

from mapping_spark.campaign.similar import Campaign, forecast_campaign, forecasts_with_record


def campaign(name: str, month: int, value: float, *, kind: str = "A", n_users: int = 100) -> Campaign:
    """A campaign of the first ten days of a month."""
    start = dt.date(2017, month, 1)
    return Campaign(campaign_id=name, campaign_type=kind, start=start, end=start + dt.timedelta(days=10), n_users=n_users, value=value)


PAST = [campaign("c1", 1, 0.1), campaign("c2", 2, 0.2), campaign("c3", 3, 0.3)]


def test_three_alike_give_their_mean_and_a_t_interval() -> None:
    found = forecast_campaign(campaign("new", 4, math.nan), PAST)
    assert found is not None
    assert found.value == pytest.approx(0.2)
    assert found.similar == ("c1", "c2", "c3")
    # deviation .1 between campaigns, for one more: sqrt(1 + 1 / 3)
    assert found.high - 0.2 == pytest.approx(stats.t.ppf(0.975, 2) * 0.1 * math.sqrt(4 / 3))
    assert found.low == 0  # a share is never below


def test_the_unlike_weigh_less() -> None:
    found = forecast_campaign(campaign("new", 5, math.nan), [*PAST, campaign("c4", 4, 1.0, kind="B")])
    assert found is not None
    assert found.value == pytest.approx((0.1 + 0.2 + 0.3 + 1.0 / 2) / 3.5)  # another type: distance 1, weight 1 / 2
    assert found.similar[-1] == "c4"


def test_the_future_is_not_read_and_two_are_too_few() -> None:
    assert forecast_campaign(campaign("new", 3, math.nan), PAST) is None


def test_the_record_counts_earlier_forecasts_only() -> None:
    every = [*PAST, campaign("c4", 4, 0.2), campaign("c5", 5, 9.0), campaign("c6", 6, math.nan)]
    found = {row["campaign_id"]: row for row in forecasts_with_record(every, dt.date(2017, 6, 1))}
    assert set(found) == {"c4", "c5", "c6"}
    assert (found["c4"]["n_record"], found["c4"]["record_mae"], found["c4"]["actual"]) == (0, None, 0.2)
    assert (found["c5"]["n_record"], found["c5"]["record_coverage"]) == (1, 1)
    assert (found["c6"]["n_record"], found["c6"]["record_coverage"], found["c6"]["actual"]) == (2, 0.5, None)
