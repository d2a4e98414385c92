"""Checkpoints: whole or absent, tensors as safetensors and the rest as JSON, nothing that could be code.

A checkpoint is a folder that gets its name last, after everything in it lies on disk. `state.json` holds the hash of each
file; one that does not fit is told and the checkpoint before it is taken. Only rank 0 reads and writes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mapping_spark.errors import ContractError
from mapping_spark.logs import LOGGER

_STATE = "state.json"
_FOLDER = "step-{epoch:05d}-{step:09d}"
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One read back: tensors by group (`weights`, `optimisers`) and facts."""

    tensors: dict[str, dict[str, Tensor]]
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of one training, under a folder that rank 0 sees."""

    folder: Path
    keep: int = 3

    def save(self, tensors: Mapping[str, Tensors], facts: Mapping[str, Any], *, epoch: int, step: int) -> Path:
        """Write a checkpoint, whole or not at all, and remove all but the latest `keep`."""
        target = self.folder / _FOLDER.format(epoch=epoch, step=step)
        write(target, tensors, facts)
        for old in self._newest_first()[self.keep :]:
            shutil.rmtree(old)
        return target

    def latest(self) -> Checkpoint | None:
        """The newest one that is whole; None where there is none. A corrupt one is told and passed over."""
        for folder in self._newest_first():
            try:
                return read(folder)
            except ContractError as fault:
                LOGGER.warning(f"{fault.where} is not used: {fault.found}; taking the one before")
        return None

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"), reverse=True)


def write(target: Path, tensors: Mapping[str, Tensors], facts: Mapping[str, Any]) -> None:
    """Write a folder of tensors and facts, which gets its name when all of it lies on disk."""
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for group, of in tensors.items():
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in of.items()}, part / f"{group}.safetensors")
    hashes = {path.name: _sha256(path) for path in part.iterdir()}
    (part / _STATE).write_text(json.dumps({"files": hashes, "facts": facts}, sort_keys=True))
    for path in (*part.iterdir(), part):
        _flush(path)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
    _flush(target.parent)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Make a file's content, or the names in a folder, outlast a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(folder: Path) -> Checkpoint:
    """A checkpoint. Raises `ContractError` where a file is missing, was changed or is no safetensors."""
    where = f"checkpoint {folder}"
    try:
        state = json.loads((folder / _STATE).read_text())
        changed = [name for name, sha in state["files"].items() if _sha256(folder / name) != sha]
        if changed:
            raise ContractError(where, f"{changed} differ from the hashes in {_STATE}", "files as written", "Remove the checkpoint.")
        tensors = {name.removesuffix(".safetensors"): load_file(folder / name) for name in state["files"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as fault:
        raise ContractError(where, f"not readable ({fault})", "safetensors and JSON as written", "Remove the checkpoint.") from None
    return Checkpoint(tensors, state["facts"])
