"""What a manifest refuses, and what it says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mapping_spark.errors import ContractError
from mapping_spark.training import manifest as m
from tests.training.snapshots import interactions, sequences, write_snapshot


def file(first_row: int, rows: int) -> m.DataFile:
    return m.DataFile(path=f"data/{first_row}.parquet", rows=rows, bytes=100, first_row=first_row, footer="ab")


def of(*files: m.DataFile, **facts: Any) -> m.Manifest:
    given = dict(shape="interactions", rows_per_group=4, n_users=9, n_items=9, length=0, as_of="2017-12-01", versions={"a": 1, "b": None})
    return m.of_files(files, **given | dict(config={}, created_at="2017-12-01T00:00:00+00:00") | facts)


def test_files_stand_in_the_order_of_their_rows_however_they_come() -> None:
    manifest = of(file(8, 1), file(0, 4), file(4, 4))
    assert [each.first_row for each in manifest.files] == [0, 4, 8]
    assert (manifest.rows, manifest) == (9, of(file(0, 4), file(4, 4), file(8, 1)))


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([(1, 4)], "1.parquet: first row 1; expected row 0"),
        ([(0, 4), (5, 4)], "5.parquet: first row 5; expected row 4"),
        ([(0, 4), (3, 4)], "3.parquet: first row 3; expected row 4"),
        ([(0, 4), (0, 4)], "0.parquet: first row 0; expected row 4"),
    ],
)
def test_rows_with_a_hole_or_twice_are_refused(files: list[tuple[int, int]], found: str) -> None:
    with pytest.raises(ContractError, match=found):
        of(*(file(*each) for each in files))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"shape": "pairs"}, r"shape: .*'interactions' or 'sequences'"),
        ({"rows_per_group": None}, "rows_per_group: "),
        ({"files": [{"path": "x"}]}, r"files\.0\.rows: Field required"),
        ({"n_users": 1.5}, "n_users: "),
        ({"extra": 1}, "extra: Extra inputs are not permitted"),
        ({"versions": {"a": "one"}}, r"versions\.a: "),
    ],
)
def test_another_manifest_is_refused_with_the_place(change: dict[str, Any], found: str) -> None:
    text = json.dumps(json.loads(of(file(0, 4)).to_json()) | change)
    with pytest.raises(ContractError, match=rf"^here: {found}.*expected a manifest as build_snapshot writes it"):
        m.from_json(text, "here")


def test_no_json_is_refused() -> None:
    with pytest.raises(ContractError, match="Invalid JSON"):
        m.from_json("PAR1", "here")


def test_equal_manifests_have_one_digest_and_each_fact_makes_another() -> None:
    one = of(file(0, 4))
    assert one.digest == of(file(0, 4), versions={"b": None, "a": 1}).digest == m.from_json(one.to_json(), "here").digest
    others: list[dict[str, Any]] = [
        dict(n_users=8),
        dict(as_of="2017-12-02"),
        dict(versions={"a": 2, "b": None}),
        dict(config={"length": 3}),
        dict(length=1),
    ]
    assert len({one.digest, of(file(0, 3)).digest, *(of(file(0, 4), **fact).digest for fact in others)}) == 7


def test_sequences_are_as_wide_as_both_their_lists() -> None:
    assert of(shape="sequences", length=5).row_bytes == 8 + 8 + 4 + 2 * 5 * 8


def test_nothing_but_the_manifest_is_left_of_writing_it(tmp_path: Path) -> None:
    for n_users in (1, 2):
        m.write(str(tmp_path), of(file(0, 4), n_users=n_users))
    assert [path.name for path in tmp_path.iterdir()] == [m.MANIFEST]
    assert m.read(str(tmp_path)).n_users == 2


def test_five_files_that_differ_are_named_and_the_others_counted(tmp_path: Path) -> None:
    manifest = write_snapshot(tmp_path, "interactions", interactions(np.arange(7), np.arange(7)), rows_per_group=1, n_users=7, n_items=7)
    for each in manifest.files:
        (tmp_path / each.path).unlink()
    with pytest.raises(ContractError) as fault:
        m.verify(str(tmp_path), manifest)
    assert fault.value.found.count("is missing") == 5
    assert fault.value.found.endswith("data/part-00004.parquet is missing and 2 more")


EMPTY = {name: pa.array([], pa.float32() if name == "weight" else pa.int64()) for name in m.COLUMNS["interactions"]}


def table(**columns: Any) -> pa.Table:
    rows = {"row": [4, 5, 6, 7], "user_idx": [0] * 4, "item_idx": [0] * 4, "weight": pa.array([1.0] * 4, pa.float32()), "at": [0] * 4}
    return pa.table(rows | columns)


@pytest.mark.parametrize(
    ("found", "columns", "options"),
    [
        ("rows 4 to 8 in 4; expected rows without a hole", {"row": [4, 5, 7, 8]}, {}),
        ("rows 4 to 6 in 4; expected rows without a hole", {"row": [4, 5, 5, 6]}, {}),
        (r"nulls, or no count of them, in \['item_idx'\]", {"item_idx": [0, None, 0, 0]}, {}),
        (r"nulls, or no count of them, in \['row', 'user_idx', 'item_idx', 'weight', 'at'\]", {}, {"write_statistics": False}),
        (r"nulls, or no count of them, in \['row'\]", {"row": pa.nulls(4, pa.int64())}, {}),
        ("'weight': 'double'", {"weight": [1.0] * 4}, {}),
        (r"nulls, or no count of them, in \['row', ", EMPTY, {}),
    ],
)
def test_a_file_is_refused_for_what_its_footer_says(tmp_path: Path, found: str, columns: dict[str, Any], options: dict[str, Any]) -> None:
    pq.write_table(table(**columns), tmp_path / "x.parquet", **options)
    with pytest.raises(ContractError, match=f"^x.parquet: .*{found}"):
        m.inspect(m.open_folder(str(tmp_path)), "x.parquet", "interactions")


def test_lists_that_are_or_hold_null_and_lists_of_another_kind_are_refused(tmp_path: Path) -> None:
    write_snapshot(tmp_path, "sequences", sequences([[1, 2], [-1, 3]]), rows_per_group=2, n_users=2, n_items=4)
    path = "data/part-00000.parquet"
    whole, folder = pq.read_table(tmp_path / path), m.open_folder(str(tmp_path))
    kind = pa.list_(pa.int64())
    for values, found in (
        (pa.array([[1, None], [2, 3]], kind), r"nulls, or no count of them, in \['item_idxs"),
        (pa.array([[1, 2], None], kind), r"nulls, or no count of them, in \['item_idxs"),
        (pa.array([[1, 2], [3, 4]], pa.large_list(pa.int64())), "'item_idxs': 'large_list"),
        (pa.array([[1, 2], [3, 4]], pa.list_(pa.int32())), "'item_idxs': 'list<int32>'"),
    ):
        pq.write_table(whole.set_column(3, "item_idxs", values), tmp_path / path)
        with pytest.raises(ContractError, match=found):
            m.inspect(folder, path, "sequences")
