"""Ranks that are real processes: many equal one, a killed training resumes, an accident on one ends all with its cause."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from mapping_spark.training.run import Training
from mapping_spark.training.settings import TrainingConfig
from tests.training.proofs import Make, OwnCopies, Trains, in_folder
from tests.training.ranks import Backend, start
from tests.training.snapshots import interactions, sequences, write_snapshot

STEPS = 20
TWO = TrainingConfig(ranks=2, shards=2, batch_size=12, epochs=2, pool_rows=30, learning_rate=0.01, clip_norm=0.5, checkpoint_steps=3)
ONE = TWO.model_copy(update={"ranks": 1})
KINDS = ("dense", "sparse", "next")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two snapshots of 10 steps of 12 rows and a few rows over, in row groups of 10."""
    root = tmp_path_factory.mktemp("ranks")
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 9, 125), rng.integers(0, 7, 125)
    write_snapshot(root / "pairs", "interactions", interactions(users, items), rows_per_group=10, n_users=9, n_items=7)
    padded = [[-1] * pad + rng.integers(0, 7, 6 - pad).tolist() for pad in rng.integers(0, 6, 125)]
    write_snapshot(root / "next", "sequences", sequences(padded), rows_per_group=10, n_users=125, n_items=7)
    return root


def training(folder: Path, kind: str, config: TrainingConfig, name: str, **accident: Any) -> Training:
    snapshot = folder / ("next" if kind == "next" else "pairs")
    return Training(str(snapshot), Make(kind, **accident), config, str(folder / name))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "weights" / "weights.safetensors")


def largest_difference(one: Path, other: Path) -> float:
    left, right = weights(one), weights(other)
    return max(float((left[name] - right[name]).abs().max()) for name in left)


@pytest.fixture(scope="module")
def alone(folder: Path) -> Path:
    """Each kind trained in one process."""
    trained = Trains(tuple(training(folder, kind, ONE, f"one-{kind}") for kind in KINDS))
    (results,) = start("one", 1, folder / "told-one", trained).end()
    assert [result["epochs"] for result in results] == [2, 2, 2]
    return folder


@pytest.fixture(scope="module", params=["horovod", "torch"])
def pair(request: pytest.FixtureRequest, folder: Path) -> tuple[Backend, list[list[Any]]]:
    """Each kind trained by two ranks, and what the ranks told."""
    backend: Backend = request.param
    trained = Trains(tuple(training(folder, kind, TWO, f"{backend}-{kind}") for kind in KINDS))
    return backend, start(backend, 2, folder / f"told-{backend}", trained).end()


def test_two_ranks_with_half_the_batch_equal_one_with_the_whole(alone: Path, pair: tuple[Backend, list[list[Any]]]) -> None:
    backend, told = pair
    for kind, one, other in zip(KINDS, *told, strict=True):
        assert largest_difference(alone / f"one-{kind}", alone / f"{backend}-{kind}") < 1e-5, kind
        assert one["best"] == other["best"]


def test_killed_at_any_step_one_rank_resumes_to_the_same_bits(alone: Path) -> None:
    for kind in ("dense", "sparse"):
        step = random.randint(1, STEPS)
        killed = training(alone, kind, ONE, f"killed-{kind}", accident="SIGKILL", rank=0, at_loss=step)
        assert start("one", 1, alone / "told", Trains((killed,))).end() == [None], step
        resumed = training(alone, kind, ONE, f"killed-{kind}")
        start("one", 1, alone / "told", Trains((resumed,))).end()
        assert largest_difference(alone / f"one-{kind}", alone / f"killed-{kind}") == 0, (kind, step)


