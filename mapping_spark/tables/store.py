"""The only file that speaks Delta: create, read at a version, append once, merge on the key, replace a slice.

A table's name resolves to a folder under a root or to a name in a catalog, by one setting. Tables are boring on
purpose (no deletion vectors, no column mapping), so that any Delta reader reads them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain, takewhile
from pathlib import Path
from urllib.parse import unquote

from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameReader, DataFrameWriter, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.utils import is_remote

from mapping_spark.errors import ConfigError, ContractError, MissingInput
from mapping_spark.tables.commits import Commit, newest_first
from mapping_spark.tables.contract import Table, identifier, quoted
from mapping_spark.tables.dictionary import create_view_sql, view_name
from mapping_spark.tables.frames import conform, empty, widens
from mapping_spark.tables.retries import retried

KEEP_DAYS, LOG_DAYS = 30, 90
"""Days for which replaced files stay, and for which the log remembers a commit, in a new table."""


def _retention(files: int, log: int) -> dict[str, str]:
    return {"delta.deletedFileRetentionDuration": f"interval {files} days", "delta.logRetentionDuration": f"interval {log} days"}


_PROPERTIES = {"delta.enableDeletionVectors": "false", "delta.columnMapping.mode": "none"} | _retention(KEEP_DAYS, LOG_DAYS)
_ROWS_PER_FILE = 12_500
"""Of a table with a layout: 800 files for 10 million rows, of which a filter on one of two columns reads about 30."""
_REARRANGING = ("OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES")
"""Operations in Delta's history that change no row."""
_FORBIDDEN_IN_PATHS = "`'\"\\;\n\r\0"

Value = str | int | dt.date | Decimal


def literal(value: Value) -> str:
    """A value as a SQL literal, quoted by its type."""
    if isinstance(value, dt.date):
        return f"DATE'{value.isoformat()}'"
    return quoted(value) if isinstance(value, str) else str(value)


def checked_root(root: str) -> str:
    """A root without a trailing slash, a folder as an absolute path (Delta asks for it). Refused: `..`, and characters that
    could leave their place in SQL."""
    if not root or any(sign in _FORBIDDEN_IN_PATHS for sign in root) or ".." in root.split("/"):
        raise ConfigError("store.root", repr(root), "a folder or URI without quotes, control signs or '..'", "Choose another folder.")
    return root.rstrip("/") if "://" in root else str(Path(root).absolute())


def laid_out(frame: DataFrame, table: Table) -> DataFrame:
    """The rows ranged over tasks and sorted by the table's layout, so that a file's statistics are narrow; untouched without one."""
    keys = [F.expr(expression) for expression in table.layout]
    return frame.repartitionByRange(*keys).sortWithinPartitions(*keys) if keys else frame


