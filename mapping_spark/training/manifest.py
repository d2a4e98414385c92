"""A training snapshot as its manifest describes it: files in order, rows, schema, hashes. Pure Python and pyarrow, no Spark.

The manifest is written last, so a folder without one is a snapshot that was not finished. What it says is compared with
every file's footer before training starts: a lost file, another footer or another column is found by name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from pydantic import ValidationError

from mapping_spark.config import Section
from mapping_spark.errors import ContractError, MissingInput
from mapping_spark.files import filesystem

MANIFEST = "manifest.json"
Shape = Literal["interactions", "sequences"]
COLUMNS: Mapping[Shape, Mapping[str, str]] = {
    "interactions": {"row": "int64", "user_idx": "int64", "item_idx": "int64", "weight": "float", "at": "int64"},
    "sequences": {"row": "int64", "user_idx": "int64", "window": "int32", "item_idxs": "list<int64>", "ats": "list<int64>"},
}
"""Columns of each shape and their Arrow types; none holds nulls."""

_FOOTER_TAIL = 8  # four bytes of length, then the magic word PAR1
_SHOWN = 5


class DataFile(Section):
    """One Parquet file of one row group."""

    path: str
    """Under the snapshot's folder."""
    rows: int
    bytes: int
    first_row: int
    """Number of its first row; the rest follow without a hole."""
    footer: str
    """SHA-256 of the Parquet footer: schema, statistics and places of all columns."""


class Manifest(Section):
    """What a snapshot holds and what it was made from."""

    shape: Shape
    files: tuple[DataFile, ...]
    """In the order of their rows, which are numbered from 0."""
    rows_per_group: int
    """Rows of every file; the last may have fewer."""
    n_users: int
    n_items: int
    """Sizes of the id maps: user_idx is in [0, n_users), item_idx in [0, n_items)."""
    length: int
    """L, the length of every sequence; 0 for interactions."""
    as_of: str
    """ISO date; only events of earlier business days are in it."""
    versions: Mapping[str, int | None]
    """Table versions it was made from."""
    config: Mapping[str, Any]
    """Settings of the features it was made with."""
    created_at: str
    """ISO time, UTC."""

    @property
    def rows(self) -> int:
        """N, rows of all files."""
        return sum(file.rows for file in self.files)

    @property
    def columns(self) -> Mapping[str, str]:
        """Columns and their Arrow types."""
        return COLUMNS[self.shape]

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in memory."""
        width = {"int64": 8, "int32": 4, "float": 4, "list<int64>": 8 * self.length}
        return sum(width[kind] for kind in self.columns.values())

    @property
    def digest(self) -> str:
        """SHA-256 of everything in it: equal digests are equal snapshots."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """As JSON text with sorted keys."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=1)


def from_json(text: str, where: str) -> Manifest:
    """What `to_json` wrote. Raises `ContractError` for anything else."""
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as fault:
        error = fault.errors()[0]
        found = f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
    raise ContractError(where, found, "a manifest as build_snapshot writes it", "Build the snapshot again.")


def open_folder(folder: str) -> fs.FileSystem:
    """The file system of a folder or URI, seen from that folder."""
    files, path = filesystem(folder if "://" in folder else str(Path(folder).absolute()))
    return fs.SubTreeFileSystem(path, files)


def write(folder: str, manifest: Manifest) -> None:
    """Write the manifest, whole or not at all: a snapshot is there once this returns."""
    files = open_folder(folder)
    with files.open_output_stream(f"{MANIFEST}.part") as stream:
        stream.write(manifest.to_json().encode())
    files.move(f"{MANIFEST}.part", MANIFEST)


def read(folder: str) -> Manifest:
    """The manifest of a finished snapshot. Raises `MissingInput` where there is none."""
    try:
        with open_folder(folder).open_input_stream(MANIFEST) as stream:
            text = stream.read().decode()
    except FileNotFoundError:
        raise MissingInput(f"snapshot {folder}", f"no {MANIFEST}", "a finished snapshot", "Run build_snapshot.") from None
    return from_json(text, f"{folder}/{MANIFEST}")


