"""Events and items as an analyst has them, in Spark or pandas, brought to what features read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import pandas as pd
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.errors import ContractError
from mapping_spark.tables.silver import EVENTS

Frame: TypeAlias = DataFrame | pd.DataFrame

_NEEDED = ("user_id", "item_id", "event_at")
EVENT_COLUMNS = (*_NEEDED, "weight", "event_id", "event_type", "event_date", "session_id", "value")
ITEM_COLUMNS = ("item_id", "text", "category")


def in_spark(spark: SparkSession, frame: Frame, names: Sequence[str]) -> DataFrame:
    """Those of the columns `names` that the frame has, in Spark. Naive times of a pandas frame are UTC."""
    there = [name for name in names if name in frame.columns]
    if isinstance(frame, DataFrame):
        return frame.select(*there)
    return spark.createDataFrame(pa.Table.from_pandas(frame[there], preserve_index=False))


def as_events(rows: DataFrame) -> DataFrame:
    """`EVENT_COLUMNS`, typed as in silver.events, and `weight` as a double.

    An absent event_type is `purchase`, an absent event_date the day of event_at (UTC), an absent weight 1; other absent columns
    are null. Raises `ContractError` where user_id, item_id or event_at lack.
    """
    missing = [name for name in _NEEDED if name not in rows.columns]
    if missing:
        raise ContractError("events", f"a frame without {missing}", f"the columns {list(_NEEDED)}", "Add or rename them.")
    defaults: dict[str, Column] = {
        "event_id": F.xxhash64(*(F.col(name) for name in rows.columns)).cast("string"),  # only breaks ties; equal rows are alike
        "event_type": F.lit("purchase"),
        "event_date": F.to_date(F.col("event_at").cast("timestamp")),
        "weight": F.lit(1.0),
    }
    types = {column.name: column.type for column in EVENTS.columns} | {"weight": "double"}
    found = {name: F.col(name) if name in rows.columns else defaults.get(name, F.lit(None)) for name in EVENT_COLUMNS}
    return rows.select(*(column.cast(types[name]).alias(name) for name, column in found.items()))


def as_catalogue(items: DataFrame) -> DataFrame:
    """`ITEM_COLUMNS` as strings; absent ones are null."""
    found = {name: F.col(name) if name in items.columns else F.lit(None) for name in ITEM_COLUMNS}
    return items.select(*(column.cast("string").alias(name) for name, column in found.items()))
