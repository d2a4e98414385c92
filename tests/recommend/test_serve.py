"""From fitted models and tables to rows of recommendations: who is asked, what is offered, which lists are read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.errors import ConfigError
from mapping_spark.models.base import Vectors
from mapping_spark.models.fitting import Fitted
from mapping_spark.models.hybrid import Hybrid, HybridConfig
from mapping_spark.models.registry import parse_configs
from mapping_spark.recommend.publish import build_user_vectors
from mapping_spark.recommend.retrieve import Request
from mapping_spark.recommend.serve import Tables, lists_of, needed, published_similar, recommend
from mapping_spark.recommend.settings import Grid, RecommendConfig
from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import SIMILAR_ITEMS, USER_VECTORS
from mapping_spark.tables.silver import BLOCKED_ITEMS, EVENTS, INTERACTIONS, ITEM_IDS, ITEMS, USER_IDS, USERS

from .conftest import AS_OF, MakeEvidence, MakeVectors

ONE = Grid(1, 1)
YESTERDAY = AS_OF - dt.timedelta(days=1)
CONFIGS = parse_configs(
    {"popularity": {}, "als": {}, "tfidf": {}, "hybrid": {"history_from": [0], "weights": {"als": [1], "popularity": [2]}}}
)


def test_a_fusion_needs_its_members_and_any_other_model_itself() -> None:
    assert needed("als", CONFIGS) == {"als": CONFIGS["als"]}
    assert needed("hybrid", CONFIGS) == {name: CONFIGS[name] for name in ("hybrid", "als", "popularity")}


def test_a_model_without_settings_is_refused_with_those_that_have_them() -> None:
    told = r"the model 'item_knn' has no settings under models; expected one of \['als', 'hybrid', 'popularity', 'tfidf'\]. Choose one"
    with pytest.raises(ConfigError, match=told):
        needed("item_knn", CONFIGS)


@pytest.fixture
def models(dense: MakeVectors) -> dict[str, Fitted]:
    """Users 1 and 2 have vectors; als prefers 30, 20, 10 and popularity 10, 20, 30."""
    users = dense("user_idx", {1: [1], 2: [1]})
    als, popularity = (Vectors(users, dense("item_idx", scores)) for scores in ({10: [1], 20: [2], 30: [3]}, {10: [3], 20: [2], 30: [1]}))
    config = HybridConfig(history_from=(0,), weights={"als": (1.0,), "popularity": (2.0,)}, rank_constant=0, depth=3)
    return {"als": Fitted("a1", als), "popularity": Fitted("p1", popularity), "hybrid": Fitted("h1", fusion=Hybrid(config, seed=7))}


def test_a_fusion_reads_the_lists_of_its_members(models: dict[str, Fitted], known: MakeEvidence) -> None:
    found = lists_of("hybrid", models, known({}, []).interactions, Request(k=2, grid=ONE)).where("user_idx = 1").orderBy("rank").collect()
    assert [(row.item_idx, row["rank"]) for row in found] == [(10, 1), (30, 2)]
    assert [row.score for row in found] == pytest.approx([1 / 3 + 2 / 1, 1 / 1 + 2 / 3], abs=1e-8)  # 20: 1/2 + 2/2


def test_published_likeness_of_the_date_comes_back_by_integers(spark: SparkSession) -> None:
    ids = rows(spark, ITEM_IDS, *(dict(item_id=f"i{n}", item_idx=n) for n in (1, 2, 3)))
    pair = dict(as_of_date=AS_OF, item_id="i1", similar_item_id="i3", score=0.5, rank=1)
    other_date, unknown = pair | dict(as_of_date=YESTERDAY, score=0.9), pair | dict(similar_item_id="gone", rank=2)
    found = published_similar(rows(spark, SIMILAR_ITEMS, pair, other_date, unknown), ids, AS_OF)
    assert found.columns == ["item_idx", "similar_item_idx", "score", "rank"]
    assert [tuple(row) for row in found.collect()] == [(1, 3, 0.5, 1)]


def tables(spark: SparkSession, **more: list[dict[str, Any]]) -> Tables:
    """Users a, b and c are 1, 2 and 3; items x, y and z are 10, 20 and 30; a and b consent and were seen, c came today."""
    users, items = {"a": 1, "b": 2, "c": 3}, {"x": 10, "y": 20, "z": 30}
    chosen = dict(
        as_of_date=AS_OF, user_idx=1, item_idx=30, user_id="a", item_id="z", weight=1.0, n_events=1, last_at=dt.datetime(2017, 11, 30)
    )
    seen = [dict(event_id=user, user_id=user, event_date=AS_OF if user == "c" else YESTERDAY) for user in users]
    content: Mapping[Table, list[dict[str, Any]]] = {
        INTERACTIONS: [chosen],
        EVENTS: seen,
        USER_IDS: [dict(user_id=user, user_idx=at) for user, at in users.items()],
        ITEM_IDS: [dict(item_id=item, item_idx=at) for item, at in items.items()],
        USERS: more.get("users", [dict(user_id=user, has_marketing_consent=True) for user in users]),
        ITEMS: [],
        SIMILAR_ITEMS: [],
        BLOCKED_ITEMS: more.get("blocked", []),
    }
    return Tables(*(rows(spark, table, *records) for table, records in content.items()))


def recommended(found: DataFrame) -> dict[tuple[str, int], tuple[str, str, str]]:
    return {(row.user_id, row["rank"]): (row.item_id, row.stage, row.run_id) for row in found.collect()}


def test_what_a_user_had_is_left_out_and_the_next_takes_its_place(spark: SparkSession, models: dict[str, Fitted]) -> None:
    blocked = tables(spark, blocked=[dict(item_id="x", reason="law")])
    found = recommend(blocked, models, RecommendConfig(model="als", k=2, exclude_seen=True), ONE, AS_OF)
    assert recommended(found) == {
        ("a", 1): ("y", "model", "a1"),  # a had z, and x is blocked: nothing is left for a second place; c came too late
        ("b", 1): ("z", "model", "a1"),
        ("b", 2): ("y", "model", "a1"),
    }


def test_a_user_the_model_does_not_know_is_filled_from_what_is_popular(spark: SparkSession, models: dict[str, Fitted]) -> None:
    stranger = [dict(user_id="a", has_marketing_consent=False), dict(user_id="b", has_marketing_consent=True)]
    als = models["als"].retrieving
    cold = {"als": Fitted("a1", Vectors(als.users.where("user_idx = 1"), als.items))}
    found = recommend(tables(spark, users=stranger), cold, RecommendConfig(model="als", k=3), ONE, AS_OF)
    assert recommended(found) == {("b", rank): (item, "popular", "a1") for rank, item in enumerate("zxy", 1)}  # a chose z; then ids


def test_vectors_of_users_are_published_under_their_ids(spark: SparkSession, dense: Callable[..., DataFrame]) -> None:
    ids = rows(spark, USER_IDS, dict(user_id="a", user_idx=1), dict(user_id="b", user_idx=2))
    found = build_user_vectors(dense("user_idx", {1: [0.5, -1.0], 9: [1.0, 1.0]}), ids, as_of=AS_OF, model="lstm", run_id="r")
    assert tuple(found.columns) == USER_VECTORS.column_names
    (row,) = found.collect()  # nobody is called 9, and b has none
    assert (row.user_id, row.vector, row.model, row.run_id, row.as_of_date) == ("a", [0.5, -1.0], "lstm", "r", AS_OF)