@dataclass(frozen=True)
class Store:
    """Tables under one root folder, or in one catalog. Exactly one of `root` and `catalog` names tables;
    models and checkpoints always lie under `root`."""

    spark: SparkSession
    root: str
    catalog: str | None = None
    _counts: dict[tuple[str, int], int] = field(default_factory=dict, init=False, repr=False, compare=False)
    _heaviest: dict[tuple[str, int, str], int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", checked_root(self.root))
        if self.catalog is not None:
            identifier(self.catalog, "store.catalog")

    def location(self, table: Table) -> str:
        """The table's folder, or its name in the catalog."""
        if self.catalog is None:
            return f"{self.root}/{table.layer}/{table.short_name}"
        return f"{self.catalog}.{table.layer}.{table.short_name}"

    def relation(self, table: Table) -> str:
        """The table as SQL names it."""
        if self.catalog is None:
            return f"delta.`{self.location(table)}`"
        return f"`{self.catalog}`.`{table.layer}`.`{table.short_name}`"

    def exists(self, table: Table) -> bool:
        """Whether the table is there."""
        if self.catalog is not None:
            return self.spark.catalog.tableExists(self.location(table))
        return self._is_readable(table) if is_remote() else DeltaTable.isDeltaTable(self.spark, self.location(table))

    def _is_readable(self, table: Table) -> bool:
        """For Spark Connect: DeltaTable needs a plugin in the server that is not published for this version of Delta."""
        try:
            return bool(self.spark.read.format("delta").load(self.location(table)).columns)
        except AnalysisException:
            return False

    def create(self, table: Table) -> None:
        """Create the table from its declaration, or add the columns that were declared since. Does nothing otherwise.

        In a catalog a table with measures also has its BI views.
        """
        if self.exists(table):
            self._evolve(table)
        else:
            self._create_new(table)
        if self.catalog is not None:
            self.create_views(table)

    def create_views(self, table: Table) -> list[str]:
        """Create or replace the BI views of a table in the catalog, as the measures are declared now; returns their names."""
        ways = ((), *table.rollups) if table.measures else ()
        for by in ways:
            self.spark.sql(create_view_sql(table, f"{self.catalog}.{table.layer}", self.relation(table), by))
        return [f"{table.layer}.{view_name(table, by)}" for by in ways]

    def register(self, table: Table, folder: str) -> str:
        """Name the Delta table in `folder` in the catalog, unless the name is taken; returns the folder that the name stands for."""
        self._create_schema(table)
        self.spark.sql(f"CREATE TABLE IF NOT EXISTS {self.relation(table)} USING DELTA LOCATION {quoted(folder)}")
        described = self.spark.sql(f"DESCRIBE TABLE EXTENDED {self.relation(table)}").where("col_name = 'Location'").head()
        return re.sub(r"^file:/+", "/", described["data_type"]) if described else ""

    def _create_schema(self, table: Table) -> None:
        self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS `{self.catalog}`.`{table.layer}`")

    def _create_new(self, table: Table) -> None:
        if self.catalog is not None:
            self._create_schema(table)
        # Delta refuses a row for which a condition is null; a Check lets it pass.
        constraints = {f"delta.constraints.{check.name}": f"coalesce({check.condition}, true)" for check in table.checks}
        properties = ", ".join(f"{quoted(key)} = {quoted(value)}" for key, value in (_PROPERTIES | constraints).items())
        partitions = ", ".join(f"`{name}`" for name in table.partition_by)
        self.spark.sql(
            f"CREATE TABLE IF NOT EXISTS {self.relation(table)} ({table.ddl_columns()}) USING DELTA "
            + (f"PARTITIONED BY ({partitions}) " if partitions else "")
            + f"COMMENT {quoted(table.grain)} TBLPROPERTIES ({properties})"
        )

    def _evolve(self, table: Table) -> None:
        """Add declared nullable columns the table lacks; refuse any other difference."""
        found = dict(self._handle(table).toDF().dtypes)
        wrong = [f"{c.name} is {found[c.name]}, declared {c.type}" for c in table.columns if not widens(found.get(c.name, c.type), c.type)]
        new = [column for column in table.columns if column.name not in found]
        wrong += [f"{column.name} is new and not nullable" for column in new if not column.nullable]
        if wrong:
            raise ContractError(table.name, "; ".join(wrong), "new columns nullable, old ones unchanged", "Migrate or rebuild the table.")
        if new:
            columns = ", ".join(f"`{c.name}` {c.type.upper()} COMMENT {quoted(c.doc)}" for c in new)
            self.spark.sql(f"ALTER TABLE {self.relation(table)} ADD COLUMNS ({columns})")

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        """The table now, or at a Delta version (of a table that is there). Raises `MissingInput` where it is not there."""
        if version is None and not self.exists(table):
            raise MissingInput(table.name, f"nothing at {self.location(table)}", "a Delta table", "Run the job that writes it first.")
        reader: DataFrameReader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(self.location(table)) if self.catalog is None else reader.table(self.location(table))

    def read_or_empty(self, table: Table, version: int | None = None) -> DataFrame:
        """Like `read`, or no rows where the table is not there: for rule tables that nobody has filled yet."""
        return self.read(table, version) if version is not None or self.exists(table) else empty(self.spark, table)

    def version(self, table: Table) -> int | None:
        """The table's current Delta version; None where it is not there."""
        return self.versions(table)[0]

    def versions(self, table: Table) -> tuple[int | None, int | None]:
        """The table's current Delta version and the last one that changed rows, by which results are told apart; None where it is
        not there. They differ after a compaction or a vacuum. Where the log no longer holds the change, the current version is both."""
        log = self._log(table)
        latest = next(log, None)
        if latest is None:
            return None, None
        changed = next((one.version for one in chain([latest], log) if one.operation not in _REARRANGING), latest.version)
        return latest.version, changed

    def _log(self, table: Table) -> Iterator[Commit]:
        """The table's commits, latest first, as they are asked for. A catalog keeps its tables' folders to itself: it is asked."""
        if self.catalog is None:
            yield from newest_first(self.location(table))
        elif self.exists(table):
            latest = None
            for limit in (1, None):  # most ask for the latest commit only; a history is as long as the log
                history = self._handle(table).history(limit).select("version", "operation", "operationMetrics").collect()
                yield from (Commit.of(*row) for row in history if latest is None or row["version"] < latest)
                latest = history[0]["version"]

    def count(self, table: Table, version: int | None = None) -> int:
        """Rows of the table; answered from Delta's file statistics, without a scan. A version's count never changes: it is kept."""
        if version is None:
            return self.read(table).count()
        if (table.name, version) not in self._counts:
            self._counts[table.name, version] = self.read(table, version).count()
        return self._counts[table.name, version]

    def count_of_heaviest(self, table: Table, version: int, key: str) -> int:
        """Rows of the most frequent value of a column at a version: one pass over that column, kept like `count`."""
        if (table.name, version, key) not in self._heaviest:
            row = self.read(table, version).groupBy(key).count().agg(F.max("count")).head()
            self._heaviest[table.name, version, key] = int(row[0] or 0) if row else 0
        return self._heaviest[table.name, version, key]

    def written(self, table: Table, since: int | None) -> tuple[int | None, int]:
        """The current version, and the rows that the commits after version `since` (None: all of them) added, from Delta's log."""
        commits = list(takewhile(lambda one: since is None or one.version > since, self._log(table)))
        return (commits[0].version if commits else since), sum(one.rows for one in commits)

    def changed_partitions(self, table: Table, old: int, new: int) -> set[str]:
        """Values (as text) of the table's first partition column whose files differ between two versions."""
        files = [set(self.read(table, version).inputFiles()) for version in (old, new)]
        found = re.compile(rf"/{table.partition_by[0]}=([^/]*)/")
        return {unquote(value) for path in files[0] ^ files[1] for value in found.findall(path)}

    def append_once(self, table: Table, frame: DataFrame, *, writer: str, sequence: int) -> None:
        """Append `frame` unless `writer` has already appended this or a later `sequence`."""
        options = {"txnAppId": f"{writer}:{table.name}", "txnVersion": str(sequence)}
        output = conform(frame, table).write.format("delta").mode("append").options(**options)
        self._commit(table, output)

    def insert_new(self, table: Table, frame: DataFrame, *, within: str = "") -> None:
        """Insert the rows whose key the table lacks; rows it has stay as they are.

        `within` is a further condition on `target` (a range of partitions) that bounds what is searched for the key.
        `frame` must hold each key once.
        """
        condition = f"{table.merge_condition} AND ({within})" if within else table.merge_condition
        source = conform(frame, table).alias("source")
        retried(lambda: self._handle(table).alias("target").merge(source, condition).whenNotMatchedInsertAll().execute(), table.name)

    def replace_slice(self, table: Table, frame: DataFrame, slice_: Mapping[str, Value]) -> None:
        """Replace the rows where every column of `slice_` has its value, in one commit; `{}` replaces all rows.

        Rows of `frame` outside the slice are refused by Delta.
        """
        unknown = sorted(set(slice_) - set(table.column_names))
        if unknown:
            raise ContractError(table.name, f"the slice columns {unknown}", f"columns among {list(table.column_names)}", "Mend the slice.")
        condition = " AND ".join(f"`{name}` = {literal(value)}" for name, value in slice_.items()) or "true"
        self._overwrite(table, frame, condition)

    def _overwrite(self, table: Table, frame: DataFrame, condition: str) -> None:
        output = laid_out(conform(frame, table), table).write.format("delta").mode("overwrite").option("replaceWhere", condition)
        if table.layout:
            output = output.option("maxRecordsPerFile", _ROWS_PER_FILE)
        self._commit(table, output)

    def _commit(self, table: Table, output: DataFrameWriter) -> None:
        place = self.location(table)
        retried(lambda: output.save(place) if self.catalog is None else output.saveAsTable(place), table.name)

    def replace_days(self, table: Table, frame: DataFrame, days: Sequence[dt.date] | None) -> None:
        """Replace the rows of `days` in the table's first partition column, in one commit; None replaces all rows, no days none."""
        if days is not None and not days:
            return
        named = ", ".join(literal(day) for day in days or ())
        self._overwrite(table, frame, f"`{table.partition_by[0]}` IN ({named})" if days else "true")

    def commits(self, table: Table) -> dict[int, dt.datetime]:
        """Version to the time (UTC) of its commit, as far as the log remembers."""
        rows = self._handle(table).history().select("version", F.unix_timestamp("timestamp").alias("at")).collect()
        return {row["version"]: dt.datetime.fromtimestamp(row["at"], dt.UTC) for row in rows}

    def size(self, table: Table) -> tuple[int, int]:
        """Files and bytes of the current version."""
        row = self._handle(table).detail().select("numFiles", "sizeInBytes").first()
        return (row["numFiles"], row["sizeInBytes"]) if row else (0, 0)

    def retain(self, table: Table, file_days: int, log_days: int) -> None:
        """Let every vacuum and log cleanup of the table, whoever starts it, spare what was in use within so many days."""
        wanted, row = _retention(file_days, log_days), self._handle(table).detail().select("properties").first()
        if row is None or not wanted.items() <= row["properties"].items():
            properties = ", ".join(f"{quoted(key)} = {quoted(value)}" for key, value in wanted.items())
            self.spark.sql(f"ALTER TABLE {self.relation(table)} SET TBLPROPERTIES ({properties})")

    def compact(self, table: Table) -> None:
        """Merge small files, each partition by itself; the rows stay as they are."""
        retried(lambda: self.spark.sql(f"OPTIMIZE {self.relation(table)}").collect(), table.name)

    def vacuum(self, table: Table) -> None:
        """Remove the files that no version within the table's retention uses."""
        self.spark.sql(f"VACUUM {self.relation(table)}").collect()

    def _handle(self, table: Table) -> DeltaTable:
        named = DeltaTable.forPath if self.catalog is None else DeltaTable.forName
        return named(self.spark, self.location(table))
