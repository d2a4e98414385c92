"""Shapley values against every order of the channels tried one by one, and the axioms that define them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.campaign.shapley import conversion_rates, conversion_shares, shapley
from mapping_spark.evaluation.metrics import Flags, Numbers

CHANNELS = "abcd"
SETS = st.frozensets(st.sampled_from(CHANNELS), min_size=1)
JOURNEYS = st.dictionaries(SETS, st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8)


def rate(journeys: Mapping[frozenset[str], tuple[float, float]], within: set[str]) -> float:
    """Share of the journeys that touched only channels of `within` and converted."""
    sold, every = (sum(n[place] for touched, n in journeys.items() if touched <= within) for place in (0, 1))
    return sold / every if every else 0.0


@settings(max_examples=40, deadline=None)
@given(JOURNEYS)
def test_the_game_of_rates_is_averaged_over_every_order(drawn: dict[frozenset[str], tuple[int, int]]) -> None:
    journeys = {touched: (float(sold), float(sold + lost)) for touched, (sold, lost) in drawn.items()}
    orders = list(permutations(CHANNELS))
    expected = dict.fromkeys(CHANNELS, 0.0)
    for order in orders:
        for place, channel in enumerate(order):
            before = set(order[:place])
            expected[channel] += (rate(journeys, before | {channel}) - rate(journeys, before)) / len(orders)
    found = shapley(CHANNELS, conversion_rates(CHANNELS, journeys), seed=7)
    assert found.values == pytest.approx(expected, abs=1e-9)
    assert sum(found.values.values()) == pytest.approx(rate(journeys, set(CHANNELS)), abs=1e-9)
    assert set(found.errors.values()) == {0}


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(SETS, st.integers(0, 9), max_size=8))
def test_conversions_in_equal_parts_are_the_values_of_their_game(worth: dict[frozenset[str], int]) -> None:
    def conversions(sets_SC: Flags) -> Numbers:
        named = [{channel for channel, has in zip(CHANNELS, row, strict=True) if has} for row in sets_SC]
        return np.array([float(sum(n for touched, n in worth.items() if touched <= names)) for names in named])

    shares = conversion_shares(worth)
    assert sum(shares.values()) == pytest.approx(sum(worth.values()))
    assert shapley(CHANNELS, conversions, seed=7).values == pytest.approx({name: shares.get(name, 0.0) for name in CHANNELS}, abs=1e-9)


def test_a_channel_that_adds_nothing_gets_nothing_and_twins_get_the_same() -> None:
    def worth(sets_SC: Flags) -> Numbers:
        """1 for `a` and `b` together; `c` is never needed."""
        return (sets_SC[:, 0] & sets_SC[:, 1]).astype(float)

    assert shapley("abc", worth, seed=7).values == pytest.approx({"a": 1 / 2, "b": 1 / 2, "c": 0}, abs=1e-12)


def test_drawn_orders_of_an_additive_game_are_exact_and_the_seed_decides() -> None:
    channels = [f"c{n:02d}" for n in range(13)]  # one more than are visited in full

    def additive(sets_SC: Flags) -> Numbers:
        worth: Numbers = sets_SC @ np.arange(13.0)
        return worth

    found = shapley(channels, additive, seed=7)
    assert list(found.values.values()) == pytest.approx(list(range(13)))
    assert max(found.errors.values()) == pytest.approx(0, abs=1e-12)

    def pairs(sets_SC: Flags) -> Numbers:
        worth: Numbers = (sets_SC[:, ::2].sum(axis=1) * sets_SC[:, 1::2].sum(axis=1)).astype(float)
        return worth

    # An order and its reverse part every pair in halves: of 7 x 6 pairs the seven have 6 / 2 each, the six 7 / 2.
    assert list(shapley(channels, pairs, seed=7).values.values()) == pytest.approx([3, 3.5] * 6 + [3])

    def trio(sets_SC: Flags) -> Numbers:
        worth: Numbers = sets_SC[:, :3].all(axis=1).astype(float)
        return worth

    first, again, other = (shapley(channels, trio, seed=seed) for seed in (7, 7, 8))
    assert first.values == again.values != other.values
    assert list(first.values.values()) == pytest.approx([1 / 3] * 3 + [0] * 10, abs=0.05)


def test_without_channels_or_journeys_nothing_is_parted() -> None:
    assert conversion_shares({}) == {}
    assert shapley([], conversion_rates([], {}), seed=7).values == {}
    assert shapley("ab", conversion_rates("ab", {}), seed=7).values == {"a": 0, "b": 0}
