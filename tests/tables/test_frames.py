"""A frame is brought to its contract, or the edit to make is named."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.errors import ContractError
from mapping_spark.tables.frames import conform, rows, schema, small
from mapping_spark.tables.silver import EVENTS, USER_IDS


def test_conform_orders_widens_and_leaves_the_rest_behind(spark: SparkSession) -> None:
    frame = spark.range(1).select(F.lit(7).alias("user_idx"), F.lit("x").alias("other"), F.lit("u1").alias("user_id"))
    done = conform(frame, USER_IDS)
    assert done.dtypes == [("user_id", "string"), ("user_idx", "bigint")]
    assert [tuple(row) for row in done.collect()] == [("u1", 7)]


def test_a_missing_column_is_named_with_the_nearest_one(spark: SparkSession) -> None:
    frame = spark.range(1).select(F.lit("u1").alias("userid"), F.lit(0).cast("bigint").alias("user_idx"))
    with pytest.raises(ContractError, match="user_id .the frame has 'userid'"):
        conform(frame, USER_IDS)


def test_a_narrowing_cast_is_refused(spark: SparkSession) -> None:
    frame = spark.range(1).select(F.lit("u1").alias("user_id"), F.lit(0.5).alias("user_idx"))
    with pytest.raises(ContractError, match="user_idx is double, declared bigint"):
        conform(frame, USER_IDS)


def test_tiny_rows_fill_what_does_not_matter(spark: SparkSession) -> None:
    noon = dt.datetime(2017, 1, 1, 12)
    (row,) = rows(spark, EVENTS, dict(event_id="e1", event_at=noon)).collect()
    assert (row.event_id, row.event_at, row.item_id, row.batch_id) == ("e1", noon, None, 0)
    with pytest.raises(ContractError, match="event_ix"):
        rows(spark, EVENTS, dict(event_ix="e1"))


def test_docs_travel_as_column_comments() -> None:
    assert schema(EVENTS)["event_at"].metadata["comment"] == "When it happened. [UTC]"


def test_a_small_frame_refuses_null_where_none_is_allowed(spark: SparkSession) -> None:
    with pytest.raises(ContractError, match="null in user_idx"):
        small(spark, [("u1", None)], schema(USER_IDS))
    assert [tuple(row) for row in small(spark, [("u1", None)], "user_id string, user_idx bigint").collect()] == [("u1", None)]
