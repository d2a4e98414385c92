"""What every model file promises. It runs on each file found: a new model is tested without an edit here."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.errors import ConfigError
from mapping_spark.models import artifact
from mapping_spark.models.base import DeepModel, FusionModel, Reach, TrainingData, VectorModel, Vectors
from mapping_spark.models.registry import available, build, parse_configs
from mapping_spark.tables.frames import small

from .checkerboard import ITEMS, PAIRS, UNSOLD, USERS, WITHHELD, training_data

ALL = list(available())
FUSION = [name for name in ALL if hasattr(available()[name], "fuse")]
DEEP = [name for name in ALL if hasattr(available()[name], "module")]  # trained on snapshots: test_deep.py
VECTOR = [name for name in ALL if name not in (*FUSION, *DEEP)]
ROLES = ("users", "items", "similar_from", "similar_to")

Rows = dict[int, dict[int, float]]
"""Vectors by user or item: position to value."""


def model(name: str) -> Any:
    return build(name, available()[name].Config(), seed=7)


def raw(frame: DataFrame) -> dict[int, tuple[list[int] | None, list[float]]]:
    found = frame.collect()
    assert len({row[0] for row in found}) == len(found)  # one row per user or item
    return {row[0]: (row["indices"], row["values"]) for row in found}


def collected(vectors: Vectors) -> dict[str, Rows]:
    frames = {role: getattr(vectors, role) for role in ROLES}
    return {
        role: {
            key: dict(enumerate(values) if indices is None else zip(indices, values, strict=True))
            for key, (indices, values) in raw(f).items()
        }
        for role, f in frames.items()
        if f is not None
    }


def best(query: dict[int, float], targets: Rows) -> list[int]:
    """Targets with a score, best first, ties by the smaller key: the retrieval by hand."""
    scores = {key: sum(query.get(at, 0.0) * value for at, value in target.items()) for key, target in targets.items()}
    return sorted((key for key in scores if scores[key] != 0), key=lambda key: (-scores[key], key))


@pytest.fixture(scope="module")
def market(spark: SparkSession) -> TrainingData:
    data = training_data(spark)
    return TrainingData(
        data.interactions.localCheckpoint(), data.items.localCheckpoint(), data.as_of, choices=data.in_order.localCheckpoint()
    )


@pytest.fixture(scope="module")
def saved(market: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every vector model fitted once and saved: name to folder."""
    folders = {name: str(tmp_path_factory.mktemp(name)) for name in VECTOR}
    for name, folder in folders.items():
        artifact.save(model(name).fit(market), folder)
    return folders


@pytest.fixture(scope="module")
def loaded(spark: SparkSession, saved: dict[str, str]) -> dict[str, dict[str, Rows]]:
    return {name: collected(artifact.load(spark, folder)) for name, folder in saved.items()}


@pytest.mark.parametrize("name", ALL)
def test_protocol_and_name(name: str) -> None:
    protocol = DeepModel if name in DEEP else FusionModel if name in FUSION else VectorModel
    assert isinstance(model(name), protocol)
    assert available()[name].name == name
    assert available()[name].__doc__


@pytest.mark.parametrize("name", ALL)
def test_settings_survive_a_round_trip_and_are_documented(name: str) -> None:
    config = available()[name].Config()
    assert type(config).model_validate_json(config.model_dump_json()) == config
    others: dict[str, Any] = {member: {} for member in ALL}
    assert parse_configs(others | {name: config.model_dump(mode="json")})[name] == config


@pytest.mark.parametrize("name", ALL)
def test_an_unknown_setting_is_refused(name: str) -> None:
    near = next(iter(available()[name].Config.model_fields), None)
    with pytest.raises(ConfigError, match=f"did you mean '{near}'" if near else "is unknown"):
        parse_configs({member: {} for member in ALL} | {name: {f"{near or 'setting'}x": 1}})


@pytest.mark.parametrize("name", VECTOR)
def test_vectors_have_the_declared_shape(spark: SparkSession, saved: dict[str, str], name: str) -> None:
    vectors = artifact.load(spark, saved[name])
    types = {frame.columns[0]: frame.dtypes for frame in (vectors.users, vectors.items)}
    for key in ("user_idx", "item_idx"):
        assert types[key] == [(key, "bigint"), ("indices", "array<int>"), ("values", "array<float>")]
    for role in ROLES:
        found = list(raw(getattr(vectors, role)).values()) if getattr(vectors, role) is not None else []
        assert all(math.isfinite(value) for _, values in found for value in values)
        is_dense = {indices is None for indices, _ in found}
        assert len(is_dense) <= 1
        if is_dense == {True}:
            assert len({len(values) for _, values in found}) == 1
        for indices, values in found:
            assert indices is None or (len(indices) == len(values) and indices == sorted(set(indices)))


@pytest.mark.parametrize("name", VECTOR)
def test_knows_the_users_and_only_the_items_of_the_interactions(loaded: dict[str, dict[str, Rows]], name: str) -> None:
    assert set(loaded[name]["users"]) == set(USERS)
    for role in set(loaded[name]) - {"users"}:
        assert set(loaded[name][role]) == set(ITEMS)
        assert UNSOLD not in loaded[name][role]


