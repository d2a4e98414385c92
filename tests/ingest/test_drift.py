"""New columns are reported, wider types accepted, missing and changed ones refused with the difference."""

from __future__ import annotations

import pytest

from mapping_spark.config import validated
from mapping_spark.errors import SchemaDrift
from mapping_spark.ingest.drift import Drift, compare, compare_sample, refuse
from mapping_spark.ingest.source import EventSource

SOURCE = validated(
    EventSource,
    dict(
        name="sales",
        kind="events",
        format="parquet",
        path="sales",
        columns=dict(id="string", user_id="string", n="bigint", price="double", at="timestamp"),
        event=dict(event_id="id", user_id="user_id", event_type="'purchase'", event_at="at", quantity="n"),
    ),
    "sales.yml",
)
AS_DECLARED: dict[str, str | None] = dict(id="string", user_id="string", n="bigint", price="double", at="timestamp")


def test_no_drift() -> None:
    assert compare(SOURCE, AS_DECLARED) == Drift()


def test_a_new_column_is_only_reported() -> None:
    found = compare(SOURCE, AS_DECLARED | dict(shop="string"))
    assert found == Drift(new=("shop",))
    refuse(SOURCE, found, "file f")


@pytest.mark.parametrize(
    "wider",
    [
        dict(n="int"),
        dict(price="float"),
        dict(price="decimal(10,2)"),
        dict(user_id="int"),
        dict(user_id="bigint"),
        dict(at="timestamp_ntz"),
    ],
)
def test_a_type_from_which_the_declared_one_follows_is_accepted(wider: dict[str, str | None]) -> None:
    assert compare(SOURCE, AS_DECLARED | wider) == Drift()


@pytest.mark.parametrize(
    "changed", [dict(n="double"), dict(n="string"), dict(user_id="double"), dict(at="bigint"), dict(price="array<double>")]
)
def test_a_changed_type_is_refused(changed: dict[str, str | None]) -> None:
    (name, found) = next(iter(changed.items()))
    with pytest.raises(SchemaDrift, match=f"'{name}' is {found}".replace("<", ".").replace(">", ".")):
        refuse(SOURCE, compare(SOURCE, AS_DECLARED | changed), "file f")


def test_a_missing_column_is_refused_with_the_nearest_name() -> None:
    found = {name: kind for name, kind in AS_DECLARED.items() if name != "price"} | dict(prices="double")
    with pytest.raises(SchemaDrift, match=r"sales, file f: no 'price' \(it has 'prices'\)"):
        refuse(SOURCE, compare(SOURCE, found), "file f")


def test_a_header_without_types_is_compared_by_name() -> None:
    assert compare(SOURCE, dict.fromkeys(AS_DECLARED)) == Drift()


def test_json_misses_a_mandatory_column_only_where_no_record_of_a_large_sample_has_it() -> None:
    counts = dict(id=100, at=100, extra=1)
    assert compare_sample(SOURCE, counts, 99).missing == ()
    assert compare_sample(SOURCE, counts, 100) == Drift(new=("extra",), missing=("no 'user_id' in 100 records",))
    assert compare_sample(SOURCE, counts | dict(user_id=1), 100).missing == ()
