"""Bronze: records as they were delivered. Nothing is dropped or mended here."""

from mapping_spark.tables.contract import Check, Column, Table

RAW_EVENTS = Table(
    name="bronze.raw_events",
    grain="one row per delivered record",
    columns=(
        Column("source", "string", "Name of the declared source."),
        Column("source_file", "string", "The file the record came in."),
        Column("source_offset", "bigint", "Position of the record, unique within its file and growing within each part of it."),
        Column("payload", "string", "The record as text (JSON), untouched; base64 where the bytes are not UTF-8."),
        Column("payload_encoding", "string", "`utf-8`, or `base64` where the delivered bytes are not valid UTF-8."),
        Column("ingested_at", "timestamp", "When the record arrived.", unit="UTC"),
        Column("ingest_date", "date", "Date of arrival.", unit="UTC"),
        Column("batch_id", "bigint", "The micro-batch that brought it, counted from 0 within its source."),
    ),
    primary_key=("source", "source_file", "source_offset"),
    partition_by=("source", "ingest_date"),
    checks=(
        Check(name="offset_from_0", condition="source_offset >= 0"),
        Check(name="known_encoding", condition="payload_encoding IN ('utf-8', 'base64')"),
    ),
)
