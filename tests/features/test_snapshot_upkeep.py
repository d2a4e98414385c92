"""When snapshots go, what they pin, and how a folder becomes one."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from mapping_spark.errors import ConfigError
from mapping_spark.features.snapshot import SnapshotConfig, ensure, pinned_inputs, remove_expired
from mapping_spark.training import manifest as manifests
from tests.features.test_snapshot import NOW, content, pairs
from tests.training.snapshots import interactions, write_snapshot

DAY = dt.timedelta(days=1)


def used(root: Path, key: str, at: dt.datetime | str) -> None:
    folder = root / "snapshots" / key
    folder.mkdir(parents=True)
    (folder / "used_at").write_text(at if isinstance(at, str) else at.isoformat())


@pytest.mark.parametrize(
    ("ago", "keep_days", "goes"),
    [
        (30 * DAY, 30, False),  # not more than so many days ago
        (30 * DAY + dt.timedelta(seconds=1), 30, True),
        (dt.timedelta(0), 0, False),
        (dt.timedelta(seconds=1), 0, True),
        (-DAY, 0, False),  # by a machine whose clock is ahead
    ],
)
def test_a_snapshot_goes_once_it_was_not_used_for_more_than_so_many_days(
    tmp_path: Path, ago: dt.timedelta, keep_days: int, goes: bool
) -> None:
    used(tmp_path, "one", NOW - ago)
    config = SnapshotConfig(keep_days=keep_days)
    assert remove_expired(str(tmp_path), config, NOW, frozenset({"one"})) == []
    assert remove_expired(str(tmp_path), config, NOW) == (["one"] if goes else [])
    assert (tmp_path / "snapshots" / "one").exists() is not goes
    assert remove_expired(str(tmp_path), config, NOW) == []


@pytest.mark.parametrize("mark", [None, "", "yesterday"])
def test_one_that_was_never_finished_counts_from_its_last_change(tmp_path: Path, mark: str | None) -> None:
    """Also where the mark of its last use was cut short."""
    used(tmp_path, "broken", mark or "")
    folder = tmp_path / "snapshots" / "broken"
    (folder / "data").mkdir()
    part = folder / "data" / "part-0.parquet"
    part.write_bytes(b"half")
    if mark is None:
        (folder / "used_at").unlink()
    changed = dt.datetime(2017, 11, 20, tzinfo=dt.UTC)
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (0, changed.timestamp() - (0 if path == part else 86400)))
    config = SnapshotConfig(keep_days=3)
    assert remove_expired(str(tmp_path), config, changed + 3 * DAY) == []
    assert remove_expired(str(tmp_path), config, changed + 4 * DAY) == ["broken"]


def test_finished_snapshots_pin_the_versions_they_were_made_from(tmp_path: Path) -> None:
    assert pinned_inputs(str(tmp_path)) == []
    for key, version in (("a", 3), ("b", 7)):
        folder = tmp_path / "snapshots" / key
        manifest = write_snapshot(folder, "interactions", interactions([0], [0]), rows_per_group=1, n_users=1, n_items=1)
        manifests.write(str(folder), manifest.model_copy(update={"versions": {"silver.events": version}}))
    used(tmp_path, "unfinished", NOW)
    assert sorted(found["silver.events"] or 0 for found in pinned_inputs(str(tmp_path))) == [3, 7]


def test_too_few_rows_for_any_layout_are_refused_with_what_is_left_to_do(spark: SparkSession, tmp_path: Path) -> None:
    found = (
        r"7 pairs in groups of 1 make 7 row groups; expected at least 8, 8 for each of 1 ranks. Train on fewer ranks .*7 rows cannot feed"
    )
    with pytest.raises(ConfigError, match=found):
        ensure(pairs(spark, 7), content("interactions"), str(tmp_path), NOW)


def test_each_use_is_noted_and_the_snapshot_stays_as_it_is(spark: SparkSession, tmp_path: Path) -> None:
    of = content("interactions")
    folder = Path(of.folder(str(tmp_path)))
    before = write_snapshot(folder, "interactions", interactions([0], [0]), rows_per_group=1, n_users=1, n_items=1)
    for now in (NOW, NOW + 9 * DAY):
        assert ensure(spark.range(0), of, str(tmp_path), now) == str(folder)
        assert (folder / "used_at").read_text() == now.isoformat()
    assert manifests.read(str(folder)) == before
    assert remove_expired(str(tmp_path), SnapshotConfig(keep_days=5), NOW + 10 * DAY) == []
