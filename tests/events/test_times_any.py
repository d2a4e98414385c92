"""Times as texts in any zone against Python's own zones, and numbers in any epoch against division."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.events.parse import RAW
from mapping_spark.events.typed import Bounds, fault_name, typed_columns
from mapping_spark.ingest.source import RawType
from mapping_spark.tables.frames import small

FIRST, LAST = dt.datetime(2000, 1, 1), dt.datetime(2030, 1, 1)
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")
TIMES = st.datetimes(FIRST, LAST - dt.timedelta(days=2))
MICROS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
DATES = [
    ("2024-02-29", dt.date(2024, 2, 29)),
    ("2023-02-29", None),
    ("2024-02-29T23:59:59", dt.date(2024, 2, 29)),
    ("2024-2-9", None),
    ("24-02-09", None),
    ("2024/02/09", None),
    ("20240209", None),
    ("0001-01-01", dt.date(1, 1, 1)),
    ("9999-12-31", dt.date(9999, 12, 31)),
]


def read(spark: SparkSession, raw_type: RawType, zone: str, texts: list[str], judged: bool = True) -> list[tuple[object, str | None]]:
    """(value, fault) of each text."""
    frame = small(spark, [(text,) for text in texts], "text string").select(F.struct(F.col("text").alias("x")).alias(RAW))
    bounds = Bounds(F.lit(FIRST), F.lit(LAST))
    found = typed_columns(frame, {"x": raw_type}, zone, bounds, ["x"] if judged else [])
    return [(row["x"], row[fault_name("x")]) for row in found.collect()]


def in_utc(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=2, deadline=None)
@given(st.lists(TIMES, min_size=20, max_size=60))
def test_a_time_without_a_zone_is_told_in_the_zone_of_its_source(spark: SparkSession, zone: str, times: list[dt.datetime]) -> None:
    # Wall-clock times that a moment has; what a clock skips is told below.
    walls = [moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in times]
    once = [wall for wall in walls if len({wall.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset() for fold in (0, 1)}) == 1]
    found = read(spark, "timestamp", zone, [wall.isoformat(sep=" ") for wall in once])
    assert found == [(in_utc(wall.replace(tzinfo=ZoneInfo(zone))), None) for wall in once]


@settings(max_examples=2, deadline=None)
@given(st.lists(st.tuples(TIMES, st.integers(-14 * 4, 14 * 4)), min_size=20, max_size=60))
def test_a_time_that_names_its_offset_is_read_by_it_whatever_the_zone(spark: SparkSession, times: list[tuple[dt.datetime, int]]) -> None:
    moments = [time.replace(tzinfo=dt.timezone(dt.timedelta(minutes=15 * quarters))) for time, quarters in times]
    texts = [moment.isoformat() for moment in moments] + [
        "2024-05-01T12:00:00Z",
        "2024-05-01 12:00:00 UTC",
        "2024-05-01 12:00:00 Asia/Tokyo",
    ]
    found = read(spark, "timestamp", "America/New_York", texts)
    assert found[: len(moments)] == [(in_utc(moment), None) for moment in moments]
    noon, in_tokyo = dt.datetime(2024, 5, 1, 12), dt.datetime(2024, 5, 1, 3)
    assert found[len(moments) :] == [(noon, None), (noon, None), (in_tokyo, None)]


def test_what_a_clock_skips_and_what_it_shows_twice_are_times_too(spark: SparkSession) -> None:
    # New York 2024: on 10 March 02:00 to 03:00 did not happen, on 3 November 01:00 to 02:00 happened twice.
    texts = [
        "2024-03-10 01:59:59",
        "2024-03-10 02:30:00",
        "2024-03-10 03:00:00",
        "2024-11-03 00:59:59",
        "2024-11-03 01:30:00",
        "2024-11-03 02:00:00",
    ]
    found = read(spark, "timestamp", "America/New_York", texts)
    hours = [("03-10", 6, 59, 59), ("03-10", 7, 30, 0), ("03-10", 7, 0, 0), ("11-03", 4, 59, 59), ("11-03", 5, 30, 0), ("11-03", 7, 0, 0)]
    assert found == [(dt.datetime.fromisoformat(f"2024-{day} {h:02}:{m:02}:{s:02}"), None) for day, h, m, s in hours]


def test_dates_are_written_in_full_and_on_the_calendar(spark: SparkSession) -> None:
    found = read(spark, "date", "America/New_York", [text for text, _ in DATES])
    assert found == [(day, None if day else "unparsable") for _, day in DATES]


@pytest.mark.parametrize("unit", MICROS)
@settings(max_examples=2, deadline=None)
@given(st.lists(TIMES, min_size=20, max_size=60))
def test_an_epoch_is_read_in_its_declared_unit(spark: SparkSession, unit: RawType, times: list[dt.datetime]) -> None:
    whole = [time.replace(microsecond=0) for time in times]
    seconds = [int(time.replace(tzinfo=dt.UTC).timestamp()) for time in whole]
    texts = [str(number * 1_000_000 // MICROS[unit]) for number in seconds]
    assert read(spark, unit, "Asia/Tokyo", texts) == [(time, None) for time in whole]


@pytest.mark.parametrize(("unit", "other"), [(unit, other) for unit in MICROS for other in MICROS if unit != other])
def test_an_epoch_in_another_unit_is_told_only_where_the_time_of_the_event_is_judged(
    spark: SparkSession, unit: RawType, other: str
) -> None:
    text = str(1_714_564_800 * 1_000_000 // MICROS[other])  # 1 May 2024, 12:00
    assert read(spark, unit, "UTC", [text])[0][1] == "wrong_unit"
    assert read(spark, unit, "UTC", [text], judged=False)[0][1] in (None, "unparsable")


def test_the_borders_of_the_allowed_times_belong_to_them(spark: SparkSession) -> None:
    first, last = (int(bound.replace(tzinfo=dt.UTC).timestamp()) for bound in (FIRST, LAST))
    found = read(spark, "epoch_s", "UTC", [str(first), str(last), str(first - 1), str(last + 1)])
    # A second beyond is no other unit: as milliseconds it would lie in 1970. It is judged by the rules of cleaning.
    assert [fault for _, fault in found] == [None] * 4
    assert [value for value, _ in found[:2]] == [FIRST, LAST]
