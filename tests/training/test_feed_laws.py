"""The feed over epochs and ranks, and files that change while they are read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mapping_spark.errors import ConfigError, ContractError
from mapping_spark.training.feed import Feed
from mapping_spark.training.negatives import Negatives, Sampler
from mapping_spark.training.settings import TrainingConfig
from tests.training.test_feed import pairs, rows


def config(**settings: object) -> TrainingConfig:
    return TrainingConfig.model_validate({"ranks": 1, "batch_size": 4, "reader_threads": 1} | settings)


def test_over_the_epochs_every_row_is_left_out_once(tmp_path: Path) -> None:
    feed = Feed(pairs(tmp_path, 10, 3), str(tmp_path), config())
    assert (feed.steps_per_epoch, feed.rows_left_out) == (2, 10 - 2 * 4)
    used = Counter(row for epoch in range(5) for batch in rows(feed.epoch(epoch)) for row in batch)
    assert used == dict.fromkeys(range(10), 4)  # in 4 of 5 epochs, since 2 of 10 rows rest


@pytest.mark.parametrize(("ranks", "shards", "per_step"), [(1, None, 12), (2, None, 6), (3, 6, 4)])
def test_a_rank_gets_its_share_of_every_batch(tmp_path: Path, ranks: int, shards: int | None, per_step: int) -> None:
    manifest = pairs(tmp_path, 30, 5)
    feeds = [Feed(manifest, str(tmp_path), config(ranks=ranks, shards=shards, batch_size=12), rank) for rank in range(ranks)]
    assert {(feed.rows_per_step, feed.steps_per_epoch, feed.rows_left_out) for feed in feeds} == {(per_step, 2, 6)}
    assert {len(batch) for feed in feeds for batch in rows(feed.epoch(0))} == {per_step}


def test_a_pool_smaller_than_a_step_is_a_step(tmp_path: Path) -> None:
    feed = Feed(pairs(tmp_path, 12, 5), str(tmp_path), config(pool_rows=1))
    assert sorted(row for batch in rows(feed.epoch(0)) for row in batch) == list(range(12))


def test_nothing_is_left_of_an_epoch_after_its_last_step(tmp_path: Path) -> None:
    feed = Feed(pairs(tmp_path, 12, 5), str(tmp_path), config(pool_rows=8))
    assert rows(feed.epoch(0, 3)) == []
    assert rows(feed.epoch(0, 2)) == rows(feed.epoch(0))[2:]


def test_rows_of_a_pool_are_mixed_across_files_and_anew_in_each_epoch(tmp_path: Path) -> None:
    feed = Feed(pairs(tmp_path, 40, 10), str(tmp_path), config(batch_size=10))
    first, second = (rows(feed.epoch(epoch)) for epoch in range(2))
    assert all(len({row // 10 for row in batch}) > 1 for batch in first)  # files hold rows 0-9, 10-19, ...
    assert first != second


def test_ranks_share_the_negatives_of_a_batch_and_nothing_else(tmp_path: Path) -> None:
    manifest, sampler = pairs(tmp_path, 16, 4), Sampler(Negatives(n=9, per="batch"), 7)
    one, other = (list(Feed(manifest, str(tmp_path), config(ranks=2, batch_size=8), rank, sampler).epoch(0)) for rank in range(2))
    assert [batch["negatives"].tolist() for batch in one] == [batch["negatives"].tolist() for batch in other]
    assert one[0]["negatives"].tolist() != one[1]["negatives"].tolist()
    assert not {int(row) for batch in one for row in batch["row"]} & {int(row) for batch in other for row in batch["row"]}


@pytest.mark.parametrize(
    ("first_row", "n_rows", "found"), [(100, 3, "3 rows from row 100"), (3, 2, "2 rows from row 3"), (0, 3, "3 rows from row 0")]
)
def test_a_file_written_over_after_it_was_verified_is_told(tmp_path: Path, first_row: int, n_rows: int, found: str) -> None:
    manifest = pairs(tmp_path, 12, 3)
    second = tmp_path / manifest.files[1].path
    table = pq.read_table(second).slice(0, n_rows)
    pq.write_table(table.set_column(0, "row", pa.array(np.arange(first_row, first_row + n_rows))), second)
    with pytest.raises(ContractError, match=f"{found}; expected the files as verified. Nobody may write there while it is read."):
        rows(Feed(manifest, str(tmp_path), config(batch_size=12)).epoch(0))


def test_a_batch_larger_than_the_snapshot_is_refused_before_a_file_is_opened(tmp_path: Path) -> None:
    manifest = pairs(tmp_path, 12, 5)
    with pytest.raises(ConfigError, match="13 for 12 rows; expected at most 12"):
        Feed(manifest, str(tmp_path / "nowhere"), config(batch_size=13))
