"""Checkpoints: whole or absent, tensors as safetensors and the rest as JSON, nothing that could be code.

A checkpoint is a folder that gets its name last, after everything in it lies on disk; on an object store, where no folder is given
a name in one step, its `state.json` comes last. That file holds the hash of each other; one that does not fit is told and the
checkpoint before it is taken. Only rank 0 reads and writes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pyarrow import fs
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mapping_spark.errors import ContractError
from mapping_spark.files import filesystem, is_local
from mapping_spark.logs import LOGGER

_STATE = "state.json"
_TENSORS = ".safetensors"
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

    folder: str
    """Folder or URI."""
    keep: int = 3

    def save(self, tensors: Mapping[str, Tensors], facts: Mapping[str, Any], *, epoch: int, step: int) -> str:
        """Write a checkpoint, whole or not at all, and of it and those before it keep the latest `keep`; returns its folder."""
        target = f"{self.folder}/{_FOLDER.format(epoch=epoch, step=step)}"
        write(target, tensors, facts)
        there = self._newest_first()
        for old in there[there.index(target) + self.keep :]:  # what is newer was not whole, or the training would have gone on from it
            files, path = filesystem(old)
            files.delete_dir(path)
        return target

    def latest(self) -> Checkpoint | None:
        """The newest one that is whole; None where there is none. A corrupt one is told and passed over."""
        for folder in self._newest_first():
            try:
                return read(folder)
            except ContractError as fault:
                LOGGER.warning(f"{fault.where} is not used: {fault.found}; taking the one before")
        return None

    def _newest_first(self) -> list[str]:
        files, path = filesystem(self.folder)
        found = files.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return [f"{self.folder}/{info.base_name}" for info in sorted(found, key=_name, reverse=True) if _name(info).startswith("step-")]


def _name(info: fs.FileInfo) -> str:
    return str(info.base_name)


def is_there(target: str) -> bool:
    """Whether a folder of tensors and facts was written to its end."""
    files, path = filesystem(target)
    return bool(files.get_file_info(f"{path}/{_STATE}").type == fs.FileType.File)


def write(target: str, tensors: Mapping[str, Tensors], facts: Mapping[str, Any]) -> None:
    """Write a folder of tensors and facts, whole or not at all."""
    files, path = filesystem(target)
    if is_local(files):
        _write(Path(path), tensors, facts)
        return
    with TemporaryDirectory() as folder:
        here = Path(folder) / "whole"
        _write(here, tensors, facts)
        for name in (*(f"{group}{_TENSORS}" for group in tensors), _STATE):
            fs.copy_files(str(here / name), f"{path}/{name}", destination_filesystem=files)


def _write(target: Path, tensors: Mapping[str, Tensors], facts: Mapping[str, Any]) -> None:
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for group, of in tensors.items():
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in of.items()}, part / f"{group}{_TENSORS}")
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


def read(folder: str) -> Checkpoint:
    """A checkpoint. Raises `ContractError` where a file is missing, was changed or is no safetensors."""
    files, path = filesystem(folder)
    if is_local(files):
        return _read(Path(path), folder)
    with TemporaryDirectory() as here:
        with suppress(FileNotFoundError):  # told as a file that is missing
            fs.copy_files(path, here, source_filesystem=files)
        return _read(Path(here), folder)


def _read(folder: Path, place: str) -> Checkpoint:
    where = f"checkpoint {place}"
    try:
        state = json.loads((folder / _STATE).read_text())
        changed = [name for name, sha in state["files"].items() if _sha256(folder / name) != sha]
        if changed:
            raise ContractError(where, f"{changed} differ from the hashes in {_STATE}", "files as written", "Remove the checkpoint.")
        tensors = {name.removesuffix(_TENSORS): load_file(folder / name) for name in state["files"]}
        return Checkpoint(tensors, state["facts"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as fault:
        raise ContractError(where, f"not readable ({fault})", "safetensors and JSON as written", "Remove the checkpoint.") from None
