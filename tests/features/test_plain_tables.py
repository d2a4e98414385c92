"""An analyst's frames brought to what features read: defaults, types, times, and what is refused."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.errors import ContractError
from mapping_spark.features.item_text import item_categories
from mapping_spark.features.plain_tables import EVENT_COLUMNS, ITEM_COLUMNS, Frame, as_catalogue, as_events, in_spark
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.silver import ITEM_IDS

NOON = "2017-11-29 12:00:00"


def events(spark: SparkSession, frame: Frame) -> DataFrame:
    return as_events(in_spark(spark, frame, EVENT_COLUMNS))


def one(user: object = "u", item: object = "i", at: object = NOON, **more: object) -> pd.DataFrame:
    return pd.DataFrame({name: [value] for name, value in dict(user_id=user, item_id=item, event_at=at, **more).items()})


def test_what_a_frame_lacks_has_its_default_and_what_it_has_beyond_is_left_behind(spark: SparkSession) -> None:
    found = events(spark, one(colour="red"))
    assert found.columns == list(EVENT_COLUMNS)
    assert dict(found.dtypes) == {
        "user_id": "string",
        "item_id": "string",
        "event_at": "timestamp",
        "weight": "double",
        "event_id": "string",
        "event_type": "string",
        "event_date": "date",
        "session_id": "string",
        "value": "decimal(18,4)",
    }
    (row,) = found.collect()
    assert (row.event_type, row.event_date, row.weight, row.session_id, row.value) == ("purchase", dt.date(2017, 11, 29), 1.0, None, None)


def test_what_a_frame_has_is_taken_as_it_is(spark: SparkSession) -> None:
    given = one(event_type="view", event_date=dt.date(2017, 11, 28), weight=3, session_id="s", value=2.5, event_id=7)
    (row,) = events(spark, given).collect()
    assert (row.event_type, row.event_date, row.weight, row.session_id, row.event_id) == ("view", dt.date(2017, 11, 28), 3.0, "s", "7")
    assert float(row.value) == 2.5


EVENING = dt.datetime(2017, 11, 29, 23, 30)


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (pd.Timestamp(EVENING), EVENING),  # naive: UTC
        (pd.Timestamp(EVENING, tz="UTC"), EVENING),
        (pd.Timestamp(EVENING, tz="Europe/Berlin"), EVENING - dt.timedelta(hours=1)),
        (pd.Timestamp(EVENING, tz="America/New_York"), EVENING + dt.timedelta(hours=5)),  # the next day
        ("2017-11-29 23:30:00", EVENING),
        ("2017-11-29T23:30:00Z", EVENING),
        ("2017-11-29", EVENING.replace(hour=0, minute=0)),
        (dt.date(2017, 11, 29), EVENING.replace(hour=0, minute=0)),
    ],
)
def test_times_are_utc_and_so_is_their_day(spark: SparkSession, at: object, found: dt.datetime) -> None:
    (row,) = events(spark, one(at=at)).collect()
    assert (row.event_at, row.event_date) == (found, found.date())


def test_ids_are_text_whatever_they_were(spark: SparkSession) -> None:
    frame = pd.DataFrame({"user_id": [7, 2**53 + 1], "item_id": pd.Categorical(["milk", "tea"]), "event_at": [NOON] * 2})
    assert [(row.user_id, row.item_id) for row in events(spark, frame).collect()] == [("7", "milk"), (str(2**53 + 1), "tea")]


def test_equal_rows_have_one_id_and_others_another(spark: SparkSession) -> None:
    frame = pd.concat([one(), one(), one(item="j"), one(at="2017-11-29 12:00:01")])
    first, again, *others = [row.event_id for row in events(spark, frame).collect()]
    assert first == again
    assert len({first, *others}) == 3


def test_an_empty_frame_is_no_events(spark: SparkSession) -> None:
    assert events(spark, one().iloc[:0]).collect() == []
    assert events(spark, pd.DataFrame(columns=["user_id", "item_id", "event_at"])).collect() == []


def test_a_spark_frame_gives_what_a_pandas_frame_gives(spark: SparkSession) -> None:
    frame = small(spark, [("red", "i", "u", NOON)], "colour string, item_id string, user_id string, event_at string")
    assert events(spark, frame).drop("event_id").collect() == events(spark, one()).drop("event_id").collect()


def test_missing_columns_are_named_together(spark: SparkSession) -> None:
    with pytest.raises(
        ContractError, match=r"^events: a frame without \['user_id', 'event_at'\]; expected the columns .* Add or rename them.$"
    ):
        events(spark, one().rename(columns={"user_id": "user", "event_at": "at"}))


def test_a_catalogue_is_text_and_what_it_lacks_is_null(spark: SparkSession) -> None:
    items = pd.DataFrame({"item_id": [1, 2], "category": ["dairy", None], "price": [1.5, 2.5]})
    found = as_catalogue(in_spark(spark, items, ITEM_COLUMNS))
    assert set(found.dtypes) == {(name, "string") for name in ITEM_COLUMNS}
    assert sorted(tuple(row) for row in found.fillna("-").collect()) == [("1", "-", "dairy"), ("2", "-", "-")]


def test_categories_are_of_items_that_both_the_catalogue_and_the_id_map_know(spark: SparkSession) -> None:
    ids = rows(spark, ITEM_IDS, *(dict(item_id=name, item_idx=number) for number, name in enumerate("abc")))
    shape = "item_id string, text string, category string"
    items = small(spark, [("a", None, "dairy"), ("b", "fresh", None), ("unsold", None, "tools")], shape)
    assert sorted(map(tuple, item_categories(items, ids).collect())) == [(0, "dairy"), (1, None)]
