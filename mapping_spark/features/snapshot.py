"""The training snapshot: silver at pinned versions as plain Parquet files, laid out for ranks that read them.

A snapshot's folder is named by a hash of what it was made from, so an equal one is used again. Its rows stand in the order
of a hash, so that every file is a sample of all of them; each file is one row group of a declared number of rows. All rows
go through Spark tasks; the driver sees counts and the facts of the manifest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from pyarrow import fs
from pydantic import Field, model_validator
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.config import Section
from mapping_spark.errors import ConfigError
from mapping_spark.features import interactions as interactions_room
from mapping_spark.features.interactions import InteractionsConfig, is_choice
from mapping_spark.tables.frames import small
from mapping_spark.tables.runs import content_hash, source_hash
from mapping_spark.training import manifest as manifests
from mapping_spark.training.manifest import COLUMNS, DataFile, Manifest, Shape

FOLDER = "snapshots"
GROUPS_PER_RANK = 8
"""Row groups that a rank needs at least, for order and pools to mix."""
_PADDING = -1
_BUCKETS = 256
_USED = "used_at"
_DATA = "data"
_FACTS = "path string, rows bigint, bytes bigint, first_row bigint, footer string"


class SnapshotConfig(Section):
    """Layout of snapshots, and how long they stay."""

    length: int = Field(50, ge=2)
    """L: items of a sequence; shorter histories are padded on the left."""
    stride: int | None = Field(None, ge=1)
    """Events by which the windows of a long history are apart, counted back from its end: at most `length`; null for half of it."""
    merge_repeats: bool = False
    """Whether an item that directly follows itself is one choice, dated by the first of them."""
    pairs_per_group: int = Field(16_384, ge=1)
    """Rows of a file of interactions and its one row group."""
    windows_per_group: int = Field(2_048, ge=1)
    """Rows of a file of sequences and its one row group."""
    largest_world: int = Field(2, ge=1)
    """Most ranks that will read a snapshot; each needs 8 row groups."""
    keep_days: int = Field(30, ge=0)
    """Days since its last use after which a snapshot may be removed."""

    @model_validator(mode="after")
    def _windows_leave_nothing_out(self) -> Self:
        if self.step > self.length:
            raise ValueError(
                f"stride = {self.step} leaves out choices between windows of length = {self.length}: use at most {self.length}"
            )
        return self

    @property
    def step(self) -> int:
        """The stride, also where it follows from the length."""
        return self.stride or self.length // 2


@dataclass(frozen=True)
class Content:
    """What a snapshot is made from: equal contents are equal snapshots."""

    shape: Shape
    as_of: dt.date
    versions: Mapping[str, int | None]
    """Pinned versions of the tables read."""
    n_users: int
    n_items: int
    """Sizes of the id maps at those versions."""
    interactions: InteractionsConfig
    config: SnapshotConfig

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that its rows depend on."""
        return {
            "interactions": self.interactions.model_dump(mode="json"),
            "snapshot": self.config.model_dump(mode="json", exclude={"keep_days", "largest_world"}),
        }

    @property
    def rows_per_group(self) -> int:
        """Rows of a file of its shape."""
        return self.config.pairs_per_group if self.shape == "interactions" else self.config.windows_per_group

    @property
    def key(self) -> str:
        """The hash that names its folder."""
        return content_hash([self.shape, self.as_of, dict(self.versions), self.settings, features_code()])

    def folder(self, root: str) -> str:
        """Where it lies under a root."""
        return f"{root}/{FOLDER}/{self.key}"


@cache
def features_code() -> str:
    """A hash of the code that makes features and files: equal code makes equal rows."""
    return source_hash([*Path(interactions_room.__file__).parent.glob("*.py"), Path(manifests.__file__)])


def interaction_rows(interactions: DataFrame) -> DataFrame:
    """(user_idx, item_idx, weight float, at): a slice of silver.interactions; `at` is the last event in epoch seconds UTC."""
    return interactions.select(
        "user_idx", "item_idx", F.col("weight").cast("float").alias("weight"), F.col("last_at").cast("bigint").alias("at")
    )


