"""Sources to bronze by Structured Streaming: every file once, every record as delivered.

The stream is one of files, not of records: it remembers in its checkpoint which files it has seen and which of them
form a batch. Each batch checks its files for schema drift, reads them as their format says, and appends their records
once, by the stream's name and the batch's number. So a batch that is run again after a crash writes nothing new, and
formats and schemas may differ from file to file. The same code drains what is there or keeps running.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from pydantic import Field
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from mapping_spark.config import Section
from mapping_spark.errors import ContractError, MissingInput
from mapping_spark.ingest import drift, records
from mapping_spark.ingest.source import EventSource
from mapping_spark.logs import LOGGER
from mapping_spark.tables.bronze import RAW_EVENTS
from mapping_spark.tables.store import Store

_FILES = "path STRING, modificationTime TIMESTAMP, length BIGINT, content BINARY"  # fixed by Spark; content is never read
_LONGEST_SAMPLED = 65_536


class IngestConfig(Section):
    """Settings of the way into bronze."""

    max_files_per_trigger: int = Field(default=256, ge=1)
    """Files in one batch; bounds what one crash makes it read again."""
    sampled_records: int = Field(default=1_000, ge=0)
    """JSON records per batch whose keys are compared with the declaration."""


def ingest_source(store: Store, source: EventSource, config: IngestConfig) -> int:
    """Bring all files that are there and not yet in bronze.raw_events; returns the number of records written.

    Raises `MissingInput` where the path does not exist (an empty folder is no fault), `SchemaDrift` where a file lost
    or changed a declared column: its batch is not written, and is tried again by the next run.
    """
    store.create(RAW_EVENTS)
    before = store.version(RAW_EVENTS)
    batches = _Batches(store, source, config)
    query = _start(batches, _writer(batches).trigger(availableNow=True))
    try:
        query.awaitTermination()
    except PySparkException:
        if batches.fault:
            raise batches.fault from None
        raise
    return store.written(RAW_EVENTS, before)[1]


def follow_source(store: Store, source: EventSource, config: IngestConfig, every_seconds: float) -> StreamingQuery:
    """Keep bringing files as they arrive, looking every `every_seconds`; the caller stops the returned query."""
    store.create(RAW_EVENTS)
    batches = _Batches(store, source, config)
    return _start(batches, _writer(batches).trigger(processingTime=f"{every_seconds} seconds"))


def delivered(spark: SparkSession, source: EventSource, files: list[str], config: IngestConfig) -> tuple[DataFrame, list[str]]:
    """Records of `files` (source_file, source_offset, payload, payload_encoding), and the columns no one declared.

    Raises `SchemaDrift` where a file lost or changed a declared column.
    """
    if source.format == "json":
        frame = records.json_records(spark, files)
        found = drift.compare_sample(source, *_sample(frame, config.sampled_records))
        drift.refuse(source, found, f"{len(files)} files")
        return frame, list(found.new)
    header_of = records.headers(spark, files, source.format, source.delimiter)
    drifts = {file: drift.compare(source, dict(header)) for file, header in header_of.items()}
    for file, found in drifts.items():
        drift.refuse(source, found, f"file {file}")
    new = sorted({name for found in drifts.values() for name in found.new})
    if source.format == "parquet":
        return records.parquet_records(spark, header_of), new
    return records.csv_records(spark, header_of, source.delimiter), new


@dataclass
class _Batches:
    """What is done with each batch of files; keeps the fault that stopped it, which Spark turns into text."""

    store: Store
    source: EventSource
    config: IngestConfig
    fault: Exception | None = field(default=None, init=False)
    _is_checked: bool = field(default=False, init=False)

    def __call__(self, files: DataFrame, batch_id: int) -> None:
        """Write one batch."""
        try:
            self._write(files, batch_id)
        except Exception as fault:
            self.fault = fault
            raise

    def _write(self, files: DataFrame, batch_id: int) -> None:
        self._refuse_lost_checkpoint(batch_id)
        # One row per file of the batch, at most `max_files_per_trigger`. An empty file has no schema and no records.
        paths = sorted(row["path"] for row in files.where("length > 0").select("path").collect())
        if not paths:
            return
        arrived_at = dt.datetime.now(dt.UTC)
        frame, new = delivered(self.store.spark, self.source, paths, self.config)
        if new:
            LOGGER.warning("source %s: columns that are not declared are ignored: %s", self.source.name, ", ".join(new))
        raw_events = frame.select(
            F.lit(self.source.name).alias("source"),
            "source_file",
            "source_offset",
            "payload",
            "payload_encoding",
            F.lit(arrived_at).alias("ingested_at"),
            F.lit(arrived_at.date()).alias("ingest_date"),
            F.lit(batch_id).cast("bigint").alias("batch_id"),
        )
        self.store.append_once(RAW_EVENTS, raw_events, writer=f"ingest/{self.source.name}", sequence=batch_id)
        LOGGER.info("ingested", extra={"source": self.source.name, "batch_id": batch_id, "files": len(paths)})

    def _refuse_lost_checkpoint(self, batch_id: int) -> None:
        """A stream that counts from 0 again would have its batches skipped as already written, without a word."""
        if self._is_checked:
            return
        of_source = self.store.read(RAW_EVENTS).where(F.col("source") == self.source.name)
        last = of_source.agg(F.max("batch_id")).collect()[0][0]
        if last is not None and last > batch_id:
            raise ContractError(
                f"source {self.source.name}",
                f"batch {batch_id} from the stream, but {RAW_EVENTS.name} holds batch {last}",
                "a checkpoint as old as the table",
                f"Restore {_checkpoint(self.store, self.source)}, or begin with a new root.",
            )
        self._is_checked = True


def _checkpoint(store: Store, source: EventSource) -> str:
    return f"{store.root}/_checkpoints/{source.name}"


def _writer(batches: _Batches) -> DataStreamWriter:
    store, source = batches.store, batches.source
    reader = store.spark.readStream.format("binaryFile").schema(_FILES).option("recursiveFileLookup", True)
    try:
        files = reader.option("maxFilesPerTrigger", batches.config.max_files_per_trigger).load(source.location())
    except AnalysisException as fault:
        raise _missing(source, fault) from None
    # Only names and lengths: the files themselves are read in the batch, as their format says.
    return files.select("path", "length").writeStream.option("checkpointLocation", _checkpoint(store, source)).foreachBatch(batches)


def _start(batches: _Batches, writer: DataStreamWriter) -> StreamingQuery:
    try:
        return writer.queryName(f"ingest {batches.source.name}").start()
    except AnalysisException as fault:
        raise _missing(batches.source, fault) from None


def _missing(source: EventSource, fault: AnalysisException) -> MissingInput:
    found = str(fault).splitlines()[0]
    return MissingInput(f"source {source.name}", found, f"{source.format} files at {source.path}", "Deliver them or mend `path`.")


def _sample(frame: DataFrame, n_records: int) -> tuple[dict[str, int], int]:
    """Keys of some records with the number of records that have each, and how many records were looked at."""
    short = frame.where(F.length("payload") <= _LONGEST_SAMPLED).limit(n_records)
    keys = short.select(F.array_distinct(F.json_object_keys("payload")).alias("keys")).where("keys IS NOT NULL").persist()
    counts = keys.select(F.explode("keys").alias("key")).groupBy("key").count().orderBy(F.desc("count"), "key").limit(1_000)
    found = {row["key"]: row["count"] for row in counts.collect()}, keys.count()
    keys.unpersist()
    return found
