"""The entity file that a source's expressions may use: read, typed, and shown to hold each key once."""

from __future__ import annotations

import datetime as dt

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.errors import ContractError, MissingInput
from mapping_spark.events.canonical import KEY, bounds
from mapping_spark.events.parse import RAW, parse
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.events.typed import typed_columns
from mapping_spark.ingest.paths import resolve_path
from mapping_spark.ingest.source import EventSource
from mapping_spark.ingest.stream import IngestConfig, delivered


def read_lookup(spark: SparkSession, source: EventSource, config: CleaningConfig) -> DataFrame | None:
    """`__key` (text, unique) and the lookup's columns with their faults; None where the source declares no lookup.

    Raises `MissingInput`, `SchemaDrift`, or `ContractError` where a key stands twice.
    """
    if source.lookup is None:
        return None
    lookup = source.lookup
    where = f"source {source.name}, lookup"
    declared = source.model_copy(update=dict(path=lookup.path, format=lookup.format, columns=lookup.raw_columns, lookup=None, event={}))
    path = resolve_path(lookup.path, where)
    try:
        listed = spark.read.format("binaryFile").option("recursiveFileLookup", True).load(path).where("length > 0")
        files = sorted(row["path"] for row in listed.select("path").collect())
    except AnalysisException as fault:
        raise MissingInput(where, str(fault).splitlines()[0], f"{lookup.format} files", "Deliver them or mend `path`.") from None
    if not files:
        raise MissingInput(where, f"no file with records at {path}", f"{lookup.format} files", "Deliver them or mend `path`.")
    frame, _ = delivered(spark, declared, files, IngestConfig(sampled_records=0))
    rows = parse(frame, list(lookup.raw_columns), lookup.format, max_bytes=config.max_record_bytes, max_nesting=config.max_nesting)
    keyed = rows.where(F.col(RAW).isNotNull()).select(F.trim(F.col(RAW)[lookup.key]).alias(KEY), RAW)
    never = F.lit(dt.datetime(9999, 1, 1))  # an entity has no arrival that its dates could lie after
    entities = typed_columns(keyed, lookup.columns, source.zone, bounds(never, config))
    repeated = entities.groupBy(KEY).count().where("count > 1").orderBy(KEY).head()
    if repeated:
        found = f"{lookup.key} = {repeated[KEY]!r} in {repeated['count']} rows"
        raise ContractError(where, found, "each key once", "Mend the file: a record would become several events.")
    return entities
