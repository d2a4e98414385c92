"""Shrinkage where it has a closed form: segments whose effects are known equally well."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.campaign.effects import Effect
from mapping_spark.campaign.segments import shrink

Z = 1.959964


def effects(differences: list[float], error: float) -> dict[str, Effect]:
    return {f"s{n}": Effect(d, error, d - Z * error, d + Z * error, 0.5, *[math.nan] * 3) for n, d in enumerate(differences)}


def test_three_segments_by_hand() -> None:
    found = shrink(effects([0, 2, 4], error=1))
    assert found.variance == pytest.approx(4 - 1)  # spread of the differences less that of chance
    assert found.p_value == pytest.approx(math.exp(-8 / 2))  # Q = 4 + 0 + 4 with two degrees of freedom
    own = 3 / 4
    assert [found.segments[name].difference for name in ("s0", "s1", "s2")] == pytest.approx([2 - own * 2, 2, 2 + own * 2])
    half = Z * math.sqrt(own * 1 + (1 - own) ** 2 * (1 + 3) / 3)  # own data, and a common effect that is estimated
    for segment in found.segments.values():
        assert segment.weight == pytest.approx(own)
        assert segment.ci_high - segment.difference == segment.difference - segment.ci_low == pytest.approx(half)


def test_another_level_has_another_width_and_the_same_centres() -> None:
    usual, wide = shrink(effects([0, 2, 4], 1)), shrink(effects([0, 2, 4], 1), alpha=0.01)
    assert wide.segments["s0"].difference == usual.segments["s0"].difference
    widths = [found.segments["s0"].ci_high - found.segments["s0"].ci_low for found in (wide, usual)]
    assert widths[0] / widths[1] == pytest.approx(2.575829 / Z)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=2, max_size=6), st.floats(0.1, 5), st.sampled_from([1e-4, 1.0, 1e4]))
def test_equal_errors_shrink_by_what_spreads_beyond_chance_in_any_unit(differences: list[float], error: float, unit: float) -> None:
    n, mean = len(differences), sum(differences) / len(differences)
    spread = sum((d - mean) ** 2 for d in differences) / (n - 1)
    between = max(spread - error**2, 0.0)
    weight = between / (between + error**2)
    found = shrink(effects([unit * d for d in differences], unit * error))
    assert found.variance / unit**2 == pytest.approx(between, rel=1e-4, abs=1e-4)
    for at, d in enumerate(differences):
        segment = found.segments[f"s{at}"]
        assert segment.difference / unit == pytest.approx(mean + weight * (d - mean), abs=1e-3)
        assert 0 <= segment.weight < 1
        assert segment.ci_high - segment.ci_low <= unit * 2 * Z * error * (1 + 1e-9)  # never wider than alone


def test_segments_that_say_nothing_are_left_out() -> None:
    known = effects([0, 4], 1) | {"silent": Effect(9, math.nan, *[math.nan] * 6), "exact": Effect(9, 0.0, 9, 9, *[math.nan] * 4)}
    assert shrink(known) == shrink(effects([0, 4], 1))
    assert set(shrink(known).segments) == {"s0", "s1"}
    nothing = shrink({})
    assert (nothing.variance, dict(nothing.segments)) == (0, {})
    assert math.isnan(nothing.p_value)