def test_a_killed_rank_ends_the_other_and_both_resume_to_the_same_weights(folder: Path, pair: tuple[Backend, list[list[Any]]]) -> None:
    backend, _ = pair
    killed = training(folder, "dense", TWO, f"killed-{backend}", accident="SIGKILL", at_loss=random.randint(1, STEPS))
    survivor, nothing = start(backend, 2, folder / f"told-killed-{backend}", Trains((killed,))).end()
    assert (survivor["fault"], nothing) == ("RankLost", None)
    assert "Another rank died or hangs" in survivor["text"]
    resumed = training(folder, "dense", TWO, f"killed-{backend}")
    start(backend, 2, folder / f"told-resumed-{backend}", Trains((resumed,))).end()
    assert largest_difference(folder / f"{backend}-dense", folder / f"killed-{backend}") < 1e-6


@pytest.mark.parametrize(("backend", "accident"), [("horovod", "SIGSTOP"), ("horovod", "sleep"), ("torch", "SIGSTOP")])
def test_a_rank_that_hangs_ends_the_other(folder: Path, backend: Backend, accident: str) -> None:
    began = time.monotonic()
    hangs = training(folder, "dense", TWO, f"{accident}-{backend}", accident=accident)
    ranks = start(backend, 2, folder / f"told-{accident}-{backend}", Trains((hangs,)), answer_seconds=4)
    ranks.processes[0].join(60)
    survivor, nothing = ranks.end(0)
    assert (survivor["fault"], nothing) == ("RankLost", None)
    assert time.monotonic() - began < 60


def test_faults_that_all_ranks_share(folder: Path) -> None:
    nan = training(folder, "dense", TWO, "nan", accident="nan", rank=1, at_loss=5)
    narrow = training(folder, "dense", TWO.model_copy(update={"batch_size": 126}), "narrow")
    other = training(folder, "dense", TWO.model_copy(update={"learning_rate": 0.5}), "other")
    first, second = start("horovod", 2, folder / "told-faults", Trains((nan, narrow, in_folder(other, folder / "nan")))).end()
    assert first == second
    assert "epoch 0, step 4, learning rate 0.01: the loss of rank 1 is no finite number" in first[0]["text"]
    assert "126 for 125 rows" in first[1]["text"]
    assert "learning_rate was 0.01, is 0.5" in first[2]["text"]
    assert sorted(path.name for path in (folder / "nan" / "checkpoints").iterdir()) == ["step-00000-000000003"]


def test_a_snapshot_changed_on_one_rank_is_refused_by_all(folder: Path) -> None:
    for rank in range(2):
        shutil.copytree(folder / "pairs", folder / f"copy-{rank}")
    path = "data/part-00004.parquet"
    table = pq.read_table(folder / "copy-1" / path)
    pq.write_table(table.append_column("extra", table["weight"]), folder / "copy-1" / path)
    reads = OwnCopies(Training(str(folder / "copy"), Make(), TWO, str(folder / "copies")))
    first, second = start("torch", 2, folder / "told-copies", reads).end()
    refusal = first["text"].partition(": ")[2]
    assert second["text"].endswith(refusal)  # the folder before it is each rank's own
    assert f"rank 1: {path}: columns" in refusal
    assert "'extra': 'float'" in refusal


@pytest.mark.parametrize(("rows", "rows_per_group", "ranks"), [(100, 10, 3), (9, 9, 2)])
def test_row_groups_that_do_not_divide(folder: Path, rows: int, rows_per_group: int, ranks: int) -> None:
    """10 row groups over 3 ranks, 1 row group over 2 ranks (whose second half holds nothing but padding)."""
    items = np.full((rows, 3), -1)
    items[: rows // 2] = 1
    snapshot = folder / f"uneven-{ranks}"
    write_snapshot(snapshot, "sequences", sequences(items.tolist()), rows_per_group=rows_per_group, n_users=rows, n_items=2)
    config = TrainingConfig(ranks=ranks, batch_size=2 * ranks, epochs=2)
    uneven = Training(str(snapshot), Make("next"), config, str(folder / f"trained-{ranks}"))
    told = start("horovod", ranks, folder / f"told-uneven-{ranks}", Trains((uneven,))).end()
    assert [result[0]["epochs"] for result in told] == [2] * ranks
