"""Markov and Shapley against chains and games solved by hand, and parts that sum to their total."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.campaign.apportion import apportion, apportioned
from mapping_spark.campaign.markov_attribution import removal_effects, transitions
from mapping_spark.campaign.shapley import conversion_rates, conversion_shares, shapley
from mapping_spark.evaluation.metrics import Flags, Numbers

WORTH = {frozenset("a"): 3.0, frozenset("ab"): 4.0, frozenset("abc"): 6.0}


def test_removal_effects_of_a_chain_solved_by_hand() -> None:
    # Two of three journeys start with a, one with b. From a: half to b, half to nothing. From b: half converts.
    journeys = [(["a", "b"], 1, 0), (["a"], 0, 1), (["b"], 0, 1)]
    # With all: 2/3 x 1/2 x 1/2 + 1/3 x 1/2 = 1/3. Without a: 1/3 x 1/2 = 1/6. Without b: 0.
    assert removal_effects(transitions(journeys)) == pytest.approx({"a": 1 / 2, "b": 1})


def test_the_second_order_remembers_one_touch_more() -> None:
    # After a, b converts; b alone never does. The first order cannot tell: from b, half convert.
    journeys = [(["a", "b"], 1, 0), (["b"], 0, 1)]
    assert removal_effects(transitions(journeys, 1), 1) == pytest.approx({"a": 1 / 2, "b": 1})
    assert removal_effects(transitions(journeys, 2), 2) == pytest.approx({"a": 1, "b": 1})


@pytest.mark.parametrize("order", [1, 2])
def test_loops_and_dead_ends_are_no_failure(order: int) -> None:
    assert removal_effects({}, order) == {}
    assert removal_effects(transitions([(["a"], 0, 3)], order), order) == {"a": 0}
    endless = {((), "a"): 1.0, ((), "b"): 1.0, (("a",), "a"): 5.0, (("b",), "(conversion)"): 1.0}
    assert removal_effects(endless, 1) == pytest.approx({"a": 0, "b": 1})


def test_shapley_values_of_a_game_solved_by_hand() -> None:
    # a alone converts 3, {a, b} 4 more, all three 6 more: 3 + 4/2 + 6/3, 4/2 + 6/3, 6/3.
    assert conversion_shares(WORTH) == pytest.approx({"a": 7, "b": 4, "c": 2})
    rates = conversion_rates("ab", {frozenset("a"): (1, 4), frozenset("b"): (1, 2), frozenset("ab"): (3, 4)})
    # v(a) = 1/4, v(b) = 1/2, v(ab) = 5/10: a is (1/4 + 0) / 2, b is (1/2 + 1/4) / 2.
    assert shapley("ab", rates, seed=7).values == pytest.approx({"a": 1 / 8, "b": 3 / 8})


def test_the_short_way_is_the_long_one() -> None:
    def conversions(sets_SC: Flags) -> Numbers:
        named = [{channel for channel, has in zip("abc", row, strict=True) if has} for row in sets_SC]
        return np.array([sum(n for subset, n in WORTH.items() if subset <= names) for names in named])

    assert shapley("abc", conversions, seed=7).values == pytest.approx(conversion_shares(WORTH))


def test_drawn_orders_come_within_their_stated_error() -> None:
    rng = np.random.default_rng(7)
    channels = [f"c{n:02d}" for n in range(14)]
    trios = [rng.choice(14, 3, replace=False) for _ in range(30)]

    def game(sets_SC: Flags) -> Numbers:
        n_whole: Numbers = np.array([sets_SC[:, trio].all(axis=1) for trio in trios], float).sum(axis=0)
        return n_whole

    found = shapley(channels, game, seed=7)
    truth = {channel: sum(at in trio for trio in trios) / 3 for at, channel in enumerate(channels)}
    assert sum(found.values.values()) == pytest.approx(30)
    assert max(found.errors.values()) < 0.1
    for channel in channels:
        assert found.values[channel] == pytest.approx(truth[channel], abs=4 * max(found.errors[channel], 1e-9))


@settings(deadline=None)
@given(st.integers(0, 10**12), st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
def test_parts_sum_to_the_total_and_are_within_one_of_their_share(total: int, weights: list[float]) -> None:
    parts = apportion(total, np.array(weights))
    assert parts.sum() == total
    assert parts.min() >= 0
    if sum(weights) > 1e-6:
        assert np.abs(parts - total * (np.array(weights) / sum(weights))).max() < 1 + 1e-3


def test_a_tie_goes_by_the_number_without_meaning() -> None:
    parts = apportioned(np.array([100, 7]), np.ones(6), np.array([0, 0, 0, 1, 1, 1]), np.array([3, 1, 2, 2, 3, 1]))
    assert parts.tolist() == [33, 34, 33, 2, 2, 3]
