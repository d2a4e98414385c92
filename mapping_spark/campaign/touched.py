"""Which business days must be counted again, given the versions of the tables that were read the last time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.tables.contract import Table
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE, EVENTS, LATE_EVENTS, USERS
from mapping_spark.tables.store import Store

Versions = Mapping[str, int | None]

OF_USERS: Mapping[Table, tuple[str, ...]] = {CAMPAIGN_AUDIENCE: ("campaign_id", "user_id", "variant"), USERS: ("user_id", "segment")}
"""Tables of which only some rows matter anew: the columns that are read, the user among them."""


def touched_days(store: Store, before: Versions | None, now: Versions, tables: Sequence[Table]) -> list[dt.date] | None:
    """Days whose sums may differ between two sets of versions of `tables`; None where it may be any day, as without a `before`.

    Of silver.events the days whose files differ, of silver.late_events all its days, of the audience and the users every day
    on which a user whose row changed did something, known in time or late. Any other table that holds other rows touches every day.
    """
    days: set[dt.date] = set()
    if before is None:
        return None
    for table in tables:
        old, new = before.get(table.name), now[table.name]
        if old == new:
            continue
        if old is None or new is None:
            return None
        if table is EVENTS:
            days |= {dt.date.fromisoformat(value) for value in store.changed_partitions(table, old, new)}
        elif table is LATE_EVENTS:
            days |= _days(store.read(table, new))
        elif table in OF_USERS:
            users = _changed(store, table, old, new, OF_USERS[table]).select("user_id").distinct()
            for happened in (one for one in (EVENTS, LATE_EVENTS) if now.get(one.name) is not None):
                days |= _days(store.read(happened, now[happened.name]).join(users, on="user_id", how="left_semi"))
        elif not _changed(store, table, old, new, table.column_names).isEmpty():
            return None
    return sorted(days)


def _changed(store: Store, table: Table, old: int, new: int, columns: Sequence[str]) -> DataFrame:
    """Rows that only one of two versions holds."""
    sides = [store.read(table, version).select(*columns).withColumn("__side", F.lit(side)) for version, side in ((old, 1), (new, -1))]
    return sides[0].unionByName(sides[1]).groupBy(*columns).agg(F.sum("__side").alias("__side")).where("__side <> 0").drop("__side")


def _days(events: DataFrame) -> set[dt.date]:
    return {row["event_date"] for row in events.select("event_date").distinct().collect()}  # as many as there are days
