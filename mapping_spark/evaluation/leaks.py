"""Refuses an evaluation that knows the future: times, rows and counts that reach past the split.

A leak raises scores without raising anything a user would feel, and nothing in the scores shows it: Kaufman et al. 2012,
"Leakage in data mining: formulation, detection, and avoidance"; for recommenders Ji et al. 2023, "A critical study on data
leakage in recommender system offline evaluation". Messages hold tables, columns, items, times and numbers, never users.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from zoneinfo import ZoneInfo

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError, ContractError, LeakFound
from mapping_spark.models.fitting import Fitted
from mapping_spark.models.popularity import Popularity
from mapping_spark.tables.gold import MODEL_RUNS
from mapping_spark.tables.ops import SNAPSHOTS
from mapping_spark.tables.silver import INTERACTIONS

AS_OF = "as_of_date"
"""The column that says "only events of earlier business days": it may be the day of the split itself, every other may not."""

_TIMES = ("date", "timestamp", "timestamp_ntz")


def start_of_day(day: dt.date, zone: str) -> dt.datetime:
    """The first instant of a business day: where a split as of that date lies. `zone`: an IANA name."""
    return dt.datetime.combine(day, dt.time(), ZoneInfo(zone))


def refuse_leaks(tables: Mapping[str, DataFrame], until: dt.datetime) -> None:
    """Raise `LeakFound` where any column of type date or timestamp reaches `until`, an instant with its business time zone.

    `tables`: what training and features are made of, by name. A timestamp must lie before `until`; a date stands for its
    whole day and must lie before the day of `until`; a column `as_of_date` may also be that day. Nulls, nested columns and
    columns of other types are not looked at. The message names every such column of every table with its latest value and
    how many rows reach so far. Costs one aggregate per table. Raises `ConfigError` where `until` has no time zone, and
    `ContractError` where a table has no such column, as nothing can be said of it.
    """
    if until.utcoffset() is None:
        raise ConfigError("refuse_leaks", f"{until} without a time zone", "an instant", "Give it the business time zone.")
    leaks = [leak for name, table in tables.items() for leak in _late_columns(name, table, until)]
    if leaks:
        fix = "Build these tables again as of the split, and fit again."
        raise LeakFound(f"split at {until.isoformat()}", "; ".join(leaks), "only what was known before it", fix)


def refuse_models(models: Mapping[str, Fitted], training: DataFrame, told: Iterable[DataFrame], until: dt.datetime) -> None:
    """Raise `LeakFound` where fitted models know of what happened from `until` on.

    `training`: the slice of silver.interactions they should have learnt from; its times, the as-of dates of their runs and
    snapshots (`told`: see `as_of_dates`) and the users that popularity counted must lie before `until`.
    """
    refuse_leaks({INTERACTIONS.name: training} | as_of_dates(models, *told), until)
    counted = models.get(Popularity.name)
    if counted is not None:
        # Its score is a count of users plus a fraction above 0, which as a float may have become 1.
        n_users = (F.ceil(F.element_at("values", 1)) - 1).alias("n_users")
        refuse_overcounts(Popularity.name, counted.retrieving.items.select("item_idx", n_users), training)


def refuse_overcounts(name: str, counts: DataFrame, training: DataFrame, columns: Sequence[str] = ("n_users",)) -> None:
    """Raise `LeakFound` where a table of popularity counts more users of an item than the training rows hold.

    `counts`: (item_idx bigint, `columns` ... numbers of distinct users), called `name`. `training`: (user_idx bigint,
    item_idx bigint), in any number of rows per pair. Such counts carry no time, so they are counted again: users of a part
    of the history are at most all its users. The message names each column with the item that is worst and the numbers.
    """
    users = training.groupBy("item_idx").agg(F.count_distinct("user_idx").alias("n_training_users"))  # one row per item
    allowed = F.coalesce("n_training_users", F.lit(0))
    against = counts.join(users, on="item_idx", how="left")
    (row,) = against.agg(*(_excess(column, allowed) for column in columns)).collect()  # one row
    over = {column: row[column] for column in columns if row[column]["n_items"]}
    leaks = [
        f"{name}.{column} counts too many users for {excess['n_items']} items, for item_idx {excess['worst']['item_idx']}"
        f" {excess['worst']['counted']} where training has {excess['worst']['allowed']}"
        for column, excess in over.items()
    ]
    if leaks:
        raise LeakFound("popularity", "; ".join(leaks), "at most the users of the training rows", "Count from the training rows alone.")


def as_of_dates(models: Mapping[str, Fitted], runs: DataFrame, epochs: DataFrame, snapshots: DataFrame) -> dict[str, DataFrame]:
    """The as_of_date of the runs of these models and of the training snapshots that the deep ones saw, by name of the table.

    `runs`: gold.model_runs, `epochs`: gold.training_epochs, `snapshots`: ops.snapshots. Other times there are of the
    processing, which comes after the split in every back-test.
    """
    of_runs = runs.where(F.col("run_id").isin([fitted.run_id for fitted in models.values()]))
    trainings = of_runs.select(F.get_json_object("input_versions", "$.training").alias("training_id"))
    seen = epochs.join(trainings, on="training_id", how="left_semi")
    of_snapshots = snapshots.join(seen, on="snapshot_id", how="left_semi")
    return {MODEL_RUNS.name: of_runs.select(AS_OF), SNAPSHOTS.name: of_snapshots.select(AS_OF)}


def _late_columns(name: str, table: DataFrame, until: dt.datetime) -> list[str]:
    types = {column: kind for column, kind in table.dtypes if kind in _TIMES}
    if not types:
        raise ContractError(name, "no column of type date or timestamp", "one or more", "Leave it out, or use refuse_overcounts.")
    (row,) = table.agg(F.count("*").alias("n_rows"), *(_reach(column, kind, until) for column, kind in types.items())).collect()  # one row
    return [_told(name, column, row, until) for column in types if row[column]["n_late"]]


def _reach(column: str, kind: str, until: dt.datetime) -> Column:
    """The latest value of a column, and how many rows reach the split."""
    if kind == "date":
        value, first_late = F.col(f"`{column}`"), until.date() + dt.timedelta(days=column == AS_OF)
    else:
        value, first_late = F.col(f"`{column}`").cast("timestamp"), until
    return F.struct(F.max(value).alias("latest"), F.count_if(value >= F.lit(first_late)).alias("n_late")).alias(column)


def _told(name: str, column: str, row: Row, until: dt.datetime) -> str:
    latest = row[column]["latest"]
    when = latest.astimezone(until.tzinfo).isoformat() if isinstance(latest, dt.datetime) else latest
    return f"{name}.{column} reaches {when}, {row[column]['n_late']} of {row['n_rows']} rows lie past the split"


def _excess(column: str, allowed: Column) -> Column:
    """How many items a column overcounts, and the item it overcounts most."""
    excess = F.col(f"`{column}`") - allowed
    item = F.struct("item_idx", F.col(f"`{column}`").alias("counted"), allowed.alias("allowed"))
    worst = F.max_by(item, F.struct(excess, -F.col("item_idx"))).alias("worst")
    return F.struct(F.count_if(excess > 0).alias("n_items"), worst).alias(column)
