"""Batches of small snapshots, through Petastorm."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from mapping_spark.training.feed import Feed
from mapping_spark.training.manifest import Manifest
from mapping_spark.training.negatives import Negatives, Sampler
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.trainable import Batch
from tests.training.snapshots import interactions, sequences, write_snapshot


def pairs(folder: Path, n_rows: int, rows_per_group: int) -> Manifest:
    """The user of row r is r + 2^40, its item r mod 7."""
    columns = interactions(np.arange(n_rows) + 2**40, np.arange(n_rows) % 7)
    return write_snapshot(folder, "interactions", columns, rows_per_group=rows_per_group, n_users=2**40 + n_rows, n_items=7)


def feeds(folder: Path, manifest: Manifest, config: TrainingConfig) -> list[Feed]:
    return [Feed(manifest, str(folder), config, rank) for rank in range(config.ranks)]


def rows(batches: Iterator[Batch]) -> list[list[int]]:
    return [batch["row"].tolist() for batch in batches]


@pytest.mark.parametrize(("n_rows", "group", "ranks", "batch"), [(100, 10, 3, 12), (9, 9, 2, 2), (21, 4, 2, 4), (7, 3, 1, 7)])
def test_every_row_is_used_once_or_counted(tmp_path: Path, n_rows: int, group: int, ranks: int, batch: int) -> None:
    """10 row groups over 3 ranks, 1 over 2, a rank that has one row fewer to read, one batch."""
    manifest = pairs(tmp_path, n_rows, group)
    for epoch in range(2):
        all_feeds = feeds(tmp_path, manifest, TrainingConfig(ranks=ranks, batch_size=batch, pool_rows=5))
        dealt = [rows(feed.epoch(epoch)) for feed in all_feeds]
        assert {len(batches) for batches in dealt} == {n_rows // batch}
        used = [row for batches in dealt for rows_of_batch in batches for row in rows_of_batch]
        assert len(used) == len(set(used)) == n_rows - all_feeds[0].rows_left_out


def test_columns_stay_with_their_row(tmp_path: Path) -> None:
    manifest = pairs(tmp_path, 50, 7)
    for batch in Feed(manifest, str(tmp_path), TrainingConfig(ranks=1, batch_size=5)).epoch(0):
        assert batch["user_idx"].dtype == torch.int64
        assert (batch["user_idx"] == batch["row"] + 2**40).all()
        assert (batch["item_idx"] == batch["row"] % 7).all()
        assert batch["weight"].tolist() == [1.0] * 5


def test_large_ids_stay_distinct(tmp_path: Path) -> None:
    ids = [2**24, 2**24 + 1, 2**31, 2**31 + 1, 2**53, 2**53 + 1]  # float32 merges the first two, float64 the last
    manifest = write_snapshot(tmp_path, "interactions", interactions(ids, ids), rows_per_group=2, n_users=2**54, n_items=2**54)
    (batch,) = Feed(manifest, str(tmp_path), TrainingConfig(ranks=1, batch_size=6)).epoch(0)
    assert sorted(batch["user_idx"].tolist()) == sorted(batch["item_idx"].tolist()) == ids


def test_sequences_come_as_matrices(tmp_path: Path) -> None:
    items = [[-1, -1, 5], [-1, 6, 5], [7, 6, 2**40]]
    manifest = write_snapshot(tmp_path, "sequences", sequences(items), rows_per_group=2, n_users=3, n_items=2**41)
    (batch,) = Feed(manifest, str(tmp_path), TrainingConfig(ranks=1, batch_size=3)).epoch(0)
    assert [items[row] for row in batch["row"]] == batch["item_idxs"].tolist()
    assert sorted(batch["ats"].tolist()) == [[0, 0, 3], [0, 2, 3], [1, 2, 3]]


def test_an_epoch_resumes_at_any_step_and_the_next_is_another(tmp_path: Path) -> None:
    manifest = pairs(tmp_path, 60, 10)
    (feed,) = feeds(tmp_path, manifest, TrainingConfig(ranks=1, batch_size=4, pool_rows=12))
    whole = rows(feed.epoch(3))
    assert [rows(feed.epoch(3, step)) for step in (0, 2, 3, 14)] == [whole, whole[2:], whole[3:], whole[14:]]
    assert whole != rows(feed.epoch(4))


def test_with_a_number_of_shards_the_ranks_change_no_batch(tmp_path: Path) -> None:
    manifest = pairs(tmp_path, 64, 10)
    config = TrainingConfig(ranks=1, shards=4, batch_size=8, pool_rows=6)
    one = rows(feeds(tmp_path, manifest, config)[0].epoch(1))
    four = [rows(feed.epoch(1)) for feed in feeds(tmp_path, manifest, config.model_copy(update={"ranks": 4}))]
    assert one == [[row for batches in four for row in batches[step]] for step in range(8)]


def test_negatives_are_of_the_row_and_epoch(tmp_path: Path) -> None:
    manifest = pairs(tmp_path, 8, 8)
    sampler = Sampler(Negatives("uniform", 3, "row"), 7)
    config = TrainingConfig(ranks=1, batch_size=4)
    drawn = [
        {
            int(row): drawn.tolist()
            for batch in Feed(manifest, str(tmp_path), c, 0, sampler).epoch(2)
            for row, drawn in zip(batch["row"], batch["negatives"], strict=True)
        }
        for c in (config, config.model_copy(update={"batch_size": 8}))
    ]
    assert drawn[0] == drawn[1]


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


def test_poisoned_metadata_beside_the_files_is_never_opened(tmp_path: Path) -> None:
    manifest, mark = pairs(tmp_path, 8, 4), tmp_path / "executed"
    poison = pa.schema([]).with_metadata(
        {b"dataset-toolkit.unischema.v1": pickle.dumps(Bomb(mark)), b"dataset-toolkit.num_row_groups_per_file.v1": b"{}"}
    )
    for folder in (tmp_path, tmp_path / "data"):
        pq.write_metadata(poison, folder / "_common_metadata")
    assert len(rows(Feed(manifest, str(tmp_path), TrainingConfig(ranks=1, batch_size=4)).epoch(0))) == 2
    assert not mark.exists()


def test_no_file_is_lost_where_files_are_small_and_many(tmp_path: Path) -> None:
    """Petastorm's own reader ends early now and then here; what it leaves is read again."""
    (feed,) = feeds(tmp_path, pairs(tmp_path, 64, 1), TrainingConfig(ranks=1, batch_size=64))
    for epoch in range(10):
        assert sorted(rows(feed.epoch(epoch))[0]) == list(range(64))