@pytest.mark.parametrize("name", VECTOR)
def test_right_answer(loaded: dict[str, dict[str, Rows]], name: str) -> None:
    user, withheld = WITHHELD
    ranked = {u: best(vector, loaded[name]["items"]) for u, vector in loaded[name]["users"].items()}
    own = {u: {item for owner, item in PAIRS if owner == u} for u in USERS}
    reach = model(name).reach
    if reach is Reach.TASTE:
        assert next(item for item in ranked[user] if item not in own[user]) == withheld
    if reach is Reach.HABIT:
        assert all(set(ranked[u]) == own[u] for u in USERS)
    if reach is Reach.CROWD:
        assert all(ranked[u] == ranked[user] for u in USERS)
        assert ranked[user][:7] == [0, 2, 4, 6, 8, 10, 12]  # 25 users each; the withheld one has 24, odd ones 23
        assert ranked[user][7] == withheld
    else:
        assert all(ranked[u][0] % 2 == u % 2 for u in USERS)


@pytest.mark.parametrize("name", VECTOR)
def test_alike_items_have_one_colour(loaded: dict[str, dict[str, Rows]], name: str) -> None:
    likes = loaded[name]
    assert ("similar_from" in likes) == ("similar_to" in likes)
    for item, vector in likes.get("similar_from", {}).items():
        others = [other for other in best(vector, likes["similar_to"]) if other != item]
        assert {other % 2 for other in others[:7]} == {item % 2}


@pytest.mark.parametrize("name", VECTOR)
def test_fit_gives_the_same_for_the_rows_in_another_order(market: TrainingData, loaded: dict[str, dict[str, Rows]], name: str) -> None:
    choices = market.in_order.repartition(3, "item_idx")
    shuffled = TrainingData(market.interactions.repartition(3, "item_idx"), market.items.repartition(2), market.as_of, choices)
    again = collected(model(name).fit(shuffled))
    for role, vectors in loaded[name].items():
        assert again[role] == {key: pytest.approx(vector, rel=1e-5) for key, vector in vectors.items()}


@pytest.mark.parametrize("name", VECTOR)
def test_counts_its_parameters(spark: SparkSession, saved: dict[str, str], loaded: dict[str, dict[str, Rows]], name: str) -> None:
    vectors = artifact.load(spark, saved[name])
    stored = {id(getattr(vectors, role)): rows for role, rows in loaded[name].items()}  # a frame in two roles counts once
    assert artifact.n_parameters(vectors) == sum(len(vector) for rows in stored.values() for vector in rows.values())


@pytest.mark.parametrize("name", VECTOR)
def test_no_interactions_give_no_vectors(spark: SparkSession, market: TrainingData, tmp_path: Path, name: str) -> None:
    nothing = TrainingData(market.interactions.limit(0), market.items, market.as_of, market.in_order.limit(0))
    artifact.save(model(name).fit(nothing), str(tmp_path))
    vectors = artifact.load(spark, str(tmp_path))
    assert all(rows == {} for rows in collected(vectors).values())
    assert artifact.n_parameters(vectors) == 0


@pytest.mark.parametrize("name", VECTOR)
def test_one_user_with_one_item(spark: SparkSession, name: str) -> None:
    found = collected(model(name).fit(training_data(spark, pairs=((3, 5),))))
    assert set(found["users"]) <= {3}
    assert set(found["items"]) <= {5}


@pytest.fixture(scope="module")
def lists(spark: SparkSession, loaded: dict[str, dict[str, Rows]]) -> DataFrame:
    """Each vector model's items new to each user."""
    new = [
        (name, user, item, float(-rank), rank)
        for name, found in loaded.items()
        for user, vector in found["users"].items()
        for rank, item in enumerate((item for item in best(vector, found["items"]) if (user, item) not in PAIRS), 1)
    ]
    return small(spark, new, "model string, user_idx bigint, item_idx bigint, score double, rank int").localCheckpoint()


@pytest.mark.parametrize("name", FUSION)
def test_fusion_finds_what_its_members_find(market: TrainingData, lists: DataFrame, name: str) -> None:
    fused = model(name).fuse(lists, market.interactions)
    assert fused.dtypes == [("user_idx", "bigint"), ("item_idx", "bigint"), ("score", "double")]
    scores = {(row.user_idx, row.item_idx): row.score for row in fused.collect()}
    assert len(scores) == fused.count()  # one row per pair
    assert all(math.isfinite(score) for score in scores.values())
    user, withheld = WITHHELD
    assert max(scores, key=lambda pair: scores[pair] if pair[0] == user else -1.0) == (user, withheld)


@pytest.mark.parametrize("name", FUSION)
def test_fusion_of_nothing_and_of_unknown_users(market: TrainingData, lists: DataFrame, name: str) -> None:
    assert model(name).fuse(lists.limit(0), market.interactions).collect() == []
    listed = {row.user_idx for row in model(name).fuse(lists, market.interactions.limit(0)).select("user_idx").collect()}
    assert listed == set(USERS)


@pytest.mark.parametrize("name", FUSION)
def test_fusion_reads_models_that_exist_and_not_itself(name: str) -> None:
    assert set(model(name).members) <= set(VECTOR)
    assert model(name).depth >= 1
