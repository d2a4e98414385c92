"""What the demo prints of its tables: which rows, in which order, and the arithmetic between them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark import summary
from mapping_spark.evaluation.gate import GateConfig
from mapping_spark.job import Outcome
from mapping_spark.tables.gold import CAMPAIGN_KPIS, MODEL_METRICS, MODEL_RUNS, PROMOTIONS, RECOMMENDATIONS
from mapping_spark.tables.ops import EVENT_ACCOUNTING, JOB_RUNS
from mapping_spark.tables.silver import CAMPAIGNS, ITEMS, QUARANTINE

from .views import Views, views

DAY = dt.date(2024, 3, 10)
MONEY = Decimal("40.5")
BEFORE = DAY - dt.timedelta(1)
NOON = dt.datetime(2024, 3, 10, 12)
Printed = pytest.CaptureFixture[str]


def metric(model: str, value: float | None, name: str = "ndcg", **others: object) -> dict[str, object]:
    row = dict(as_of_date=DAY, run_id=model, model=model, protocol="new_items", metric=name, k=10, segment="all", value=value, n_users=1234)
    return row | others


def ran(job: str, start: float, seconds: float, **others: object) -> dict[str, object]:
    times = dict(started_at=NOON + dt.timedelta(seconds=start), ended_at=NOON + dt.timedelta(seconds=start + seconds))
    return dict(run_id=f"{job}{start}", job=job, as_of_date=DAY, status="succeeded", rows_in=100, rows_out=1500) | times | others


METRICS = [
    *(metric(model, 0.5, name) for model in ("als", "crowd", "new") for name in ("hit_rate", "recall", "coverage", "novelty")),
    metric("als", 0.25, ci_low=0.125, ci_high=0.375),
    metric("crowd", 0.5),
    metric("new", None),  # nobody counted
    metric("old", 0.9, as_of_date=BEFORE),
    metric("als", 0.75, as_of_date=BEFORE),
    metric("als", 0.9, k=20),
    metric("als", 0.9, segment="items 1-99"),
]
TABLES: dict[Any, list[dict[str, Any]]] = {
    EVENT_ACCOUNTING: [
        dict(source="mail", batch_id=0, n_in=5, n_clean=5),
        dict(source="shop", batch_id=0, n_in=6, n_clean=3, n_duplicate=1, n_quarantined=2),
        dict(source="shop", batch_id=1, n_in=2, n_clean=1),  # one is lost
    ],
    QUARANTINE: [dict(source="shop", reason_codes=codes, reason=codes.upper()) for codes in ("b", "a", "b")],
    MODEL_METRICS: METRICS,
    MODEL_RUNS: [dict(run_id="als", model="als", as_of_date=DAY, train_seconds=2.5)],
    PROMOTIONS: [
        dict(decision_id=str(n), model=model, verdict=verdict, delta=delta, metric="ndcg@10", reason="r", as_of_date=date, decided_at=NOON)
        for n, (model, verdict, delta, date) in enumerate(
            [("b", "rejected", None, DAY), ("a", "rejected", -0.25, DAY), ("c", "promoted", 0.25, DAY), ("d", "promoted", 1.0, BEFORE)]
        )
    ],
    RECOMMENDATIONS: [
        dict(as_of_date=DAY, user_id=f"u{user:02}", rank=rank, item_id=f"i{rank}", stage="model", reason=f"place {rank}")
        for user in range(12)
        for rank in (4, 3, 2, 1)
    ],
    ITEMS: [dict(item_id="i1", title="green [tea]")],
    CAMPAIGNS: [dict(campaign_id="c1", campaign_type="A")],
    CAMPAIGN_KPIS: [
        dict(campaign_id=name, segment=segment, variant="mailed", n_users=n, n_converted_users=n // 2, n_conversions=n, revenue=MONEY)
        for name, segment, n in (("c1", "north", 2), ("c1", "south", 2), ("c2", "north", 2000))
    ],
    JOB_RUNS: [
        ran("clean", 0, 9),
        ran("clean", 10, 2.5),  # the latest
        ran("rank", 5, 1, peak_memory_mb=2048),
        ran("quick", 1, 0),
        ran("rank", 90, 1, status="failed"),
        ran("rank", 95, 1, as_of_date=BEFORE),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def store(spark: SparkSession) -> Views:
    return views(spark, TABLES)


def tables(printed: Printed) -> list[list[list[str]]]:
    """The cells of each table that was printed, without heads."""
    found: list[list[list[str]]] = []
    for line in printed.readouterr().out.splitlines():
        if line[:1] == "┏":
            found.append([])
        elif line[:1] == "│":
            found[-1].append([cell.strip() for cell in line.split("│")[1:-1]])
    return found


def said(printed: Printed) -> str:
    """All of it as one line: a title is broken where its table ends."""
    return " ".join(printed.readouterr().out.split())


def test_records_add_up_or_it_is_said_that_they_do_not(store: Views, capsys: Printed) -> None:
    summary.show_accounting(store)
    accounts, reasons = tables(capsys)
    assert accounts == [["shop", "8", "4", "1", "2", "0", "NO"], ["mail", "5", "5", "0", "0", "0", "yes"]]
    assert reasons == [["shop", "b", "B", "2"], ["shop", "a", "A", "1"]]  # the most frequent first


def test_models_stand_best_first_and_one_without_a_value_last(store: Views, capsys: Printed) -> None:
    summary.show_models(store, DAY)
    everything, new = tables(capsys)
    assert everything == []  # nothing was judged under that protocol
    assert new == [
        ["crowd", "0.5000", "0.5000", "0.500", "0.500", "0.500", "0.0"],
        ["als", "0.2500 [0.1250, 0.3750]", "0.5000", "0.500", "0.500", "0.500", "2.5"],
        ["new", "-", "0.5000", "0.500", "0.500", "0.500", "0.0"],
    ]


def test_users_are_counted_in_the_title(store: Views, capsys: Printed) -> None:
    summary.show_models(store, DAY)
    printed = said(capsys)
    assert "everything bought afterwards counts (no users, from 2024-03-10 on)" in printed
    assert "only items new to the household count (1,234 users, from 2024-03-10 on)" in printed


def test_a_back_test_has_a_column_per_date_in_order_and_a_dash_where_a_model_was_not_judged(store: Views, capsys: Printed) -> None:
    summary.show_backtest(store, GateConfig(), [DAY, BEFORE])
    printed = said(capsys)
    assert printed.index("2024-03-09") < printed.index("2024-03-10")
    summary.show_backtest(store, GateConfig(), [DAY, BEFORE])
    assert tables(capsys) == [
        [["als", "0.7500", "0.2500 [0.1250, 0.3750]"], ["crowd", "-", "0.5000"], ["new", "-", "-"], ["old", "0.9000", "-"]]
    ]


def test_decisions_of_the_date_are_told_with_what_was_compared(store: Views, capsys: Printed) -> None:
    summary.show_promotions(store, DAY)
    printed = said(capsys)
    assert printed.startswith("Gate: ndcg@10, candidate less champion")
    summary.show_promotions(store, DAY)
    assert tables(capsys) == [[["a", "rejected", "-0.2500", "r"], ["b", "rejected", "-", "r"], ["c", "promoted", "0.2500", "r"]]]
    summary.show_promotions(store, DAY + dt.timedelta(1))
    assert "Gate: nothing, candidate" in said(capsys)


def test_ten_users_first_three_items_are_shown_each_user_named_once(store: Views, capsys: Printed) -> None:
    summary.show_recommendations(store, DAY)
    (shown,) = tables(capsys)
    assert len(shown) == 10 * 3
    assert [row[1:] for row in shown[:3]] == [
        ["1", "i1", "Green [tea]", "model", "place 1"],
        ["2", "i2", "-", "model", "place 2"],
        ["3", "i3", "-", "model", "place 3"],
    ]
    names = [row[0] for row in shown]
    assert len(set(names[::3])) == 10
    assert set(names[1::3]) == set(names[2::3]) == {""}


def test_campaigns_are_summed_over_segments_and_the_largest_stands_first(store: Views, capsys: Printed) -> None:
    summary.show_campaigns(store)
    (shown,) = tables(capsys)
    assert [(row[0], row[1], row[2], row[3], row[4].split(" ")[0], row[6]) for row in shown] == [
        ("c2", "-", "2,000", "2,000", "0.500", "40"),  # of a campaign that no source declares; 1,000 of 2,000 users
        ("c1", "A", "4", "4", "0.500", "81"),
    ]


def test_the_latest_success_of_each_job_is_shown_with_its_rate(store: Views, capsys: Printed) -> None:
    summary.show_jobs_run(store, DAY)
    printed = said(capsys)
    assert "latest run each: 4 s in all" in printed  # 0 + 1 + 2.5
    summary.show_jobs_run(store, DAY)
    assert tables(capsys) == [[
        ["quick", "100", "1,500", "0.0", "-", "0"],
        ["rank", "100", "1,500", "1.0", "100", "2,048"],
        ["clean", "100", "1,500", "2.5", "40", "0"],
    ]]  # fmt: skip


@pytest.mark.parametrize(("statuses", "is_told"), [(("unchanged", "unchanged"), True), (("unchanged", "succeeded"), False)])
def test_that_nothing_changed_is_said_where_nothing_did(store: Views, capsys: Printed, statuses: tuple[str, ...], is_told: bool) -> None:
    summary.show_summary(store, DAY, [Outcome("some", status) for status in statuses])
    assert ("Nothing changed: every job had already run" in said(capsys)) is is_told
