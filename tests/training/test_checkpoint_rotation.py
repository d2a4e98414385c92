"""Which checkpoints stay, what comes back from one, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mapping_spark.errors import ContractError
from mapping_spark.training import checkpoint
from mapping_spark.training.checkpoint import Checkpoints


def save(checkpoints: Checkpoints, epoch: int, step: int) -> Path:
    return Path(checkpoints.save({"weights": {"w": torch.ones(1)}}, {"at": [epoch, step]}, epoch=epoch, step=step))


def spoil(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(b"")


def test_the_latest_is_that_of_the_latest_step_whenever_it_was_written(tmp_path: Path) -> None:
    checkpoints = Checkpoints(str(tmp_path), keep=2)
    for epoch, step in ((0, 9), (1, 0), (0, 10)):
        save(checkpoints, epoch, step)
    latest = checkpoints.latest()
    assert latest is not None
    assert latest.facts == {"at": [1, 0]}


@pytest.mark.parametrize("keep", [1, 2])
def test_a_new_one_stays_although_spoilt_ones_are_of_later_steps(tmp_path: Path, keep: int) -> None:
    checkpoints = Checkpoints(str(tmp_path), keep=keep)
    for step in (8, 9):
        spoil(save(checkpoints, 5, step))
    assert checkpoints.latest() is None
    for step in (1, 2, 3):  # a training that had to begin anew
        assert save(checkpoints, 0, step).is_dir()
    latest = checkpoints.latest()
    assert latest is not None
    assert latest.facts == {"at": [0, 3]}
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("step-00000")]) == keep


def test_other_things_in_the_folder_are_no_checkpoints_and_stay(tmp_path: Path) -> None:
    checkpoint.write(f"{tmp_path}/best", {"weights": {"w": torch.ones(1)}}, {})
    (tmp_path / "notes.txt").write_text("step by step")
    checkpoints = Checkpoints(str(tmp_path), keep=1)
    assert checkpoints.latest() is None
    for step in (1, 2):
        save(checkpoints, 0, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "notes.txt", "step-00000-000000002"]


def test_tensors_of_every_kind_come_back_bit_by_bit(tmp_path: Path) -> None:
    tensors = {
        "number": torch.tensor(0.1, dtype=torch.float64),
        "counts": torch.tensor([2**62, -1]),
        "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        "turned": torch.arange(6.0).view(2, 3).t(),
        "nothing": torch.empty(0, 4),
        "no number": torch.tensor([torch.nan, torch.inf]),
        "flags": torch.tensor([True, False]),
        "learnt": torch.ones(2, requires_grad=True),
    }
    checkpoint.write(f"{tmp_path}/one", {"weights": tensors, "optimisers": {}}, {"text": "é", "list": [1, None, 0.5]})
    found = checkpoint.read(f"{tmp_path}/one")
    assert (found.facts, found.tensors["optimisers"]) == ({"text": "é", "list": [1, None, 0.5]}, {})
    assert found.tensors["weights"].keys() == tensors.keys()
    for name, tensor in tensors.items():
        back = found.tensors["weights"][name]
        assert (back.dtype, back.shape, back.requires_grad) == (tensor.dtype, tensor.shape, False), name
        assert torch.allclose(back, tensor, rtol=0, atol=0, equal_nan=True), name


def test_what_is_written_again_is_replaced_whole(tmp_path: Path) -> None:
    target = f"{tmp_path}/best"
    checkpoint.write(target, {"weights": {"w": torch.zeros(1)}, "optimisers": {}}, {"epoch": 1})
    checkpoint.write(target, {"weights": {"w": torch.ones(1)}}, {"epoch": 2})
    found = checkpoint.read(target)
    assert (found.facts, list(found.tensors), found.tensors["weights"]["w"].item()) == ({"epoch": 2}, ["weights"], 1)
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_it_is_there_once_its_facts_are(tmp_path: Path) -> None:
    target = tmp_path / "weights"
    assert not checkpoint.is_there(str(target))
    target.mkdir()
    (target / "weights.safetensors").write_bytes(b"half")
    assert not checkpoint.is_there(str(target))
    checkpoint.write(str(target), {"weights": {"w": torch.ones(1)}}, {})
    assert checkpoint.is_there(str(target))
    assert checkpoint.is_there(target.as_uri())


@pytest.mark.parametrize(
    "state", [None, "", "{", "[]", "{}", '{"files": {}}', '{"files": [1], "facts": {}}', '{"files": {"x": "y"}, "facts": {}}']
)
def test_a_state_that_was_not_written_here_is_refused_and_passed_over(tmp_path: Path, state: str | None) -> None:
    checkpoints = Checkpoints(str(tmp_path))
    save(checkpoints, 0, 1)
    newest = save(checkpoints, 0, 2) / "state.json"
    newest.unlink()
    if state is not None:
        newest.write_text(state)
    with pytest.raises(ContractError, match=r"^checkpoint .*/step-00000-000000002: not readable \(.*Remove the checkpoint\.$"):
        checkpoint.read(str(newest.parent))
    latest = checkpoints.latest()
    assert latest is not None
    assert latest.facts == {"at": [0, 1]}


def test_a_file_that_was_changed_is_named(tmp_path: Path) -> None:
    folder = save(Checkpoints(str(tmp_path)), 0, 1)
    state = json.loads((folder / "state.json").read_text())
    state["files"]["weights.safetensors"] = "0" * 64
    (folder / "state.json").write_text(json.dumps(state))
    with pytest.raises(ContractError, match=r"\['weights.safetensors'\] differ from the hashes in state.json"):
        checkpoint.read(str(folder))
