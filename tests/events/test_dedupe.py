"""One event per id within a window: who wins, what is known already, what came too late."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from mapping_spark.events.dedupe import classify
from mapping_spark.tables.frames import small

DAY = dt.date(2024, 5, 10)


def ids(spark: SparkSession, *known: tuple[str, int]) -> DataFrame:
    """Known events: id and days after DAY."""
    values = [(name, DAY + dt.timedelta(days=days)) for name, days in known]
    return small(spark, values, "event_id string, event_date date")  # a projection, no declared table


def outcomes(
    spark: SparkSession,
    *candidates: tuple[str, int, str],
    known: tuple[tuple[str, int], ...] = (),
    late: tuple[str, ...] = (),
    late_before: dt.date | None = None,
) -> list[Any]:
    """Outcomes of (id, days after DAY, reason codes), delivered in this order; the window is 7 days."""
    values = [("f", i, name, DAY + dt.timedelta(days=days), codes) for i, (name, days, codes) in enumerate(candidates)]
    schema = "source_file string, source_offset bigint, event_id string, event_date date, reason_codes string"
    frame = small(spark, values, schema)  # the columns of a candidate that are read here
    known_late = ids(spark, *((name, 0) for name in late)).select("event_id")
    found = classify(frame, ids(spark, *known), known_late, late_before=late_before, window_days=7)
    return [row["outcome"] for row in found.orderBy("source_offset").collect()]


def test_the_first_delivered_wins(spark: SparkSession) -> None:
    assert outcomes(spark, ("a", 0, ""), ("b", 0, ""), ("a", 1, "")) == ["clean", "clean", "duplicate"]


def test_a_rejected_record_neither_wins_nor_is_a_duplicate(spark: SparkSession) -> None:
    found = outcomes(spark, ("a", 0, "value_negative"), ("a", 0, ""), ("a", 0, "not_json"))
    assert found == ["quarantined", "clean", "quarantined"]


def test_known_within_the_window_is_a_duplicate_and_beyond_it_a_new_event(spark: SparkSession) -> None:
    known = (("a", -7), ("b", -8), ("c", 7), ("d", 8))
    found = outcomes(spark, ("a", 0, ""), ("b", 0, ""), ("c", 0, ""), ("d", 0, ""), known=known)
    assert found == ["duplicate", "clean", "duplicate", "clean"]


def test_an_id_known_on_two_days_does_not_multiply_its_record(spark: SparkSession) -> None:
    assert outcomes(spark, ("a", 0, ""), known=(("a", -5), ("a", 5))) == ["duplicate"]


def test_late_is_before_the_day_given_and_known_late_is_a_duplicate(spark: SparkSession) -> None:
    found = outcomes(spark, ("a", -1, ""), ("b", 0, ""), ("c", -1, ""), late=("c",), late_before=DAY)
    assert found == ["late", "clean", "duplicate"]
