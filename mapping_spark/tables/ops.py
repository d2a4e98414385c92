"""Ops: how it went."""

from mapping_spark.tables.contract import Check, Column, Table

JOB_RUNS = Table(
    name="ops.job_runs",
    grain="one row per run of a job that did something",
    columns=(
        Column("run_id", "string", "Id of the run."),
        Column("run_key", "string", "Hash of job, date, input versions, settings and code: equal keys mean equal output."),
        Column("job", "string", "Name of the job."),
        Column("as_of_date", "date", "The date it ran for.", unit="business time zone"),
        Column("status", "string", "`succeeded` or `failed`."),
        Column("started_at", "timestamp", "Start.", unit="UTC"),
        Column("ended_at", "timestamp", "End.", unit="UTC"),
        Column("rows_in", "bigint", "Rows of all inputs.", unit="rows"),
        Column("rows_out", "bigint", "Rows written.", unit="rows"),
        Column("peak_memory_mb", "bigint", "Peak resident memory of all its processes.", unit="MB"),
        Column("input_versions", "string", "JSON object: table name to Delta version read."),
        Column("output_table", "string", "First table it writes."),
        Column("output_version", "bigint", "Delta version after the run; null where it failed.", nullable=True),
        Column("config_hash", "string", "Hash of the settings it read."),
        Column("code_version", "string", "Version and source hash of this package."),
        Column("error", "string", "The message; null where it succeeded.", nullable=True),
    ),
    primary_key=("run_id",),
    checks=(
        Check(name="known_status", condition="status IN ('succeeded', 'failed')"),
        Check(name="ends_after_start", condition="started_at <= ended_at"),
    ),
)

SNAPSHOTS = Table(
    name="ops.snapshots",
    grain="one row per training snapshot",
    columns=(
        Column("snapshot_id", "string", "Hash of what it was made from: its folder's name under snapshots/."),
        Column("shape", "string", "`interactions` (pairs) or `sequences` (histories)."),
        Column("as_of_date", "date", "Only events of earlier business days are in it.", unit="business time zone"),
        Column("n_rows", "bigint", "Pairs or windows of histories.", unit="rows"),
        Column("n_files", "bigint", "Parquet files, each one row group.", unit="files"),
        Column("n_users", "bigint", "Size of the id map of users.", unit="users"),
        Column("n_items", "bigint", "Size of the id map of items.", unit="items"),
        Column("created_at", "timestamp", "When it was written.", unit="UTC"),
    ),
    primary_key=("snapshot_id",),
    checks=(Check(name="known_shape", condition="shape IN ('interactions', 'sequences')"), Check(name="has_rows", condition="n_rows > 0")),
)

EVENT_ACCOUNTING = Table(
    name="ops.event_accounting",
    grain="one row per (source, batch)",
    columns=(
        Column("source", "string", "Name of the declared source."),
        Column("batch_id", "bigint", "The bronze batch."),
        Column("n_in", "bigint", "Records delivered.", unit="records"),
        Column("n_clean", "bigint", "Written to silver.events.", unit="records"),
        Column("n_duplicate", "bigint", "Same event_id as another record within the window.", unit="records"),
        Column("n_quarantined", "bigint", "Written to silver.quarantine.", unit="records"),
        Column("n_late", "bigint", "Written to silver.late_events.", unit="records"),
        Column(
            "max_event_date", "date", "Latest business day cleaned so far; null where none was.", unit="business time zone", nullable=True
        ),
    ),
    primary_key=("source", "batch_id"),
    checks=(Check(name="in_equals_the_sum", condition="n_in = n_clean + n_duplicate + n_quarantined + n_late"),),
)
