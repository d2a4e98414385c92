"""Checkpoints on disk: whole or absent, and nothing in them is executed."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import pytest
import torch

from mapping_spark.errors import ContractError
from mapping_spark.training import checkpoint
from mapping_spark.training.checkpoint import Checkpoints
from tests.training.test_feed import Bomb


def save(checkpoints: Checkpoints, step: int) -> Path:
    weights = {"w": torch.full((2,), float(step))}
    return Path(checkpoints.save({"weights": weights, "optimisers": {}}, {"step": step}, epoch=0, step=step))


def test_the_latest_few_stay_and_come_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(str(tmp_path), keep=3)
    for step in range(5):
        save(checkpoints, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"step-00000-00000000{step}" for step in (2, 3, 4)]
    latest = checkpoints.latest()
    assert latest is not None
    assert (latest.facts, latest.tensors["weights"]["w"].tolist()) == ({"step": 4}, [4.0, 4.0])


@pytest.mark.parametrize("harm", ["cut", "lost", "state"])
def test_a_corrupt_one_falls_back_to_the_one_before_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture, harm: str) -> None:
    checkpoints = Checkpoints(str(tmp_path))
    save(checkpoints, 1)
    newest = save(checkpoints, 2)
    weights, state = newest / "weights.safetensors", newest / "state.json"
    if harm == "cut":
        weights.write_bytes(weights.read_bytes()[:-1])
    elif harm == "lost":
        weights.unlink()
    else:
        state.write_text("[]")
    with caplog.at_level("WARNING", logger="mapping_spark"):
        latest = checkpoints.latest()
    assert latest is not None
    assert latest.facts == {"step": 1}
    assert "step-00000-000000002 is not used" in caplog.text


def test_an_unfinished_one_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / ".step-00000-000000001.part").mkdir()
    assert Checkpoints(str(tmp_path)).latest() is None


def test_a_poisoned_one_is_refused_and_not_executed(tmp_path: Path) -> None:
    folder, mark = save(Checkpoints(str(tmp_path)), 1), tmp_path / "executed"
    poison = pickle.dumps({"w": Bomb(mark)})
    (folder / "weights.safetensors").write_bytes(poison)
    with pytest.raises(ContractError, match="differ from the hashes"):
        checkpoint.read(str(folder))
    state = json.loads((folder / "state.json").read_text())
    state["files"]["weights.safetensors"] = hashlib.sha256(poison).hexdigest()  # a poisoner who knows the format
    (folder / "state.json").write_text(json.dumps(state))
    with pytest.raises(ContractError, match="not readable"):
        checkpoint.read(str(folder))
    assert not mark.exists()
