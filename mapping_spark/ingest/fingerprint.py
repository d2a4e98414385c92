"""What state declared reference files are in, so that a run on unchanged files is known to change nothing."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import SparkSession

from mapping_spark.ingest.entities import EntitySource
from mapping_spark.ingest.paths import resolve_path
from mapping_spark.tables.contract import Table
from mapping_spark.tables.runs import content_hash


def fingerprint(spark: SparkSession, sources: Sequence[EntitySource], table: Table) -> dict[str, str]:
    """For each source that fills `table`: a hash of its files' names, lengths and times of change (their content is not read)."""
    return {
        source.name: _of_files(spark, resolve_path(source.path, f"source {source.name}")) for source in sources if source.table is table
    }


def _of_files(spark: SparkSession, path: str) -> str:
    listing = spark.read.format("binaryFile").load(path).select("path", "length", "modificationTime")
    return content_hash(sorted([row["path"], row["length"], row["modificationTime"].isoformat()] for row in listing.collect()))