def sequence_rows(events: DataFrame, user_ids: DataFrame, item_ids: DataFrame, content: Content) -> DataFrame:
    """(user_idx, window int, item_idxs, ats): windows of each user's choices before `as_of`, oldest first.

    Choices are those that silver.interactions counts, in the order of their recency (`build_choices`); both lists have `length`
    entries, padded on the left with item -1 at second 0. Window 0 ends with the user's last choice, window k a stride * k earlier;
    together they hold every choice.
    """
    config, by_time = content.config, Window.partitionBy("user_idx").orderBy(F.desc("recency"))
    latest = Window.partitionBy("user_id").orderBy(F.desc("event_at"), F.asc("event_id"))
    chosen = (
        events.where(is_choice(content.interactions) & (F.col("event_date") < F.lit(content.as_of)))
        .withColumn("recency", F.row_number().over(latest))
        .where(F.col("recency") <= content.interactions.max_events_per_user)
        .join(user_ids, on="user_id", how="inner")  # one row per key in both id maps
        .join(item_ids, on="item_id", how="inner")
        .select("user_idx", "recency", "item_idx", F.col("event_at").cast("bigint").alias("at"))
    )
    if config.merge_repeats:
        before = F.lag("item_idx").over(by_time)
        chosen = chosen.withColumn("before", before).where(F.col("before").isNull() | (F.col("before") != F.col("item_idx")))
    history = F.sort_array(F.collect_list(F.struct(-F.col("recency"), F.col("item_idx"), F.col("at"))))
    histories = chosen.groupBy("user_idx").agg(history.alias("history")).withColumn("n", F.size("history"))
    further = F.ceil(F.greatest(F.col("n") - config.length, F.lit(0)) / config.step).cast("int")
    windows = histories.withColumn("window", F.explode(F.sequence(F.lit(0), further)))
    end = F.col("n") - F.col("window") * config.step
    start = F.greatest(end - config.length, F.lit(0))
    cut = windows.withColumn("cut", F.slice("history", start + 1, end - start))
    item_idxs, ats = _padded("item_idx", _PADDING, config.length), _padded("at", 0, config.length)
    return cut.select("user_idx", "window", item_idxs.alias("item_idxs"), ats.alias("ats"))


def _padded(name: str, padding: int, length: int) -> Column:
    missing = F.array_repeat(F.lit(padding).cast("bigint"), F.lit(length) - F.size("cut"))
    return F.concat(missing, F.col(f"cut.{name}"))


def state_of(rows: DataFrame) -> int:
    """A number that equal rows share however they are spread, and others as good as never: the version of rows that no table holds."""
    (state,) = rows.agg(F.coalesce(F.bit_xor(F.xxhash64(*rows.columns)), F.lit(0))).collect()[0]
    return int(state)


def numbered(rows: DataFrame) -> DataFrame:
    """`rows` with `row`: 0, 1, 2 … in the order of a hash of the key, the same for the same rows however they are spread."""
    key = [name for name in ("user_idx", "item_idx", "window") if name in rows.columns]
    hashed = rows.withColumn("hash", F.xxhash64(*key)).withColumn("bucket", F.pmod(F.col("hash"), F.lit(_BUCKETS)))
    place = F.row_number().over(Window.partitionBy("bucket").orderBy("hash", *key)).cast("bigint")
    sizes = hashed.groupBy("bucket").agg(F.count(F.lit(1)).alias("size"))
    # At most 256 rows meet in one task here.
    before = F.sum("size").over(Window.partitionBy(F.lit(0)).orderBy("bucket")) - F.col("size")
    starts = sizes.select("bucket", before.alias("start"))
    counted = hashed.withColumn("place", place).join(F.broadcast(starts), on="bucket", how="inner")
    return counted.withColumn("row", F.col("start") + F.col("place") - 1).drop("hash", "bucket", "place", "start")


def ensure(rows: DataFrame, content: Content, root: str, now: dt.datetime) -> str:
    """The folder of the snapshot of `content`: the one that is there, or a new one written from `rows`, which are computed only then.

    Raises `ConfigError` with the numbers where its row groups would be too few for the declared largest world.
    """
    folder = content.folder(root)
    if not _is_finished(folder):
        manifests.write(folder, _write(rows, content, folder, now))
    with manifests.open_folder(folder).open_output_stream(_USED) as stream:
        stream.write(now.isoformat().encode())
    return folder


def _is_finished(folder: str) -> bool:
    return bool(manifests.open_folder(folder).get_file_info(manifests.MANIFEST).type == fs.FileType.File)


