"""Settings of cleaning that mean nothing are refused; the account of a batch adds up. No Spark."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping_spark.config import validated
from mapping_spark.errors import ConfigError
from mapping_spark.events.clean import Account
from mapping_spark.events.dedupe import CLEAN, DUPLICATE, LATE, QUARANTINED
from mapping_spark.events.reasons import CODE_OF_CHECK, codes_of, sentence
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.ingest.source import CANONICAL
from mapping_spark.tables.silver import EVENTS

CODES = st.lists(st.sampled_from(["not_json", "value_negative", "user_id_missing"]), min_size=1, max_size=3, unique=True).map(sorted)
GROUPS = st.dictionaries(
    st.one_of(st.tuples(st.sampled_from([CLEAN, DUPLICATE, LATE]), st.just("")), st.tuples(st.just(QUARANTINED), CODES.map(",".join))),
    st.integers(1, 1_000),
)


@given(GROUPS)
def test_in_is_the_sum_of_outcomes_and_a_record_counts_once_for_each_of_its_reasons(groups: dict[tuple[str, str], int]) -> None:
    account = Account(Counter(groups))
    assert account.n_in == sum(groups.values()) == sum(account.n(outcome) for outcome in (CLEAN, DUPLICATE, QUARANTINED, LATE))
    expected: Counter[str] = Counter()
    for (_, codes), n in groups.items():
        for code in codes.split(",") if codes else ():
            expected[code] += n
    assert account.reasons() == expected


def test_reasons_by_hand() -> None:
    account = Account(Counter({(CLEAN, ""): 5, (QUARANTINED, "a,b"): 2, (QUARANTINED, "b"): 3}))
    assert (account.n(QUARANTINED), account.n_in, account.reasons()) == (2 + 3, 10, {"a": 2, "b": 2 + 3})
    assert (Account(Counter()).n_in, Account(Counter()).reasons()) == (0, {})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("business_zone", "New York"),
        ("window_days", -1),
        ("max_quarantined_share", 1.01),
        ("max_quarantined_share", -0.01),
        ("max_record_bytes", 0),
        ("max_nesting", 0),
        ("max_nesting", 901),
        ("max_hours_ahead", -1),
        ("currencies", []),
        ("earliest_event_at", "2000-02-30"),
    ],
)
def test_a_setting_that_means_nothing_is_refused_by_name(setting: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=setting):
        validated(CleaningConfig, {setting: value}, "clean")


@pytest.mark.parametrize(
    "settings", [dict(window_days=0, max_hours_ahead=0), dict(max_quarantined_share=0), dict(max_quarantined_share=1, max_nesting=900)]
)
def test_settings_at_their_borders_are_accepted(settings: dict[str, Any]) -> None:
    found = validated(CleaningConfig, settings, "clean")
    assert {name: getattr(found, name) for name in settings} == settings


def test_a_near_miss_is_named() -> None:
    with pytest.raises(ConfigError, match=r"window_day is unknown \(did you mean 'window_days'\?\)"):
        validated(CleaningConfig, {"window_day": 7}, "clean")


def test_every_column_that_must_not_be_null_and_every_check_can_be_told() -> None:
    codes = codes_of([])
    assert {f"{column.name}_missing" for column in EVENTS.columns if not column.nullable and column.name in CANONICAL} <= codes
    assert {CODE_OF_CHECK[check.name] for check in EVENTS.checks} <= codes


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("bad_type_unit_price", "unit_price does not have its declared type"),
        ("bad_type_order id", "order id does not have its declared type"),
        ("quantity_not_finite", "quantity is not a finite number"),
        ("value_overflow", "value does not fit its column"),
        ("event_at_unparsable", "event_at is no time of the calendar, or not written as one"),
        ("currency_missing", "money without a currency"),  # its own words before those of a pattern
        ("discount_negative", "discount is negative"),
        ("from_a_later_version", "from_a_later_version"),
    ],
)
def test_a_code_in_words(code: str, words: str) -> None:
    assert sentence(code) == words
