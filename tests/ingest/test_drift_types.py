"""Which types of a file fit a declared raw type, for every pair; and differences of any two sets of columns."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.config import validated
from mapping_spark.errors import SchemaDrift
from mapping_spark.ingest.drift import Drift, compare, compare_sample, refuse
from mapping_spark.ingest.source import EventSource

INTEGERS = {"tinyint", "smallint", "int", "bigint"}
NUMBERS = INTEGERS | {"float", "double", "decimal(10,2)", "decimal(38,18)"}
TIMES = {"timestamp", "timestamp_ntz", "date"}
FOUND = sorted(NUMBERS | TIMES | {"string", "boolean", "binary", "array<string>", "map<string,string>", "struct<a:int>", "void"})
FITS: dict[str, set[str]] = {
    "string": INTEGERS | {"string"},  # a fraction as text would not be the id that the source means
    "bigint": INTEGERS,
    "double": NUMBERS,
    "decimal(18,4)": NUMBERS,
    "boolean": {"boolean"},
    "timestamp": TIMES,
    "date": TIMES,
    "epoch_s": NUMBERS,
    "epoch_ms": NUMBERS,
    "epoch_us": NUMBERS,
}
NAMES = st.sampled_from(["id", "user", "at", "price", "shop"])


def source(**columns: str) -> EventSource:
    declared = dict(name="sales", kind="events", format="parquet", path="sales", columns=columns)
    event = dict(event_id="id", user_id="user", event_type="'view'", event_at="at")
    return validated(EventSource, declared | {"event": event}, "sales.yml")


@pytest.mark.parametrize("declared", FITS)
def test_the_types_of_a_file_that_fit_a_declared_one(declared: str) -> None:
    one = source(x=declared)
    assert {found for found in FOUND if compare(one, {"x": found}) == Drift()} == FITS[declared]
    assert compare(one, {"x": "binary"}).changed == (f"'x' is binary, declared {declared}",)


@settings(max_examples=25)
@given(st.sets(NAMES, min_size=1), st.sets(NAMES))
def test_new_and_missing_are_the_two_differences(declared: set[str], found: set[str]) -> None:
    drift = compare(source(**dict.fromkeys(sorted(declared), "string")), dict.fromkeys(sorted(found), "string"))
    assert set(drift.new) == found - declared
    assert [text.split("'")[1] for text in drift.missing] == sorted(declared - found)
    assert drift.changed == ()


def test_the_whole_difference_is_refused_in_one_message() -> None:
    one = source(id="string", user="string", at="timestamp", price="double")
    with pytest.raises(SchemaDrift) as caught:
        refuse(one, compare(one, {"id": "double", "usr": "string", "at": "string", "more": "int"}), "file f")
    message = str(caught.value)
    for part in ("no 'user' (it has 'usr')", "no 'price'", "'id' is double, declared string", "'at' is string, declared timestamp"):
        assert part in message
    assert "'price': 'double'" in message  # what was expected
    assert message.endswith("Nothing was written. Mend the file, or the declaration if the source has changed for good.")


def test_names_are_compared_as_they_are_written() -> None:
    assert compare(source(id="string"), {"ID": "string"}) == Drift(new=("ID",), missing=("no 'id'",))


@pytest.mark.parametrize(("n_records", "missing"), [(0, ()), (99, ()), (100, ("id", "user", "at"))])
def test_of_json_only_what_must_be_there_can_be_missing_and_only_in_many_records(n_records: int, missing: tuple[str, ...]) -> None:
    one = source(id="string", user="string", at="timestamp", price="double")  # no mandatory column reads the price
    assert compare_sample(one, {}, n_records).missing == tuple(f"no {name!r} in {n_records} records" for name in missing)


def test_a_key_that_one_record_has_is_not_missing_and_a_new_one_is_told_once() -> None:
    one = source(id="string", user="string", at="timestamp")
    assert compare_sample(one, {"id": 1, "user": 1, "at": 1, "b": 7, "a": 2}, 10_000) == Drift(new=("b", "a"))
