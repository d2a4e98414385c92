"""What every deep model file promises, from snapshot to vectors or ranked pairs. It runs on each file found."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.errors import ContractError, MissingInput
from mapping_spark.features.interactions import InteractionsConfig
from mapping_spark.features.snapshot import Content, SnapshotConfig, ensure, interaction_rows
from mapping_spark.models import deep
from mapping_spark.models.base import DeepVectorModel, PairModel, TrainingData
from mapping_spark.models.deep import Ranker, Trained
from mapping_spark.models.registry import available
from mapping_spark.tables.frames import small
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.trainable import Sizes

from .checkerboard import AS_OF, ITEMS, PAIRS, UNSOLD, USERS, WITHHELD, training_data

DEEP = [name for name, model in available().items() if hasattr(model, "module")]
LENGTH = len(ITEMS) // 2
LAYOUT = SnapshotConfig(length=LENGTH, pairs_per_group=len(PAIRS) // 8, windows_per_group=len(USERS) // 8, largest_world=1)
NOW = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
CONFIG = TrainingConfig(ranks=1, epochs=30, batch_size=24, learning_rate=0.01, tensorboard=True)


def model(name: str) -> Any:
    return available()[name](available()[name].Config(), seed=7)


def histories(spark: SparkSession) -> DataFrame:
    """Each user's items as one window, in an order of the user's own."""
    found = []
    for user in USERS:
        own = sorted((item for owner, item in PAIRS if owner == user), key=lambda item: hash((user * 31 + item * 17) % 23))
        padding = [-1] * (LENGTH - len(own))
        found.append((user, 0, padding + own, [0] * len(padding) + list(range(1, len(own) + 1))))
    return small(spark, found, "user_idx bigint, window int, item_idxs array<bigint>, ats array<bigint>")


@pytest.fixture(scope="module")
def market(spark: SparkSession) -> TrainingData:
    return training_data(spark)


@pytest.fixture(scope="module")
def trained(spark: SparkSession, market: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    """Every deep model, trained once in this process."""
    root = str(tmp_path_factory.mktemp("deep"))
    sizes = (max(USERS) + 1, UNSOLD + 1)
    rows = {"interactions": interaction_rows(market.interactions), "sequences": histories(spark)}
    folders = {
        shape: ensure(frame, Content(shape, AS_OF, {}, *sizes, InteractionsConfig(), LAYOUT), root, NOW)  # type: ignore[arg-type]
        for shape, frame in rows.items()
    }
    found = {name: Trained(model(name), root, folders[model(name).shape], CONFIG) for name in DEEP}
    for each in found.values():
        assert not each.weights.is_there
        deep.train(spark, each)
        assert [report["epoch"] for report in each.weights.facts()["epochs"]] == list(range(CONFIG.epochs))
        assert len(list(Path(each.weights.folder, "tensorboard").iterdir())) == CONFIG.epochs
    return found


def scored(spark: SparkSession, each: Trained, pairs: list[tuple[int, int]]) -> Iterator[tuple[int, int, float]]:
    """Score of each pair, by vectors or by the ranker."""
    if isinstance(each.model, PairModel):
        (member, *_) = each.model.members
        lists = small(spark, [(member, u, i, 1) for u, i in pairs], "model string, user_idx bigint, item_idx bigint, rank int")
        for row in Ranker(each.weights, each.model).fuse(lists, lists).collect():
            yield row.user_idx, row.item_idx, row.score
    elif isinstance(each.model, DeepVectorModel):
        vectors = deep.vectors(spark, each, each.model)
        users = {row.user_idx: torch.tensor(row["values"]) for row in vectors.users.collect()}
        items = {row.item_idx: torch.tensor(row["values"]) for row in vectors.items.collect()}
        assert set(users) == set(USERS)
        assert set(items) == set(ITEMS)  # nobody chose the unsold one
        yield from ((u, i, float(users[u] @ items[i])) for u, i in pairs)


@pytest.mark.parametrize("name", DEEP)
def test_every_user_gets_the_own_colour_and_the_withheld_item_is_the_best_new_one(
    spark: SparkSession, trained: dict[str, Trained], name: str
) -> None:
    scores = {(u, i): score for u, i, score in scored(spark, trained[name], [(u, i) for u in USERS for i in ITEMS])}
    for user in USERS:
        best = max(ITEMS, key=lambda item: scores[user, item])
        assert best % 2 == user % 2
    user, withheld = WITHHELD
    assert max((i for i in ITEMS if (user, i) not in PAIRS), key=lambda i: scores[user, i]) == withheld


@pytest.mark.parametrize("name", DEEP)
def test_weights_come_back_as_they_were_saved_and_other_settings_have_others(trained: dict[str, Trained], name: str) -> None:
    one, two = (trained[name].weights.load().state_dict() for _ in range(2))
    fresh = model(name).module(Sizes(max(USERS) + 1, UNSOLD + 1, LENGTH, torch.ones(UNSOLD + 1, dtype=torch.long))).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], fresh[key]) for key in one)
    other = Trained(trained[name].model, trained[name].root, trained[name].snapshot, CONFIG.model_copy(update={"learning_rate": 0.02}))
    with pytest.raises(MissingInput, match="Run train_deep"):
        other.weights.load()


def test_other_code_has_other_weights(trained: dict[str, Trained], monkeypatch: pytest.MonkeyPatch) -> None:
    assert deep.training_code(type(trained["lstm"].model)) != deep.training_code(
        type(trained["sasrec"].model)
    )  # they differ in their own file
    before = trained["lstm"].training_id
    monkeypatch.setattr(deep, "training_code", lambda model: "other")
    assert trained["lstm"].training_id != before


@pytest.mark.parametrize("name", [name for name in DEEP if not hasattr(available()[name], "scores")])
def test_weights_of_another_snapshot_are_refused(
    spark: SparkSession, trained: dict[str, Trained], name: str, tmp_path: Path, market: TrainingData
) -> None:
    each = trained[name]
    layout = SnapshotConfig(length=LENGTH, pairs_per_group=len(PAIRS) // 9, windows_per_group=len(USERS) // 9, largest_world=1)
    rows = interaction_rows(market.interactions) if each.model.shape == "interactions" else histories(spark)
    content = Content(each.model.shape, AS_OF, {}, max(USERS) + 1, UNSOLD + 1, InteractionsConfig(), layout)  # type: ignore[arg-type]
    other = ensure(rows, content, str(tmp_path), NOW)
    moved = Trained(each.model, str(tmp_path), other, CONFIG)
    Path(moved.weights.folder).parent.mkdir(parents=True)
    Path(moved.weights.folder).symlink_to(each.weights.folder)
    with pytest.raises(ContractError, match="Run train_deep again"):
        deep.vectors(spark, moved, each.model)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in DEEP if not hasattr(available()[name], "scores")])
def test_what_few_choose_lately_sinks_by_the_power_of_its_share(spark: SparkSession, trained: dict[str, Trained], name: str) -> None:
    """25 even users and 23 odd ones chose, within the days (histories are dated 1970); the withheld pair makes item 14 one of 24."""
    settings = {"popularity_power": 2, "popularity_days": 30_000}
    settled: Any = available()[name](available()[name].Config.model_validate(settings), seed=7)
    leaning = replace(trained[name], model=settled)
    Path(leaning.weights.folder).symlink_to(trained[name].weights.folder)
    plain, found = (deep.vectors(spark, each, each.model) for each in (trained[name], leaning))  # type: ignore[arg-type]
    assert {row["values"][-1] for row in found.users.collect()} == {1.0}
    before = {row.item_idx: row["values"] for row in plain.items.collect()}
    for row in found.items.collect():
        share = 1.0 if row.item_idx % 2 == 0 else 24 / 26
        share = 25 / 26 if row.item_idx == WITHHELD[1] else share
        assert row["values"] == pytest.approx([*before[row.item_idx], 2 * math.log(share)], abs=1e-6)
