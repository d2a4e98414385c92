"""What came out of an evaluation, from rows that a reader can sort by eye; and snapshots of histories told apart."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark import prompt
from mapping_spark.errors import ConfigError
from mapping_spark.features.interactions import InteractionsConfig
from mapping_spark.features.snapshot import Content
from mapping_spark.models import registry
from mapping_spark.prompt import History, Judged

COLUMNS = ["metric", "k", "segment", "protocol", "model", "value", "ci_low", "ci_high"]
ROWS: list[tuple[Any, ...]] = [
    ("ndcg", 5, "all", "all_items", "als", 0.9, 0.8, 1.0),  # a shorter list than the longest
    ("ndcg", 10, "all", "all_items", "als", 0.2, 0.1, 0.3),
    ("ndcg", 10, "all", "all_items", "repeat", 0.4, 0.35, 0.45),
    ("ndcg", 10, "all", "all_items", "crowd", 0.2, None, None),
    ("ndcg", 10, "all", "new_items", "als", 0.3, 0.2, 0.4),
    ("ndcg", 10, "all", "new_items", "repeat", 0.0, 0.0, 0.0),
    ("ndcg", 10, "loyal", "all_items", "crowd", 0.99, 0.9, 1.0),  # some users only
    ("recall", 10, "all", "all_items", "als", 0.5, 0.4, 0.6),
]


@pytest.fixture
def judged() -> Judged:
    return Judged(pd.DataFrame(ROWS, columns=COLUMNS))  # null is NaN in it, as in what Spark hands over


def test_the_best_model_stands_first_by_the_longest_list_over_all_users(judged: Judged) -> None:
    table = judged.table()
    assert list(table.index) == ["repeat", "als", "crowd"]  # 0.4, then 0.3 of als under the other protocol
    assert table.loc["als"].to_dict() == {"all_items": "0.2000 [0.1000, 0.3000]", "new_items": "0.3000 [0.2000, 0.4000]"}
    assert table.loc["crowd", "all_items"] == "0.2000"  # without an interval
    assert pd.isna(table.loc["crowd", "new_items"])  # not measured


def test_equal_models_stand_by_name(judged: Judged) -> None:
    rows = judged.metrics[(judged.metrics["protocol"] == "all_items") & (judged.metrics["model"] != "repeat")]
    assert list(Judged(rows.iloc[::-1]).table().index) == ["als", "crowd"]


def test_a_metric_or_a_length_is_chosen_by_name(judged: Judged) -> None:
    assert list(judged.table("recall").index) == ["als"]
    assert judged.table(k=5).loc["als", "all_items"] == "0.9000 [0.8000, 1.0000]"


@pytest.mark.parametrize(
    ("metric", "k", "found"),
    [
        ("ndgc", None, "an evaluation: no ndgc@None; expected one of ['ndcg', 'recall']"),
        ("ndcg", 7, "no ndcg@7; expected one of ['ndcg', 'recall'] at [5, 10]"),
    ],
)
def test_what_was_not_measured_is_refused_with_what_was(judged: Judged, metric: str, k: int | None, found: str) -> None:
    for ask in (judged.table, judged.picture):
        with pytest.raises(ConfigError, match=re.escape(found)):
            ask(metric, k)


def test_a_judgement_reads_as_its_table(judged: Judged) -> None:
    assert repr(judged).splitlines()[0] == "ndcg@10 with 95 % intervals over users"
    assert repr(judged).count("\n") == 2 + 3  # the head of the table is two lines


def test_a_picture_has_a_mark_for_each_model_of_one_protocol(judged: Judged) -> None:
    labels = {text.get_text() for axes in judged.picture(protocol="new_items").axes for text in axes.get_yticklabels()}
    assert {"als", "repeat"} <= labels
    assert "crowd" not in labels


def taken(*items: str, **more: object) -> pd.DataFrame:
    days = [f"2017-11-{day:02d}T12:00:00Z" for day in range(1, len(items) + 1)]
    return pd.DataFrame({"user_id": "u", "item_id": items, "event_at": days}).assign(**more)


def test_histories_of_equal_pairs_in_another_order_are_other_snapshots(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both took each item twice and last at the same times, as pairs they are one."""

    def key(rows: DataFrame, content: Content, root: str, now: dt.datetime) -> str:
        return content.key

    monkeypatch.setattr(prompt, "ensure", key)
    one, other = (
        History.of(taken(*items), "2017-12-01", config=InteractionsConfig(half_life_days=None))
        for items in (("a", "b", "a", "b"), ("b", "a", "a", "b"))
    )
    lstm: Any = registry.build("lstm", registry.parse_configs({"lstm": {}})["lstm"], prompt.SEED)
    first, second, again = (history._snapshot(lstm, 1, "nowhere") for history in (one, other, one))
    assert first == again != second
