"""Chapters about effects, credit, cohorts and the plan: which rows count, and the arithmetic of what is said."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.campaign.attribution import RULES
from mapping_spark.campaign.channels import MARKOV_ORDERS, SHAPLEY, SHAPLEY_RATE
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.page import specification
from mapping_spark.report.sections import cohorts, effects, uplift
from mapping_spark.tables.attribution import CHANNEL_ATTRIBUTION
from mapping_spark.tables.campaigns import CONVERSION_DELAYS, USER_ACTIVITY, USER_COHORTS
from mapping_spark.tables.effects import CAMPAIGN_EFFECTS

from ..views import views

DAY = dt.date(2024, 3, 10)


def ago(days: int) -> dt.date:
    return DAY - dt.timedelta(days)


TABLES: dict[Any, list[dict[str, Any]]] = {
    CHANNEL_ATTRIBUTION: [
        dict(method=method, channel=channel, conversions=Decimal(n))
        for method in ("shapley_rate", "shapley", "last")
        for channel, n in (("mail", "1.5"), ("web", "0.5"), ("(unattributed)", "2"))
    ],
    CAMPAIGN_EFFECTS: [
        dict(campaign_id="c1", metric="revenue", method="matched", origin=origin, effect=effect)
        for origin, effect in ((0, 1.0), (-2, 2.0), (-4, None))
    ],
    USER_COHORTS: [
        dict(cohort_date=first, week=week, n_users=10, n_active_users=active, is_complete=complete)
        for first, week, active, complete in (
            (ago(365), 1, 9, True),  # too long ago
            (ago(364), 0, 10, True),  # the first week holds everybody
            (ago(364), 1, 4, True),
            (ago(364), 52, 1, True),
            (ago(364), 53, 1, True),
            (ago(13), 1, 2, True),
            (ago(6), 1, 9, False),  # not over yet
        )
    ],
    USER_ACTIVITY: [dict(date=ago(n), n_daily_users=n, n_weekly_users=20, n_monthly_users=40, is_full_month=n < 9) for n in range(1, 11)],
    CONVERSION_DELAYS: [
        dict(campaign_id=campaign, variant="mailed", days=days, n_users=3) for campaign in ("c1", "c2") for days in (-8, -7, 0, 90, 91)
    ],
}


@pytest.fixture(scope="module")
def ask(spark: SparkSession) -> Ask:
    return Ask(views(spark, TABLES), DAY, ())


def texts(grid: Any) -> list[list[str]]:
    return [[cell.text for cell in row] for row in grid.cells]


def test_every_method_of_attribution_has_its_picture_and_its_place(ask: Ask) -> None:
    assert set(effects.METHODS) == {*RULES, *(f"markov_{order}" for order in MARKOV_ORDERS), SHAPLEY, SHAPLEY_RATE}
    *_, chart, grid = effects.section(ask).blocks
    assert [picture["title"] for picture in map(specification, chart.pictures)] == ["last", "shapley", "shapley rate"]
    assert [row[:4] for row in texts(grid)] == [
        [method, channel, orders, part]  # of 4 orders
        for method in ("last", "shapley", "shapley_rate")
        for channel, orders, part in (("mail", "1.5", "37.5 %"), ("web", "0.5", "12.5 %"), ("(unattributed)", "2.0", "50.0 %"))
    ]
    scales = {str(specification(picture)["layer"][0]["encoding"]["x"]["scale"]["domain"]) for picture in chart.pictures}
    assert scales == {"[0, 1.5]"}  # one for all, without the orders that nothing came before


def test_an_estimate_stands_beside_its_placebos_and_says_how_many_lie_farther_out(ask: Ask) -> None:
    section = effects.section(ask)
    assert section.lead.endswith("Of 4 orders 2 (50.0 %) had a touch before them; attribution parts them among channels, and says "
                                 "nothing of what would have been bought anyway.")  # fmt: skip
    chart = section.blocks[0]
    estimates, placebos = chart.answers
    assert [row["effect"] for row in estimates.records] == [1.0]
    assert [(row["origin"], row["effect"]) for row in placebos.records] == [(-2, 2.0)]
    assert {row["estimate"] for row in (*estimates.records, *placebos.records)} == {"c1, revenue\nmatched"}  # one line of the picture


def effect(value: float, largest: float | None) -> tuple[Any, ...]:
    return value, largest, "not an experiment"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((effect(3, 2), effect(-3, 2), effect(2, -3)), "2 of 3"),  # as far, whatever the sign
        ((effect(2, -2),), "0 of 1"),  # no farther
        ((effect(0.5, None),), "1 of 1"),  # no placebo
    ],
)
def test_an_effect_is_beyond_its_placebos_by_distance_from_0(rows: tuple[tuple[Any, ...], ...], said: str) -> None:
    answer = Answer("effects", "", ("effect", "largest_placebo", "assumptions"), rows)
    assert f"{said} estimates lie farther from 0 than every placebo" in effects.told(answer)


def test_one_channel_is_told_and_not_drawn() -> None:
    rows = (("last", "mail", 3.0, None, None, 0.75, False), ("last", "(unattributed)", 1.0, None, None, 0.25, True))
    credits = Answer("credits", "", ("method", "channel", "conversions", "revenue", "removal_effect", "share", "is_unattributed"), rows)
    assert effects.parted(credits).endswith("All came by mail, so every method says the same.")
    assert [block.kind for block in effects.credited(credits)] == ["grid"]


def test_whole_weeks_of_a_year_s_cohorts_are_shown(ask: Ask) -> None:
    section = cohorts.section(ask)
    assert section.lead.startswith(
        "Of the users of all cohorts old enough were active: 30.0 % in the week after the first. On 2024-03-09 1 "
    )
    heat, grid, _, delays = section.blocks
    assert [row[:3] for row in heat.answers[0].rows] == [("2023-03-12 · 10", 1, 4), ("2023-03-12 · 10", 52, 1), ("2024-02-26 · 10", 1, 2)]
    assert [row[:3] for row in texts(grid)] == [["1", "20", "6"], ["52", "10", "1"]]
    assert delays.answers[0].rows == ((-7, 6), (0, 6), (90, 6))


def test_stickiness_is_a_share_of_a_day_and_over_a_week_the_ratio_of_sums(ask: Ask) -> None:
    activity = ask("activity", cohorts.ACTIVITY).records
    assert [row["day"] for row in activity] == [str(ago(n)) for n in range(8, 0, -1)]  # days whose month is whole
    assert [row["stickiness"] for row in activity[:2]] == [8 / 40, 7 / 40]
    assert [row["weekly_stickiness"] for row in activity[:2]] == pytest.approx([8 / 40, (8 + 7) / 80])
    assert activity[-1]["weekly_stickiness"] == pytest.approx((1 + 2 + 3 + 4 + 5 + 6 + 7) / (7 * 40))


def test_a_plan_is_told_with_its_gap_where_there_is_one() -> None:
    columns = ("all_users", "all_cost", "all_gain", "gap")
    said = uplift.planned(Answer("plan", "", columns, ((1200, 600.0, 3000.0, 0.012),)))
    assert said == "The plan sends to 1,200 users at a cost of 600 for a gain of 3,000, at most 1.2 % below the best plan there can be."
    assert uplift.planned(Answer("plan", "", columns, ((1, 1.0, 2.0, None),))).endswith("for a gain of 2.")
    assert uplift.planned(Answer("plan", "", columns, ())) == "The plan sends nothing to anyone."
