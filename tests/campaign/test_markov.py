"""Removal effects against walking the counted transitions until nothing moves any more."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.campaign.markov_attribution import CONVERSION, NOTHING, State, removal_effects, transitions

JOURNEYS = st.lists(st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), st.integers(0, 3), st.integers(0, 3)), max_size=6)


def conversion(counts: Mapping[tuple[State, str], float], order: int, without: str | None = None) -> float:
    """Chance that a journey converts, from the start; those who come to `without` are lost."""
    leaving: dict[State, float] = {}
    for (state, _), n in counts.items():
        leaving[state] = leaving.get(state, 0) + n
    chance: dict[State, float] = {}
    for _ in range(400):
        now = dict.fromkeys(leaving, 0.0)
        for (state, to), n in counts.items():
            if to == without or not n:
                continue
            onward = 1.0 if to == CONVERSION else 0.0 if to == NOTHING else chance.get((*state, to)[-order:], 0.0)
            now[state] += n / leaving[state] * onward
        chance = now
    return chance.get((), 0.0)


@settings(max_examples=50, deadline=None)
@given(JOURNEYS, st.sampled_from([1, 2, 3]))
def test_a_channel_is_worth_what_is_lost_without_it(journeys: list[tuple[list[str], int, int]], order: int) -> None:
    counts = transitions(((path, float(sold), float(lost)) for path, sold, lost in journeys), order)
    whole = conversion(counts, order)
    found = removal_effects(counts, order)
    assert set(found) == {channel for path, _, _ in journeys for channel in path}
    for channel, effect in found.items():
        expected = 1 - conversion(counts, order, channel) / whole if whole > 0 else 0.0
        assert effect == pytest.approx(expected, abs=1e-6)


@settings(max_examples=25)
@given(JOURNEYS, JOURNEYS, st.sampled_from([1, 2]))
def test_counts_of_two_sources_add_up(one: list[tuple[list[str], int, int]], two: list[tuple[list[str], int, int]], order: int) -> None:
    apart = [transitions(journeys, order) for journeys in (one, two)]
    summed = {key: apart[0].get(key, 0.0) + apart[1].get(key, 0.0) for key in apart[0] | apart[1]}
    assert transitions([*one, *two], order) == summed
    thrice = removal_effects({key: 3 * n for key, n in summed.items()}, order)
    assert thrice == pytest.approx(removal_effects(summed, order))  # only shares count


def test_transitions_of_one_path_by_hand() -> None:
    assert transitions([(["a", "b", "a"], 2, 1)], 2) == {
        ((), "a"): 3,
        (("a",), "b"): 3,
        (("a", "b"), "a"): 3,
        (("b", "a"), CONVERSION): 2,
        (("b", "a"), NOTHING): 1,
    }
    assert transitions([([], 4, 1)]) == {((), CONVERSION): 4, ((), NOTHING): 1}


def test_conversions_that_no_channel_led_to_are_nobodys() -> None:
    # Half of the journeys convert from the start on, half by a: without it one of two conversions is lost.
    assert removal_effects(transitions([([], 1, 0), (["a"], 1, 0)])) == pytest.approx({"a": 1 / 2})


def test_the_only_way_is_worth_everything_and_a_way_around_nothing() -> None:
    counts: dict[tuple[State, str], float] = {
        ((), "a"): 1,
        (("a",), "b"): 1,
        (("a",), "c"): 1,
        (("b",), CONVERSION): 1,
        (("c",), NOTHING): 1,
        (("d",), CONVERSION): 9,  # nobody comes to d
    }
    assert removal_effects(counts) == pytest.approx({"a": 1, "b": 1, "c": 0, "d": 0})
