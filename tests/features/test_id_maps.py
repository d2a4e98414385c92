from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.features.id_maps import extend_ids
from mapping_spark.tables.frames import empty, rows
from mapping_spark.tables.silver import EVENTS, ITEM_IDS, USER_IDS

KEYS = st.lists(st.text(alphabet="abcé9", min_size=1, max_size=3), max_size=40)


def events_of(spark: SparkSession, users: list[str]) -> DataFrame:
    return rows(spark, EVENTS, *(dict(event_id=f"e{i}", user_id=user) for i, user in enumerate(users)))


def as_dict(ids: DataFrame) -> dict[str, int]:
    found = ids.collect()
    assert len({row[0] for row in found}) == len(found)
    return {row[0]: row[1] for row in found}


@settings(max_examples=4, deadline=None)  # each example is a dozen Spark stages; the keys are many instead
@given(first=KEYS, second=KEYS)
def test_ids_are_contiguous_and_append_only(spark: SparkSession, first: list[str], second: list[str]) -> None:
    before = extend_ids(empty(spark, USER_IDS), events_of(spark, first), USER_IDS, n_buckets=4).localCheckpoint()
    added = extend_ids(before, events_of(spark, second), USER_IDS, n_buckets=4)
    old, new = as_dict(before), as_dict(added)
    assert sorted(old.values()) == list(range(len(set(first))))
    assert set(new) == set(second) - set(first)  # known keys are not given again, so they keep their integers
    assert sorted(new.values()) == list(range(len(old), len(old) + len(new)))


def test_same_input_gives_same_ids_in_any_order(spark: SparkSession) -> None:
    users = [f"u{i}" for i in range(20)]
    none = empty(spark, USER_IDS)
    there = as_dict(extend_ids(none, events_of(spark, users), USER_IDS))
    back = as_dict(extend_ids(none, events_of(spark, users[::-1] * 2).repartition(5), USER_IDS))
    assert there == back


def test_new_ids_start_after_the_largest_known_one(spark: SparkSession) -> None:
    known = rows(spark, USER_IDS, dict(user_id="a", user_idx=7))
    assert as_dict(extend_ids(known, events_of(spark, ["a", "b"]), USER_IDS)) == {"b": 8}


def test_events_without_an_item_give_no_item_id(spark: SparkSession) -> None:
    events = rows(spark, EVENTS, dict(event_id="e1", item_id=None), dict(event_id="e2", item_id="i1"))
    assert as_dict(extend_ids(empty(spark, ITEM_IDS), events, ITEM_IDS)) == {"i1": 0}


@pytest.mark.parametrize("known", [[], ["a"]])
def test_no_events_give_no_ids(spark: SparkSession, known: list[str]) -> None:
    ids = rows(spark, USER_IDS, *(dict(user_id=key, user_idx=0) for key in known))
    assert as_dict(extend_ids(ids, empty(spark, EVENTS), USER_IDS)) == {}
