"""Profile tables, write what is found, compare it with earlier profiles, and warn or stop where a limit is left.

A date has one profile of a table: another run for the date replaces it. Baselines are profiles of earlier dates: the
`previous` one, and the `reference`, against which a drift too slow for any single day is seen. A profile that stopped
its run is no baseline, so that mended data are not compared with broken ones.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pydantic import Field, field_validator
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.config import Section
from mapping_spark.errors import QualityError
from mapping_spark.logs import LOGGER
from mapping_spark.tables import TABLES
from mapping_spark.tables.contract import Table
from mapping_spark.tables.drift import STOP, WARN, Snapshot, readings
from mapping_spark.tables.frames import rows
from mapping_spark.tables.profile import histograms, profile
from mapping_spark.tables.store import Store


class WatchConfig(Section):
    """What profiles are compared with."""

    references: dict[str, dt.date] = Field(default_factory=dict)
    """Table to the date of its reference profile; the first one where a table is not named. Earlier profiles are no
    baselines: a change that is meant is accepted by naming its date."""

    @field_validator("references")
    @classmethod
    def _known(cls, references: dict[str, dt.date]) -> dict[str, dt.date]:
        known = [name for name, table in TABLES.items() if table.limits]
        unknown = sorted(set(references) - set(known))
        if unknown:
            raise ValueError(f"{unknown} have no limits; use tables among {known}")
        return references


@dataclass(frozen=True)
class Watched:
    """A table at the version a run has pinned."""

    table: Table
    frame: DataFrame
    version: int | None


@dataclass(frozen=True)
class Outputs:
    """Where profiles, histograms and drift are written."""

    profile: Table
    histograms: Table
    drift: Table


def watch(store: Store, watched: Sequence[Watched], outputs: Outputs, as_of: dt.date, config: WatchConfig) -> None:
    """Profile all tables as of a date, compare, write all three outputs; then warn, and raise `QualityError` for what stops."""
    for output, summarise in ((outputs.profile, profile), (outputs.histograms, histograms)):
        parts = [_labelled(summarise(one.frame, one.table, as_of), one, as_of) for one in watched]
        store.replace_slice(output, reduce(DataFrame.unionByName, parts), {"as_of_date": as_of})
    dates = _baseline_dates(store, outputs, as_of, config)
    snapshots = _read_snapshots(store, outputs, {as_of, *(date for pair in dates.values() for date in pair)})
    found = [row for one in watched for row in _judged(one, snapshots[one.table.name], dates.get(one.table.name), as_of)]
    store.replace_slice(outputs.drift, rows(store.spark, outputs.drift, *found), {"as_of_date": as_of})
    _report([row for row in found if row["verdict"] in (WARN, STOP)], outputs)


def _labelled(frame: DataFrame, one: Watched, as_of: dt.date) -> DataFrame:
    labels = {"as_of_date": F.lit(as_of), "table_name": F.lit(one.table.name), "table_version": F.lit(one.version).cast("bigint")}
    return frame.withColumns(labels)


def _baseline_dates(store: Store, outputs: Outputs, as_of: dt.date, config: WatchConfig) -> dict[str, tuple[dt.date, dt.date]]:
    """Table to the dates of its previous profile and of its reference; tables without any are not in it."""
    is_earlier = F.col("as_of_date") < F.lit(as_of)
    key = ("table_name", "as_of_date")
    profiled = store.read(outputs.profile).where(is_earlier).groupBy(*key).agg(F.count(F.lit(1)).alias("n_columns"))
    stopped = store.read(outputs.drift).where(is_earlier).groupBy(*key).agg(F.bool_or(F.col("verdict") == STOP).alias("has_stopped"))
    days: dict[str, list[dt.date]] = defaultdict(list)
    for row in profiled.join(stopped, on=list(key), how="left").collect():  # one row per table and day
        name, date = row["table_name"], row["as_of_date"]
        start = config.references.get(name, dt.date.min)
        if date == start or (date > start and not row["has_stopped"]):
            days[name].append(date)
    return {name: (max(dates), min(dates)) for name, dates in days.items()}


def _read_snapshots(store: Store, outputs: Outputs, dates: Collection[dt.date]) -> dict[str, dict[dt.date, Snapshot]]:
    """Profiles of at most three dates per table, each of a row per column and at most a few hundred per histogram."""
    is_needed = F.col("as_of_date").isin(sorted(dates))
    columns: dict[tuple[str, dt.date], list[Any]] = defaultdict(list)
    for row in store.read(outputs.profile).where(is_needed).collect():
        columns[row["table_name"], row["as_of_date"]].append(row)
    bins: dict[tuple[str, dt.date], dict[str, dict[tuple[str, str], int]]] = defaultdict(lambda: defaultdict(dict))
    for row in store.read(outputs.histograms).where(is_needed).collect():
        bins[row["table_name"], row["as_of_date"]][row["column_name"]][row["kind"], row["bin"]] = row["n_rows"]
    snapshots: dict[str, dict[dt.date, Snapshot]] = defaultdict(dict)
    for (name, date), found in columns.items():
        snapshots[name][date] = Snapshot(
            as_of=date,
            n_rows=found[0]["n_rows"],
            n_nulls={row["column_name"]: row["n_nulls"] for row in found},
            freshness_days={row["column_name"]: row["freshness_days"] for row in found if row["freshness_days"] is not None},
            bins=bins[name, date],
        )
    return snapshots


def _judged(
    one: Watched, snapshots: Mapping[dt.date, Snapshot], baselines: tuple[dt.date, dt.date] | None, as_of: dt.date
) -> Iterator[dict[str, Any]]:
    """Rows of the drift table."""
    previous, reference = (snapshots[date] for date in baselines) if baselines else (None, None)
    for reading in readings(snapshots[as_of], previous, reference):
        verdict, bounds = reading.verdict(one.table.limits)
        yield {
            "as_of_date": as_of,
            "table_name": one.table.name,
            "table_version": one.version,
            "column_name": reading.column,
            "measure": reading.measure,
            "baseline": reading.baseline,
            "baseline_date": reading.baseline_date,
            "value": reading.value,
            "bounds": bounds,
            "verdict": verdict,
        }


def _report(broken: Sequence[Mapping[str, Any]], outputs: Outputs) -> None:
    """A line of the log for each limit that was left; those that stop are raised together."""
    found = {_in_words(row): row for row in broken}  # once, where both baselines are of one date
    for words, row in found.items():
        LOGGER.warning(words, extra={name: row[name] for name in ("table_name", "column_name", "measure", "value", "verdict")})
    stopping = [words for words, row in found.items() if row["verdict"] == STOP]
    if stopping:
        raise QualityError(
            outputs.drift.name,
            "; ".join(stopping),
            "tables within their declared limits",
            "All is written. Mend the data; or, if the change is meant, name its date under watch.references.",
        )


def _in_words(row: Mapping[str, Any]) -> str:
    where = ".".join(filter(None, (row["table_name"], row["column_name"])))
    against = f" against {row['baseline_date']}" if row["baseline_date"] else ""
    return f"{where}: {row['measure']} is {row['value']:.4g}{against}, declared {row['bounds']}"
