"""The snapshot job on tiny tables: what a row holds, where it lies, when it is written again."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.errors import ConfigError
from mapping_spark.features import snapshot
from mapping_spark.features.interactions import InteractionsConfig
from mapping_spark.features.snapshot import Content, SnapshotConfig, ensure, interaction_rows, numbered, remove_expired, sequence_rows
from mapping_spark.tables.frames import rows
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, ITEM_IDS, USER_IDS
from mapping_spark.training import manifest as manifests
from mapping_spark.training.feed import Feed
from mapping_spark.training.settings import TrainingConfig

AS_OF = dt.date(2017, 12, 1)
NOW = dt.datetime(2017, 12, 2, tzinfo=dt.UTC)
MIDNIGHT = int(dt.datetime(2017, 11, 1, tzinfo=dt.UTC).timestamp())


def content(shape: manifests.Shape = "sequences", versions: int = 1, **config: Any) -> Content:
    chosen = SnapshotConfig(**{"length": 3, "stride": 2, "pairs_per_group": 1, "windows_per_group": 1, "largest_world": 1} | config)
    sizes = dict(n_users=2, n_items=10)
    return Content(
        shape=shape, as_of=AS_OF, versions={"silver.events": versions}, interactions=InteractionsConfig(), config=chosen, **sizes
    )


def events(spark: SparkSession, *choices: tuple[str, str, int]) -> DataFrame:
    """Purchases (user, item, days after November 1st)."""
    bought = dict(event_type="purchase", value=Decimal(1), currency="USD")
    first = dt.datetime(2017, 11, 1)
    made = [
        bought
        | dict(
            event_id=f"e{n}",
            user_id=user,
            item_id=item,
            event_at=first + dt.timedelta(days=day),
            event_date=(first + dt.timedelta(days=day)).date(),
        )
        for n, (user, item, day) in enumerate(choices)
    ]
    return rows(spark, EVENTS, *made)


def sequences(spark: SparkSession, frame: DataFrame, of: Content) -> dict[tuple[int, int], tuple[list[int], list[int]]]:
    users = rows(spark, USER_IDS, dict(user_id="u", user_idx=0), dict(user_id="v", user_idx=1))
    items = rows(spark, ITEM_IDS, *(dict(item_id=f"i{n}", item_idx=n) for n in range(10)))
    found = sequence_rows(frame, users, items, of).collect()
    return {(row.user_idx, row.window): (list(row.item_idxs), [at and (at - MIDNIGHT) // 86400 for at in row.ats]) for row in found}


def test_histories_are_padded_windows_oldest_first_without_the_future(spark: SparkSession) -> None:
    choices = [("u", f"i{n}", n) for n in (4, 1, 3, 2, 5)] + [("v", "i7", 9), ("v", "i8", 30)]  # day 30 is the date itself
    assert sequences(spark, events(spark, *choices), content()) == {
        (0, 0): ([3, 4, 5], [3, 4, 5]),
        (0, 1): ([1, 2, 3], [1, 2, 3]),
        (1, 0): ([-1, -1, 7], [0, 0, 9]),
    }


@pytest.mark.parametrize(("merge", "items", "days"), [(False, [5, 5, 6], [2, 3, 4]), (True, [-1, 5, 6], [0, 1, 4])])
def test_repeats_stay_or_merge_to_the_first(spark: SparkSession, merge: bool, items: list[int], days: list[int]) -> None:
    frame = events(spark, ("u", "i5", 1), ("u", "i5", 2), ("u", "i5", 3), ("u", "i6", 4))
    assert sequences(spark, frame, content(merge_repeats=merge))[(0, 0)] == (items, days)


def pairs(spark: SparkSession, n: int) -> DataFrame:
    """One pair per item, of weight 1 + item, chosen `item` days after November 1st; one user beyond 2^31."""
    first = dt.datetime(2017, 11, 1)
    known = dict(as_of_date=AS_OF, user_id="u", user_idx=2**33, n_events=1, first_at=first)
    made = (known | dict(item_id=f"i{n}", item_idx=n, weight=1.0 + n, last_at=first + dt.timedelta(days=n)) for n in range(n))
    return interaction_rows(rows(spark, INTERACTIONS, *made))


def test_rows_are_numbered_alike_however_they_are_spread(spark: SparkSession) -> None:
    orders = [{row.item_idx: row.row for row in numbered(pairs(spark, 20).repartition(n)).collect()} for n in (1, 3)]
    assert orders[0] == orders[1]
    assert sorted(orders[0].values()) == list(range(20))
    assert [orders[0][item] for item in range(20)] != list(range(20))


def test_a_snapshot_is_written_once_and_feeds_ranks(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = content("interactions", pairs_per_group=2)
    folder = ensure(pairs(spark, 17), of, str(tmp_path), NOW)
    manifest = manifests.read(folder)
    manifests.verify(folder, manifest)
    assert [file.rows for file in manifest.files] == [2] * 8 + [1]
    assert pq.ParquetFile(f"{folder}/{manifest.files[0].path}").schema_arrow.names == list(manifest.columns)
    (batch,) = Feed(manifest, folder, TrainingConfig(ranks=1, batch_size=17)).epoch(0)
    assert sorted(batch["item_idx"].tolist()) == list(range(17))
    assert (batch["weight"] == 1 + batch["item_idx"]).all()
    assert ((batch["at"] - MIDNIGHT) == 86400 * batch["item_idx"]).all()
    assert set(batch["user_idx"].tolist()) == {2**33}

    monkeypatch.setattr(snapshot, "_write", lambda *_: pytest.fail("written again"))
    assert ensure(pairs(spark, 17), of, str(tmp_path), NOW) == folder


def test_equal_contents_have_one_key_and_each_difference_another(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [content().key, content(versions=2).key, content(length=4).key, content("interactions").key]
    assert content(keep_days=99).key == keys[0] == content().key
    monkeypatch.setattr(snapshot, "features_code", lambda: "another")
    assert len({*keys, content().key}) == 5


def test_too_few_row_groups_are_refused_with_numbers(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"20 pairs in groups of 2 make 10 row groups; expected at least 16, 8 for each of 2 ranks.*to 1 or less"
    ):
        ensure(pairs(spark, 20), content("interactions", pairs_per_group=2, largest_world=2), str(tmp_path), NOW)
    assert not (tmp_path / "snapshots").exists()


def test_snapshots_go_some_days_after_their_last_use(tmp_path: Path) -> None:
    for key, day in (("old", 1), ("recent", 20), ("needed", 1)):
        (tmp_path / "snapshots" / key).mkdir(parents=True)
        (tmp_path / "snapshots" / key / "used_at").write_text(dt.datetime(2017, 11, day, tzinfo=dt.UTC).isoformat())
    assert remove_expired(str(tmp_path), SnapshotConfig(keep_days=30), NOW, frozenset({"needed"})) == ["old"]
    assert sorted(path.name for path in (tmp_path / "snapshots").iterdir()) == ["needed", "recent"]
    assert remove_expired(str(tmp_path / "nowhere"), SnapshotConfig(), NOW) == []
