"""Chapters about households, models and their lists: which rows count, in which order, and what is said of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.report.ask import Ask
from mapping_spark.report.page import specification
from mapping_spark.report.sections import models, recommendations, segments
from mapping_spark.tables.contract import Table
from mapping_spark.tables.gold import CAMPAIGN_KPIS, MODEL_METRICS, MODEL_RUNS, PROMOTIONS, RECOMMENDATIONS
from mapping_spark.tables.ops import TABLE_HISTOGRAMS
from mapping_spark.tables.silver import INTERACTIONS, ITEMS

from ..views import views

DAY = dt.date(2024, 3, 10)
DATED = dict(as_of_date=DAY)


def metric(model: str, value: float | None, name: str = "ndcg", **others: object) -> dict[str, object]:
    return DATED | dict(run_id=model, model=model, protocol="new_items", metric=name, k=10, segment="all", value=value, n_users=4) | others


METRICS = [
    metric("b", 0.5, ci_low=0.25, ci_high=0.75),
    metric("b", 0.125, "recall"),
    metric("a", 0.5, n_users=5),  # as good: by name
    metric("c", 0.75),
    metric("d", 0.9, k=20),
    metric("d", 0.9, protocol="all_items"),
    metric("e", 0.9, as_of_date=DAY - dt.timedelta(1)),
    metric("f", 0.9, "recall"),  # nobody was judged by ndcg
    metric("g", None),
    # what is known of households: of all models and cut-offs the most
    *(metric("b", 0.5, protocol="all_items", segment=name, n_users=n, n_users_skipped=10) for name, n in
      (("items 100+", 1), ("items 20-99", 2), ("items 1-19", 3), ("all", 6), ("largest_gap", 9))),
]  # fmt: skip
GATE: dict[str, Any] = DATED | dict(metric="ndcg@10 new_items", reason="each rule")
DECISIONS: list[dict[str, Any]] = [
    GATE | dict(decision_id="1", model="a", verdict="rejected", delta=-0.25),
    GATE | dict(decision_id="2", model="c", verdict="promoted", delta=0.25, ci_low=0.125, ci_high=0.375),
    GATE | dict(decision_id="3", model="b", verdict="rollback", metric="", delta=None),
    GATE | dict(decision_id="4", model="x", verdict="promoted", as_of_date=DAY - dt.timedelta(1)),
]


def declared(column: str, value: str, n: int, kind: str = "value") -> dict[str, object]:
    return DATED | dict(table_name="silver.users", column_name=column, kind=kind, bin=value, n_rows=n)


HISTOGRAMS = [
    *(declared("income_band", band, 1) for band in ("15-24K", "250K+", "Under 15K", "35-49K")),
    declared("age_band", "65+", 2),
    declared("age_band", "19-24", 1),
    declared("age_band", "", 4, "null"),
    declared("segment", "north", 3),
    declared("segment", "", 2, "other"),
    declared("segment", "", 5, "null"),
    declared("segment", "south", 9) | dict(table_name="silver.events"),
    declared("segment", "south", 9) | dict(as_of_date=DAY - dt.timedelta(1)),
]
USERS = [f"u{n:02}" for n in range(14)]
BOUGHT = [
    DATED | dict(user_id=user, item_id=f"i{n:02}", weight=float(weight), n_events=n, last_at=dt.datetime(2024, 3, 9, 23, 30))
    for user in USERS[1:]  # u00 bought nothing
    for n, weight in enumerate([3, 9, 3, *range(8, 0, -1)])  # eleven items, i00 as heavy as i02
]
LISTS = [
    DATED | dict(user_id=user, rank=rank, item_id=f"i{rank:02}", stage=stage, reason_code=code, reason=f"place {rank}")
    for user in USERS
    for rank, stage, code in ((2, "popular", "popular"), (1, "model", "bought_again"))
]
KPIS = [
    dict(campaign_id=campaign, segment=segment, n_users=10, n_converted_users=n, revenue=20, revenue_sq=60.0)
    for campaign, segment, n in (("c1", "south", 1), ("c1", "north", 5), ("c2", "south", 3))
]


@pytest.fixture(scope="module")
def ask(spark: SparkSession) -> Ask:
    tables: dict[Table, list[dict[str, Any]]] = {
        MODEL_METRICS: METRICS,
        MODEL_RUNS: [DATED | dict(run_id="b", model="b", train_seconds=1.5)],
        PROMOTIONS: DECISIONS,
        TABLE_HISTOGRAMS: HISTOGRAMS,
        CAMPAIGN_KPIS: KPIS,
        INTERACTIONS: BOUGHT,
        RECOMMENDATIONS: [*LISTS, LISTS[0] | dict(as_of_date=DAY - dt.timedelta(1), user_id="gone", rank=1)],
        ITEMS: [dict(item_id="i01", title="GREEN tea")],
    }
    return Ask(views(spark, tables), DAY, ())


def texts(grid: Any) -> list[list[str]]:
    return [[cell.text for cell in row] for row in grid.cells]


def test_models_stand_best_first_and_only_those_judged_at_the_cut_off_on_the_date(ask: Ask) -> None:
    section = models.section(ask)
    assert "by what 6 households bought afterwards" in section.lead  # the most of either protocol
    assert section.lead.endswith("The gate lets c out.")
    grids = {block.caption: texts(block) for block in section.blocks if block.kind == "grid"}
    assert grids["New items"] == [
        ["c", "0.7500", "–", "–", "–", "–", "–"],
        ["a", "0.5000", "–", "–", "–", "–", "–"],
        ["b", "0.5000 [0.2500, 0.7500]", "–", "0.125", "–", "–", "1.5"],
    ]
    assert [row[0] for row in grids["All items"]] == ["d", "b"]


def test_decisions_stand_by_their_difference_and_one_without_a_difference_last(ask: Ask) -> None:
    *_, chart, grid = models.section(ask).blocks
    assert chart.title == "The gate: ndcg@10 new_items"
    assert [row[:3] for row in texts(grid)] == [
        ["c", "promoted", "0.2500 [0.1250, 0.3750]"],
        ["a", "rejected", "-0.2500"],
        ["b", "rollback", "–"],
    ]
    assert [row[1].tone for row in grid.cells] == ["promoted", "rejected", "rollback"]


def test_what_households_declared_is_in_the_order_of_its_numbers(ask: Ask) -> None:
    section = segments.section(ask)
    chart, known, response = section.blocks
    assert [tuple(row.values()) for row in chart.answers[0].records] == [
        ("age_band", "19-24", 1),
        ("age_band", "65+", 2),
        ("age_band", "undeclared", 4),
        ("income_band", "Under 15K", 1),
        ("income_band", "15-24K", 1),
        ("income_band", "35-49K", 1),
        ("income_band", "250K+", 1),
        ("segment", "(rare)", 2),
        ("segment", "north", 3),
        ("segment", "undeclared", 5),
    ]
    assert section.lead.startswith("5 households declared a segment; 36 are known by what they bought")  # 3 + 2; (3 + 2 + 1) + 3 x 10
    assert chart.caption == "Households that declared it; 5 declared no segment."
    pictures = [specification(picture) for picture in chart.pictures]
    assert [(picture["title"], picture["height"]) for picture in pictures] == [
        ("Declared segment", 2 * 24),
        ("Age of the head", 2 * 24),
        ("Income, thousands a year", 4 * 24),
    ]
    assert texts(known) == [["items 1-19", "13", "3"], ["items 20-99", "12", "2"], ["items 100+", "11", "1"]]
    assert [row[:3] + row[4:5] for row in texts(response)] == [["north", "10", "5", "20"], ["south", "20", "4", "40"]]
    assert [row[3].split(" [")[0] for row in texts(response)] == ["50.0 %", "20.0 %"]  # 5 of 10, 4 of 20


def test_a_dozen_households_are_drawn_each_with_its_history_and_its_whole_list(ask: Ask) -> None:
    section = recommendations.section(ask)
    assert section.lead.startswith("28 places in the lists of at least 14 households")
    assert "The 12 shown here" in section.lead
    picker, slots = section.blocks
    assert len({household.user_id for household in picker.households} & set(USERS)) == 12
    for household in picker.households:
        assert [[cell.text for cell in row] for row in household.recommended] == [
            ["1", "Green Tea", "place 1", "model"],
            ["2", "–", "place 2", "popular"],  # an item that has no title
        ]
        # 9 weighs most; i00 weighs as much as i02 and i08, and the lightest of eleven is left out
        counts = [row[1].text for row in household.bought]
        assert counts == ([] if household.user_id == "u00" else ["1", "3", "4", "5", "6", "7", "0", "2", "8", "9"])
        assert {row[2].text for row in household.bought} <= {"2024-03-09"}
    assert texts(slots) == [["model", "bought_again", "14", "14"], ["popular", "popular", "14", "14"]]