def verify(folder: str, manifest: Manifest, threads: int = 8) -> None:
    """Compare every file's size and footer with the manifest. Raises `ContractError` naming the files that differ."""
    files = open_folder(folder)
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda file: _difference(files, manifest, file), manifest.files)
        wrong = [fault for fault in found if fault]
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise ContractError(
            f"snapshot {folder}", "; ".join(wrong[:_SHOWN]) + more, f"the files of {MANIFEST}", "Build the snapshot again; never edit one."
        )


def _difference(files: fs.FileSystem, manifest: Manifest, file: DataFile) -> str:
    try:
        found = inspect(files, file.path, manifest.shape)
    except FileNotFoundError:
        return f"{file.path} is missing"
    except (ContractError, OSError) as fault:
        return f"{file.path}: {fault.found if isinstance(fault, ContractError) else fault}"
    differing = [f"{name} {getattr(found, name)}, was {was}" for name, was in file.model_dump().items() if getattr(found, name) != was]
    return f"{file.path} has {', '.join(differing)}" if differing else ""


def inspect(files: fs.FileSystem, path: str, shape: Shape) -> DataFile:
    """What the footer of one file says. Raises `ContractError` unless it has one row group and the columns of `shape`, without nulls."""
    with files.open_input_file(path) as stream:
        parquet = _opened(stream, path)
        size, footer = stream.size(), _footer(stream)
    metadata, found = parquet.metadata, {field.name: _type_name(field.type) for field in parquet.schema_arrow}
    if found != dict(COLUMNS[shape]):
        raise ContractError(path, f"columns {found}", f"{dict(COLUMNS[shape])}", "Build the snapshot again.")
    if metadata.num_row_groups != 1:
        raise ContractError(path, f"{metadata.num_row_groups} row groups", "1 row group", "Raise parquet.block.size.")
    columns = [metadata.row_group(0).column(i) for i in range(metadata.num_columns)]
    with_nulls = [c.path_in_schema for c in columns if c.statistics is None or c.statistics.null_count]
    if with_nulls:
        raise ContractError(path, f"nulls, or no count of them, in {with_nulls}", "no nulls", "Build the snapshot again.")
    first, last = next((c.statistics.min, c.statistics.max) for c in columns if c.path_in_schema == "row")
    if last - first + 1 != metadata.num_rows:
        raise ContractError(path, f"rows {first} to {last} in {metadata.num_rows}", "rows without a hole", "Build the snapshot again.")
    return DataFile(path=path, rows=metadata.num_rows, bytes=size, first_row=first, footer=footer)


def _opened(stream: pa.NativeFile, path: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(stream)
    except pa.ArrowInvalid as fault:
        raise ContractError(path, f"not Parquet: {str(fault).splitlines()[0]}", "a Parquet file", "Build the snapshot again.") from None


def _footer(stream: pa.NativeFile) -> str:
    size = stream.size()
    tail = stream.read_at(_FOOTER_TAIL, size - _FOOTER_TAIL)
    length = int.from_bytes(tail[:4], "little") + _FOOTER_TAIL
    return hashlib.sha256(stream.read_at(length, size - length)).hexdigest()


def _type_name(kind: pa.DataType) -> str:
    """Arrow's name of a type; lists by what they hold, however the writer called their elements."""
    return f"list<{kind.value_type}>" if pa.types.is_list(kind) else str(kind)


def of_files(files: Iterable[DataFile], **facts: Any) -> Manifest:
    """The manifest of some files. Raises `ContractError` where their rows do not follow each other from 0."""
    ordered = sorted(files, key=lambda file: file.first_row)
    manifest = Manifest(files=tuple(ordered), **facts)
    expected = 0
    for file in ordered:
        if file.first_row != expected:
            raise ContractError(file.path, f"first row {file.first_row}", f"row {expected}", "Build the snapshot again.")
        expected += file.rows
    return manifest
