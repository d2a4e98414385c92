from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from mapping_spark.campaign.effect import ASSUMPTIONS
from mapping_spark.campaign.effect_table import Sources, build_effects, effect_rows
from mapping_spark.campaign.panel import Weeks
from mapping_spark.campaign.settings import EffectConfig
from mapping_spark.errors import MissingInput
from mapping_spark.tables.frames import rows
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, CAMPAIGN_ITEMS, CAMPAIGNS, EVENTS


def sums(*origins: int, gain: float) -> pd.DataFrame:
    """Two mailed users and two others of one stratum; at origin 0 the mailed spend `gain` more after it, 5 weeks in all."""
    groups = [(origin, mailed, gain if mailed and not origin else 0.0) for origin in origins for mailed in (True, False)]
    return pd.DataFrame(
        [
            {"origin": o, "is_mailed": mailed, "stratum": 0, "n_users": 2, "change": 2 * up, "change_sq": 2 * up**2}
            | {f"week_{n}": 2 * (up if n == 4 else 0.0) for n in range(5)}
            for o, mailed, up in groups
        ]
    )


def test_only_the_real_origin_is_judged_and_what_is_no_number_has_no_column() -> None:
    weeks = Weeks(history=4, after=1, origins=(0, -1, -3))
    found: dict[tuple[Any, Any], dict[str, Any]] = {(r["method"], r["origin"]): r for r in effect_rows(sums(0, -1, -3, gain=3), weeks)}
    assert [origin for method, origin in found if method == "matched"] == [0, -1, -3]
    real, placebo = found["matched", 0], found["matched", -1]
    # Both placebos found nothing: the effect is the farthest of three, and no multiple of the largest placebo says how far.
    assert (real["effect"], real["placebo_p_value"], real["largest_placebo"]) == (3, pytest.approx(1 / 3), 0)
    assert "bears" not in real
    assert not {"placebo_p_value", "largest_placebo", "bears"} & set(placebo)
    assert {(row["n_weeks"], row["n_mailed"], row["n_others"], row["assumptions"]) for row in found.values()} == {(1, 2, 2, ASSUMPTIONS)}
    assert "fit_error" in found["synthetic_control", 0]
    assert "ci_low" not in found["synthetic_control", 0]
    alone = {r["method"]: r for r in effect_rows(sums(0, gain=3), Weeks(history=4, after=1, origins=(0,)))}
    assert "placebo_p_value" not in alone["matched"]  # nothing to hold it against


@pytest.mark.parametrize("members", [[], [("c", "u1", "control"), ("d", "u1", "mailed")]], ids=["nobody", "only those held out"])
def test_a_campaign_that_was_mailed_to_nobody_is_refused(spark: SparkSession, members: list[tuple[str, str, str]]) -> None:
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=7 * week) for week in range(10)]
    bought = [{"event_id": f"{day}", "user_id": "u1", "event_type": "purchase", "event_date": day, "value": Decimal(1)} for day in days]
    sources = Sources(
        rows(spark, EVENTS, *bought),
        rows(spark, CAMPAIGNS, {"campaign_id": "c", "start_at": dt.datetime(2024, 2, 19)}),
        rows(spark, CAMPAIGN_AUDIENCE, *({"campaign_id": c, "user_id": user, "variant": variant} for c, user, variant in members)),
        rows(spark, CAMPAIGN_ITEMS),
    )
    with pytest.raises(
        MissingInput, match="effects.campaigns: nobody mailed by 'c'; expected users of silver.campaign_audience but its control"
    ):
        build_effects(sources, EffectConfig(campaigns=("c",), history_weeks=4), "UTC")


def test_events_without_a_purchase_are_refused(spark: SparkSession) -> None:
    click = {"event_id": "1", "user_id": "u1", "event_type": "click", "event_date": dt.date(2024, 1, 1)}
    campaign = rows(spark, CAMPAIGNS, {"campaign_id": "c", "start_at": dt.datetime(2024, 2, 19)})
    sources = Sources(rows(spark, EVENTS, click), campaign, rows(spark, CAMPAIGN_AUDIENCE), rows(spark, CAMPAIGN_ITEMS))
    with pytest.raises(MissingInput, match="silver.events: no purchase; expected purchases before and after a campaign began"):
        build_effects(sources, EffectConfig(campaigns=("c",), history_weeks=4), "UTC")
