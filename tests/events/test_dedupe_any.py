"""Any candidates, known events and late ones, against the rules in plain Python; and in whatever order rows lie."""

from __future__ import annotations

import datetime as dt
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from mapping_spark.events.dedupe import classify
from mapping_spark.tables.frames import small

DAY = dt.date(2024, 5, 10)
CANDIDATE = "source_file string, source_offset bigint, event_id string, event_date date, reason_codes string"
Candidate = tuple[str, int, str]
IDS, DAYS = st.sampled_from("abcdefgh"), st.integers(-4, 4)
CANDIDATES = st.lists(st.tuples(IDS, DAYS, st.sampled_from(["", "", "", "not_json"])), max_size=40)


def expected(candidates: list[Candidate], known: set[tuple[str, int]], late: set[str], late_before: int | None, window: int) -> list[str]:
    """Outcomes in order of delivery."""
    found, seen = [], set()
    for name, day, codes in candidates:
        if codes:
            found.append("quarantined")
            continue
        is_late = late_before is not None and day < late_before
        is_known = name in late if is_late else any(name == other and abs(day - on) <= window for other, on in known)
        found.append("duplicate" if name in seen or is_known else "late" if is_late else "clean")
        seen.add(name)
    return found


def outcomes(
    spark: SparkSession,
    candidates: list[Candidate],
    known: set[tuple[str, int]],
    late: set[str],
    late_before: int | None,
    window: int,
    seed: int = 0,
) -> list[str]:
    """What `classify` says, in order of delivery; the rows themselves lie in an order of the seed."""
    values = [(f"f{n // 3:03}", n % 3, name, DAY + dt.timedelta(days=day), codes) for n, (name, day, codes) in enumerate(candidates)]
    random.Random(seed).shuffle(values)
    found = classify(
        small(spark, values, CANDIDATE),
        small(spark, [(name, DAY + dt.timedelta(days=day)) for name, day in sorted(known)], "event_id string, event_date date"),
        small(spark, [(name,) for name in sorted(late)], "event_id string"),
        late_before=None if late_before is None else DAY + dt.timedelta(days=late_before),
        window_days=window,
    )
    return [row.outcome for row in found.orderBy("source_file", "source_offset").collect()]


@settings(max_examples=3, deadline=None)
@given(CANDIDATES, st.sets(st.tuples(IDS, DAYS), max_size=6), st.sets(IDS, max_size=3), st.none() | st.integers(-2, 2), st.integers(0, 3))
def test_outcomes_follow_the_rules(
    spark: SparkSession, candidates: list[Candidate], known: set[tuple[str, int]], late: set[str], late_before: int | None, window: int
) -> None:
    assert outcomes(spark, candidates, known, late, late_before, window) == expected(candidates, known, late, late_before, window)


def test_outcomes_do_not_depend_on_the_order_of_rows(spark: SparkSession) -> None:
    candidates: list[Candidate] = [(name, day, "") for day in (0, -3, 2) for name in "abc"]
    # a is known a day later; b is known late, but its first delivery is not late; what follows repeats ids of the batch
    answers = [outcomes(spark, candidates, {("a", 1)}, {"b"}, -2, 1, seed) for seed in (1, 2)]
    assert answers == [["duplicate", "clean", "clean"] + ["duplicate"] * 6] * 2


def test_a_window_of_0_days_is_the_same_day_only(spark: SparkSession) -> None:
    candidates: list[Candidate] = [("a", 0, ""), ("b", 0, ""), ("c", 0, "")]
    assert outcomes(spark, candidates, {("a", 0), ("b", 1), ("c", -1)}, set(), None, 0) == ["duplicate", "clean", "clean"]


def test_nothing_gives_nothing(spark: SparkSession) -> None:
    assert outcomes(spark, [], {("a", 0)}, {"a"}, 0, 7) == []
