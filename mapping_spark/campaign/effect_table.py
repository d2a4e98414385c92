"""gold.campaign_effects: estimates of the configured campaigns at their real start and at placebo weeks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.effect import ASSUMPTIONS, Estimate, estimates, placebo
from mapping_spark.campaign.panel import Weeks, panel, sums_by_stratum, weekly
from mapping_spark.campaign.settings import EffectConfig
from mapping_spark.errors import MissingInput
from mapping_spark.tables.effects import CAMPAIGN_EFFECTS
from mapping_spark.tables.frames import rows


@dataclass(frozen=True, slots=True)
class Sources:
    """What effects are told from."""

    events: DataFrame
    """Money in one currency (`inputs.priced`)."""
    campaigns: DataFrame
    audience: DataFrame
    campaign_items: DataFrame


def build_effects(sources: Sources, config: EffectConfig, zone: str) -> DataFrame:
    """Every configured campaign, metric, method and origin. `zone`: the business time zone, in which days begin.

    Users of the audience's `control` count among the others. Weeks are compared only where the campaign ran (to the last event,
    where it has no end) and the events reach whole weeks. Runs Spark jobs at once. Raises `MissingInput` for a campaign that is
    not declared or was mailed to nobody, or without any purchase, `ContractError` where too little lies before it.
    """
    purchases = sources.events.where(F.col("event_type") == "purchase").select("user_id", "item_id", "event_date", "value")
    found = [row for name in config.campaigns for row in _of_campaign(sources, purchases, name, config, zone)]
    return rows(sources.events.sparkSession, CAMPAIGN_EFFECTS, *found)


def _of_campaign(sources: Sources, purchases: DataFrame, name: str, config: EffectConfig, zone: str) -> Iterator[dict[str, Any]]:
    of_campaign = F.col("campaign_id") == name
    days = [F.to_date(F.from_utc_timestamp(column, zone)) for column in ("start_at", "end_at")]
    declared = sources.campaigns.where(of_campaign).select(*days).collect()
    if not declared:
        raise MissingInput("effects.campaigns", f"no campaign {name!r}", "campaigns of silver.campaigns", "Mend the settings.")
    (start, end), (first, last) = declared[0], purchases.agg(F.min("event_date"), F.date_add(F.max("event_date"), 1)).collect()[0]
    if last is None:
        raise MissingInput("silver.events", "no purchase", "purchases before and after a campaign began", "Deliver them, or clear effects.")
    weeks = Weeks.around(
        first_day=first,
        start=start,
        after=(min(end or last, last) - start).days // 7,
        history=config.history_weeks,
        step=config.placebo_step,
    )
    mailed = sources.audience.where(of_campaign & (F.col("variant") != "control")).select("user_id")
    if mailed.isEmpty():
        expected = "users of silver.campaign_audience but its control"
        raise MissingInput("effects.campaigns", f"nobody mailed by {name!r}", expected, "Mend the settings, or deliver its audience.")
    promoted = sources.campaign_items.where(of_campaign).select("item_id")
    metrics = {"revenue": purchases, "campaign_revenue": purchases.join(promoted, on="item_id", how="left_semi")}
    for metric, bought in metrics.items():
        sums = sums_by_stratum(panel(weekly(bought, start), mailed, weeks), weeks, config.n_strata)
        yield from ({"campaign_id": name, "metric": metric} | row for row in effect_rows(sums, weeks))


def effect_rows(sums: pd.DataFrame, weeks: Weeks) -> Iterator[dict[str, Any]]:
    """Rows of gold.campaign_effects of one campaign and metric, but for these two columns."""
    for method, by_origin in estimates(sums, weeks.history).items():
        beside = placebo(by_origin[0], [estimate for origin, estimate in by_origin.items() if origin])
        judged = {"placebo_p_value": beside.p_value, "largest_placebo": beside.largest, "bears": beside.bears}
        for origin, estimate in sorted(by_origin.items(), reverse=True):
            row = {"method": method, "origin": origin, "n_weeks": weeks.after, "assumptions": ASSUMPTIONS} | _numbers(estimate)
            yield row | (_known(judged) if origin == 0 else {})


def _numbers(estimate: Estimate) -> dict[str, Any]:
    counts = {name: getattr(estimate, name) for name in ("n_mailed", "n_others", "n_unmatched")}
    return counts | _known({name: getattr(estimate, name) for name in ("effect", "ci_low", "ci_high", "fit_error")})


def _known(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}
