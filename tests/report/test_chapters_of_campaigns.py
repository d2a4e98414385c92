"""Chapters about campaigns, experiments and assumptions: which rows count, and the arithmetic of what is said."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
import vl_convert
from pyspark.sql import SparkSession

from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.page import specification
from mapping_spark.report.sections import assumptions, campaigns, experiments
from mapping_spark.tables.experiments import EXPERIMENT_LOOKS, EXPERIMENT_RESULTS
from mapping_spark.tables.gold import CAMPAIGN_DAILY_KPIS, CAMPAIGN_KPIS, METRIC_REPLICATES, MODEL_RUNS
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.silver import CAMPAIGNS

from ..views import views

DAY = dt.date(2024, 3, 10)
DATED = dict(as_of_date=DAY)
AGAINST = dict(comparison="mailed against control", variant="mailed", segment="all", n_control_users=5, verdict="better")


def ago(days: int) -> dt.date:
    return DAY - dt.timedelta(days)


def result(campaign: str, metric: str, role: str, **others: object) -> dict[str, object]:
    return AGAINST | dict(campaign_id=campaign, metric=metric, role=role) | others


def look(campaign: str, days: int) -> dict[str, object]:
    return dict(
        campaign_id=campaign, metric="conversion_rate", comparison="mailed against control", as_of_date=ago(days), n_control_users=5
    )


TABLES: dict[Any, list[dict[str, Any]]] = {
    CAMPAIGN_KPIS: [
        dict(campaign_id="c1", variant="mailed", segment=segment, n_users=n, n_converted_users=1, n_sends=n, n_clicks=2)
        for segment, n in (("north", 4), ("south", 6))
    ]
    + [dict(campaign_id="c2", variant="control", segment="north", n_users=30)],
    CAMPAIGNS: [
        dict(campaign_id="c1", campaign_type="A", start_at=dt.datetime(2024, 3, 2, 23), end_at=dt.datetime(2024, 3, 8)),
        dict(campaign_id="c2", campaign_type="B", start_at=dt.datetime(2024, 2, 1), end_at=dt.datetime(2024, 2, 9)),
    ],
    CAMPAIGN_DAILY_KPIS: [
        dict(campaign_id="c1", variant=variant, date=dt.date(2024, 3, day), revenue=5) for variant in ("a", "b") for day in (3, 9)
    ],
    EXPERIMENT_RESULTS: [
        result("c2", "revenue", "secondary"),
        result("c2", "conversion_rate", "primary", verdict="worse"),
        result("c1", "discount", "guardrail", verdict="guardrail_held"),
        result("c1", "conversion_rate", "primary"),
        result("c1", "conversion_rate", "primary", segment="north"),
        result("c3", "conversion_rate", "primary", n_control_users=0),
    ],
    EXPERIMENT_LOOKS: [
        look("old", 366),
        *(look("c0", days) for days in (366, 365, 0, -1)),  # the first and the last are not within the year
        *(look(f"c{n}", 10 - n) for n in range(1, 7)),
    ],
    METRIC_REPLICATES: [DATED | dict(run_id="r", means=[0.5, 0.25, 0.75])],
    MODEL_RUNS: [DATED | dict(run_id=f"r{seed}", seed=seed) for seed in (11, 7, 7)],
    JOB_RUNS: [],
}


@pytest.fixture(scope="module")
def ask(spark: SparkSession) -> Ask:
    return Ask(views(spark, TABLES), DAY, ())


def texts(grid: Any) -> list[list[str]]:
    return [[cell.text for cell in row] for row in grid.cells]


def test_campaigns_are_summed_over_segments_and_a_step_nobody_recorded_is_left_out(ask: Ask) -> None:
    section = campaigns.section(ask)
    assert section.lead.startswith("2 campaigns reached 40 households-in-campaigns, of which 2 (5.0 %) redeemed at least once.")
    funnel, _, _, grid = section.blocks
    assert funnel.answers[0].rows == (("sent", 10), ("clicked", 4), ("redeemed, users", 2))
    assert [row[:5] for row in texts(grid)] == [
        ["c2 · B", "2024-02-01", "2024-02-09", "30", "0"],
        ["c1 · A", "2024-03-02", "2024-03-08", "10", "0"],
    ]
    assert texts(grid)[1][5].startswith("20.0 % [")  # 2 of 10


def test_days_and_windows_of_campaigns_stand_on_one_scale(ask: Ask) -> None:
    _, _, over_time, _ = campaigns.section(ask).blocks
    assert over_time.answers[0].rows == (("2024-03-03", 10.0, 0, 0), ("2024-03-09", 10.0, 0, 0))
    domains = [specification(picture)["encoding"]["x"]["scale"]["domain"] for picture in over_time.pictures]
    first, last = (int(dt.datetime(2024, *day, tzinfo=dt.UTC).timestamp() * 1000) for day in ((2, 1), (3, 9)))
    assert domains == [[{"expr": str(first)}, {"expr": str(last)}]] * 2


def test_a_campaign_without_an_end_is_drawn_to_the_last_day() -> None:
    rows = (("a", "2024-03-01", None, 1), ("b", "2024-03-02", "2024-03-08", 1), ("c", "2024-03-03", "2024-03-05", 1))
    kpis = Answer("campaigns", "", ("campaign", "starts", "ends", "n_users"), rows)
    picture = specification(campaigns.windows(kpis, Answer("daily", "", ("day",), (("2024-03-09",),))))
    drawn = vl_convert.vegalite_to_svg(picture | {"width": 800, "datasets": {"campaigns": kpis.records}})
    edges = [[float(x) for x in re.findall(r"[ML]([\d.]+),", bar)] for bar in re.findall(r'"bar"[^>]* d="([^"]+)"', drawn)]
    # 100 a day from the first of March on; corners are rounded by 2
    assert [(round(min(xs)), round(max(xs))) for xs in edges] == [(0, 800), (100, 700), (200, 400)]


def test_assumptions_are_read_back_and_nothing_is_divided_by_no_revenue_and_no_sends(ask: Ask) -> None:
    (grid,) = assumptions.section(ask).blocks
    found = {row[0]: row[1] for row in texts(grid)}
    assert found["Gross margin, as a share of revenue"] == "–"  # nothing was sold
    assert found["Cost of one send"] == "0.0000"
    assert found["Control groups"] == "1 of 3 groups"
    assert found["Bootstrap replicates behind an interval of a model"] == "2"  # the value itself is the first of three
    assert found["Seed of every random draw"] == "7, 11"


def test_comparisons_against_a_control_stand_primary_first(ask: Ask) -> None:
    section = experiments.section(ask)
    assert section.lead.startswith("Campaigns that held users out: 2.")
    assert section.lead.endswith("Of 2 primary comparisons: 1 better, 1 worse.")
    *_, grid = section.blocks
    assert [(row[0], row[2], row[4]) for row in texts(grid)] == [
        ("c1", "conversion_rate", "better"),
        ("c2", "conversion_rate", "worse"),
        ("c1", "discount", "guardrail held"),
        ("c2", "revenue", "better"),
    ]
    assert {row[4].tone for row in grid.cells} == {"better", "worse", "guardrail_held"}


def test_looks_of_a_year_are_shown_of_the_six_experiments_that_began_last(ask: Ask) -> None:
    _, chart, _ = experiments.section(ask).blocks
    shown = [row["experiment"].partition("\n")[0] for row in chart.answers[0].records]
    assert shown == ["c6", "c5", "c4", "c3", "c2", "c1"]
    assert len(chart.pictures) == experiments.MONITORED == 6
    few = experiments.LOOKS.replace(f"LIMIT {experiments.MONITORED}", "LIMIT 7")
    days = [row["day"] for row in ask("few", few).records if row["experiment"].startswith("c0")]
    assert days == [str(ago(365)), str(DAY)]


def test_every_verdict_of_an_experiment_has_a_colour() -> None:
    (check,) = (check for check in EXPERIMENT_RESULTS.checks if check.name == "known_verdict")
    assert set(experiments.VERDICTS) == set(re.findall(r"'(\w+)'", check.condition))
