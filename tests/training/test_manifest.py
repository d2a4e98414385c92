"""A manifest against its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mapping_spark.errors import ContractError, MissingInput
from mapping_spark.training import manifest as m
from tests.training.snapshots import interactions, write_snapshot

SECOND = "data/part-00001.parquet"


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    write_snapshot(tmp_path, "interactions", interactions(np.arange(9), np.arange(9)), rows_per_group=4, n_users=9, n_items=9)
    return tmp_path


def check(folder: Path) -> m.Manifest:
    manifest = m.read(str(folder))
    m.verify(str(folder), manifest)
    return manifest


def test_a_manifest_reads_as_it_was_written(snapshot: Path) -> None:
    manifest = check(snapshot)
    assert [(file.first_row, file.rows) for file in manifest.files] == [(0, 4), (4, 4), (8, 1)]
    assert (manifest.rows, manifest.row_bytes) == (9, 8 + 8 + 8 + 4 + 8)
    assert m.from_json(manifest.to_json(), "here") == manifest


def test_an_erased_file_is_named(snapshot: Path) -> None:
    (snapshot / SECOND).unlink()
    with pytest.raises(ContractError, match=f"{SECOND} is missing"):
        check(snapshot)


def test_a_changed_footer_is_named(snapshot: Path) -> None:
    content = (snapshot / SECOND).read_bytes()
    (snapshot / SECOND).write_bytes(content.replace(b"parquet-cpp", b"parquet-cqq"))
    with pytest.raises(ContractError, match=f"{SECOND} has footer"):
        check(snapshot)


@pytest.mark.parametrize("change", ["added", "retyped", "null", "cut"])
def test_another_content_is_named(snapshot: Path, change: str) -> None:
    table = pq.read_table(snapshot / SECOND)
    changed = {
        "added": lambda: table.append_column("extra", table["weight"]),
        "retyped": lambda: table.set_column(1, "user_idx", table["user_idx"].cast(pa.float64())),
        "null": lambda: table.set_column(1, "user_idx", pa.array([1, None, 2, 3], pa.int64())),
        "cut": lambda: table.slice(0, 3),
    }[change]()
    pq.write_table(changed, snapshot / SECOND)
    with pytest.raises(ContractError, match=SECOND):
        check(snapshot)


def test_no_parquet_and_several_row_groups_are_refused(snapshot: Path) -> None:
    (snapshot / SECOND).write_bytes(b"not a parquet file at all")
    with pytest.raises(ContractError, match="not Parquet"):
        check(snapshot)
    pq.write_table(pq.read_table(snapshot / "data/part-00000.parquet"), snapshot / SECOND, row_group_size=2)
    with pytest.raises(ContractError, match="2 row groups"):
        check(snapshot)


def test_an_unfinished_snapshot_and_a_spoilt_manifest_are_refused(snapshot: Path) -> None:
    text = (snapshot / m.MANIFEST).read_text()
    (snapshot / m.MANIFEST).write_text(text.replace('"rows": 4', '"rows": "many"', 1))
    with pytest.raises(ContractError, match=r"files\.0\.rows"):
        check(snapshot)
    (snapshot / m.MANIFEST).unlink()
    with pytest.raises(MissingInput, match="a finished snapshot"):
        check(snapshot)
