"""What a planned campaign can be expected to bring: past campaigns like it, with an interval and the record of such forecasts."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

N_SIMILAR = 5
"""Past campaigns that a forecast rests on, at most."""
AT_LEAST = 3
"""Fewer past campaigns give no forecast."""
OTHER_TYPE = 1.0
"""Distance of campaigns of two types; that of two that differ e-fold in users or in days is 1, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What is known of a campaign before it starts, and what came of it per user."""

    campaign_id: str
    campaign_type: str
    start: dt.date
    end: dt.date
    """The day after its last."""
    n_users: int
    value: float
    """The measure, per user."""

    def distance(self, other: Campaign) -> float:
        """How unlike two campaigns are: type, audience and duration, the last two on a log scale."""
        days = [(one.end - one.start).days for one in (self, other)]
        of_type = 0.0 if self.campaign_type == other.campaign_type else OTHER_TYPE
        return of_type + abs(math.log(max(self.n_users, 1) / max(other.n_users, 1))) + abs(math.log(days[0] / days[1]))


@dataclass(frozen=True, slots=True)
class CampaignForecast:
    """Of one campaign, in the measure's unit."""

    value: float
    low: float
    """Lower end of the 95 % prediction interval, 0 or more."""
    high: float
    similar: tuple[str, ...]
    """The campaigns it rests on, most alike first."""


def forecast_campaign(planned: Campaign, past: Sequence[Campaign]) -> CampaignForecast | None:
    """Weighted mean of the campaigns most like it that had ended when it starts; None where fewer than three had.

    Weights: 1 / (1 + distance). Interval: Student's t with their weighted spread between campaigns, for one more campaign.
    `planned.value` is not read.
    """
    ended = sorted((one for one in past if one.end <= planned.start), key=lambda one: (planned.distance(one), one.campaign_id))[:N_SIMILAR]
    if len(ended) < AT_LEAST:
        return None
    weights = np.array([1 / (1 + planned.distance(one)) for one in ended])
    weights /= weights.sum()
    values = np.array([one.value for one in ended])
    mean, effective = float(weights @ values), 1 / float(weights @ weights)
    variance = float(weights @ (values - mean) ** 2) * effective / (effective - 1)
    half = float(stats.t.ppf(0.975, len(ended) - 1)) * math.sqrt(variance * (1 + 1 / effective))
    return CampaignForecast(mean, max(0.0, mean - half), mean + half, tuple(one.campaign_id for one in ended))


def forecasts_with_record(campaigns: Sequence[Campaign], as_of: dt.date) -> Iterator[dict[str, Any]]:
    """A row per campaign that has a forecast: the forecast as it would have been at its start, what came (null where it has not
    ended by `as_of`), and the record: error and coverage of all forecasts of campaigns that had ended when it started."""
    ended = [one for one in campaigns if one.end <= as_of]
    found = {one.campaign_id: forecast_campaign(one, ended) for one in campaigns}
    for one in campaigns:
        ahead = found[one.campaign_id]
        if ahead is None:
            continue
        before = [(other, found[other.campaign_id]) for other in ended if other.end <= min(one.start, as_of)]
        record = [(abs(of.value - other.value), of.low <= other.value <= of.high) for other, of in before if of is not None]
        yield {
            "campaign_id": one.campaign_id,
            "forecast": ahead.value,
            "low": ahead.low,
            "high": ahead.high,
            "similar": ", ".join(ahead.similar),
            "actual": one.value if one.end <= as_of else None,
            "n_record": len(record),
            "record_mae": sum(error for error, _ in record) / len(record) if record else None,
            "record_coverage": sum(within for _, within in record) / len(record) if record else None,
        }
