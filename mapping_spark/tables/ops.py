"""Ops: how it went."""

from mapping_spark.tables.contract import Check, Column, Measure, Table

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

TABLE_MAINTENANCE = Table(
    name="ops.table_maintenance",
    grain="one row per table and run of maintain_tables",
    columns=(
        Column("table_name", "string", "The table, as <layer>.<name>."),
        Column("maintained_at", "timestamp", "Start of the run.", unit="UTC"),
        Column("n_files_before", "bigint", "Files of the current version before.", unit="files"),
        Column("n_files_after", "bigint", "Files of the current version after small ones were merged.", unit="files"),
        Column("n_bytes", "bigint", "Size of the current version after.", unit="bytes"),
        Column("keep_days", "int", "Days for which replaced files stay.", unit="days"),
        Column(
            "oldest_pinned_version", "bigint", "Oldest Delta version kept for a run, a model or a snapshot; null where none.", nullable=True
        ),
    ),
    primary_key=("table_name", "maintained_at"),
    checks=(Check(name="stays_a_week", condition="keep_days >= 7"),),
)

_PROFILED = (
    Column(
        "as_of_date", "date", "The date of the run; of dated rows only those that a run for this date may use.", unit="business time zone"
    ),
    Column("table_name", "string", "The table profiled, as <layer>.<name>."),
    Column("table_version", "bigint", "Its Delta version."),
)
_DAYS = "days before as_of_date for dates and times"


def _profile(name: str) -> Table:
    quantiles = (
        Column(f"p{share:02}", "double", f"Quantile {share} %, approximate; null for text and ids.", unit=_DAYS, nullable=True)
        for share in (5, 25, 50, 75, 95)
    )
    return Table(
        name=name,
        grain="one row per (as_of_date, table, column)",
        columns=(
            *_PROFILED,
            Column("column_name", "string", "The column."),
            Column("n_rows", "bigint", "Rows of the table.", unit="rows"),
            Column("n_nulls", "bigint", "Rows in which the column is null.", unit="rows"),
            Column("n_distinct", "bigint", "Distinct values without null, estimated to about 5 %.", unit="values"),
            *quantiles,
            Column(
                "freshness_days",
                "int",
                "From the latest value to as_of_date; null where the column is no date or time.",
                "days",
                nullable=True,
            ),
        ),
        primary_key=("as_of_date", "table_name", "column_name"),
        partition_by=("as_of_date",),
        checks=(Check(name="nulls_among_rows", condition="n_nulls BETWEEN 0 AND n_rows"),),
        measures=(Measure(name="null_share", numerator="n_nulls", denominator="n_rows", doc="Share of rows in which the column is null"),),
    )


def _histograms(name: str) -> Table:
    return Table(
        name=name,
        grain="one row per (as_of_date, table, column, kind, bin) that has rows",
        columns=(
            *_PROFILED,
            Column("column_name", "string", "A number, date, time, boolean or declared category; never an id, a key or free text."),
            Column("kind", "string", "`value` (a category), `range` (numbers), `null` or `other` (rare and overlong values together)."),
            Column("bin", "string", "The category, or the end of the range nearest to 0; empty for `null` and `other`."),
            Column("low", "double", "Lower end of the range; null for other kinds.", unit=_DAYS, nullable=True),
            Column("high", "double", "Upper end of the range; null for other kinds.", unit=_DAYS, nullable=True),
            Column("n_rows", "bigint", "Rows in the bin.", unit="rows"),
        ),
        primary_key=("as_of_date", "table_name", "column_name", "kind", "bin"),
        partition_by=("as_of_date",),
        checks=(
            Check(name="known_kind", condition="kind IN ('value', 'range', 'null', 'other')"),
            Check(name="has_rows", condition="n_rows > 0"),
        ),
    )


def _drift(name: str) -> Table:
    return Table(
        name=name,
        grain="one row per (as_of_date, table, column, measure, baseline)",
        columns=(
            *_PROFILED,
            Column("column_name", "string", "The column; empty for a measure of the whole table."),
            Column("measure", "string", "What is measured; its meaning stands in tables/limits.py."),
            Column("baseline", "string", "`previous` or `reference`, or `none` where the measure needs no other profile."),
            Column(
                "baseline_date",
                "date",
                "The as_of_date compared with; null where there is none.",
                unit="business time zone",
                nullable=True,
            ),
            Column("value", "double", "The measure."),
            Column("bounds", "string", "The declared bounds: those that were left, if any; null where none are declared.", nullable=True),
            Column("verdict", "string", "`free` (no limit), `kept`, `warn` or `stop`."),
        ),
        primary_key=("as_of_date", "table_name", "column_name", "measure", "baseline"),
        partition_by=("as_of_date",),
        checks=(
            Check(name="known_verdict", condition="verdict IN ('free', 'kept', 'warn', 'stop')"),
            Check(name="known_baseline", condition="baseline IN ('none', 'previous', 'reference')"),
        ),
    )


# Two sets of one shape: a table has one writer, silver is judged before models are fitted and recommendations after.
TABLE_PROFILE, TABLE_HISTOGRAMS, TABLE_DRIFT = (
    _profile("ops.table_profile"),
    _histograms("ops.table_histograms"),
    _drift("ops.table_drift"),
)
RECOMMENDATION_PROFILE, RECOMMENDATION_HISTOGRAMS, RECOMMENDATION_DRIFT = (
    _profile("ops.recommendation_profile"),
    _histograms("ops.recommendation_histograms"),
    _drift("ops.recommendation_drift"),
)