def _write(rows: DataFrame, content: Content, folder: str, now: dt.datetime) -> Manifest:
    kept = rows.persist(StorageLevel.DISK_ONLY)  # counted, numbered and written: computed once
    try:
        n_groups = _groups(kept.count(), content)
        grouped = numbered(kept).withColumn("group", F.expr(f"row div {content.rows_per_group}"))
        laid = grouped.select("group", *COLUMNS[content.shape]).repartition(n_groups, "group").sortWithinPartitions("group", "row")
        output = laid.write.mode("overwrite").partitionBy("group")
        # Twice the bytes of a group: Parquet then never splits it.
        output.option("parquet.block.size", 2 * content.rows_per_group * _row_bytes(content) + 2**24).parquet(f"{folder}/{_DATA}")
    finally:
        kept.unpersist()
    return manifests.of_files(
        _files(rows, content.shape, folder),
        shape=content.shape,
        rows_per_group=content.rows_per_group,
        n_users=content.n_users,
        n_items=content.n_items,
        length=_length(content),
        as_of=content.as_of.isoformat(),
        versions=content.versions,
        config=content.settings,
        created_at=now.isoformat(),
    )


def _groups(n_rows: int, content: Content) -> int:
    largest_world, setting = content.config.largest_world, "pairs" if content.shape == "interactions" else "windows"
    n_groups, needed = -(-n_rows // content.rows_per_group), GROUPS_PER_RANK * largest_world
    if n_groups < needed:
        fit = n_rows // needed
        too_few = f"Train on fewer ranks (snapshot.largest_world): {n_rows:,} rows cannot feed them."
        fix = f"Set snapshot.{setting}_per_group to {fit:,} or less." if fit else too_few
        found = f"{n_rows:,} {setting} in groups of {content.rows_per_group:,} make {n_groups:,} row groups"
        raise ConfigError("snapshot", found, f"at least {needed:,}, {GROUPS_PER_RANK} for each of {largest_world} ranks", fix)
    return n_groups


def _length(content: Content) -> int:
    return content.config.length if content.shape == "sequences" else 0


def _row_bytes(content: Content) -> int:
    return 8 * len(COLUMNS[content.shape]) + 16 * _length(content)


def _files(rows: DataFrame, shape: Shape, folder: str) -> list[DataFile]:
    """Facts of every file, read from its footer by Spark tasks."""
    spark = rows.sparkSession
    uris = spark.read.parquet(f"{folder}/{_DATA}").inputFiles()
    paths = [(_DATA + uri.rpartition(f"/{_DATA}")[2],) for uri in uris]

    def inspected(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        filesystem = manifests.open_folder(folder)
        for batch in batches:
            found = [manifests.inspect(filesystem, path, shape).model_dump() for path in batch.column(0).to_pylist()]
            yield pa.RecordBatch.from_pylist(found)

    listed = small(spark, paths, "path string").repartition(min(len(paths), 2 * spark.sparkContext.defaultParallelism))
    return [DataFile(**row.asDict()) for row in listed.mapInArrow(inspected, _FACTS).collect()]  # one small row per file


def remove_expired(root: str, config: SnapshotConfig, now: dt.datetime, in_use: frozenset[str] = frozenset()) -> list[str]:
    """Remove the snapshots last used more than `keep_days` before `now`, except the keys `in_use`; returns the keys removed.

    A folder without a manifest is one that was not finished, and counts from its last change.
    """
    filesystem = manifests.open_folder(f"{root}/{FOLDER}")
    found = filesystem.get_file_info(fs.FileSelector("", allow_not_found=True))
    oldest = now - dt.timedelta(days=config.keep_days)
    expired = [info.path for info in found if info.path not in in_use and _last_used(filesystem, info) < oldest]
    for key in expired:
        filesystem.delete_dir(key)
    return sorted(expired)


def pinned_inputs(root: str) -> list[Mapping[str, int | None]]:
    """What each finished snapshot under the root was made from: table name to version."""
    folder = f"{root}/{FOLDER}"
    found = manifests.open_folder(folder).get_file_info(fs.FileSelector("", allow_not_found=True))
    places = [f"{folder}/{info.path}" for info in found]
    return [manifests.read(place).versions for place in places if _is_finished(place)]


def _last_used(filesystem: fs.FileSystem, info: fs.FileInfo) -> dt.datetime:
    try:
        with filesystem.open_input_stream(f"{info.path}/{_USED}") as stream:
            return dt.datetime.fromisoformat(stream.read().decode())
    except (FileNotFoundError, ValueError):
        inside = filesystem.get_file_info(fs.FileSelector(info.path, recursive=True))  # an object store dates no folder
        return max((one.mtime for one in (info, *inside) if one.mtime), default=dt.datetime.now(dt.UTC))
