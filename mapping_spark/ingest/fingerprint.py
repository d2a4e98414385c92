"""What state declared reference files are in, so that a run on unchanged files is known to change nothing."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from mapping_spark.errors import MissingInput
from mapping_spark.ingest.entities import EntitySource
from mapping_spark.ingest.paths import resolve_path
from mapping_spark.tables.contract import Table
from mapping_spark.tables.runs import content_hash


def fingerprint(spark: SparkSession, sources: Sequence[EntitySource], table: Table) -> dict[str, str]:
    """For each source that fills `table`: a hash of its files' names, lengths and times of change (their content is not read).

    Raises `MissingInput` where nothing lies at the declared path.
    """
    named = {source.name: (f"source {source.name}", source.path) for source in sources if source.table is table}
    return {name: _of_files(spark, where, resolve_path(path, where)) for name, (where, path) in named.items()}


def _of_files(spark: SparkSession, where: str, path: str) -> str:
    try:
        listing = spark.read.format("binaryFile").load(path).select("path", "length", "modificationTime")
    except AnalysisException as fault:
        raise MissingInput(where, str(fault).splitlines()[0], f"files at {path}", "Deliver them or mend `path`.") from None
    return content_hash(sorted([row["path"], row["length"], row["modificationTime"].isoformat()] for row in listing.collect()))
