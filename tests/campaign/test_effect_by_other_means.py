"""Effects without a holdout: the same numbers by regression, by optimality conditions and by rank."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mapping_spark.campaign.effect import (
    Estimate,
    difference_in_differences,
    matched_difference,
    placebo,
    simplex_weights,
    synthetic_control,
)

CHANGES = st.lists(st.integers(-9, 9), min_size=2, max_size=5)


def sums(groups: dict[tuple[bool, int], list[int]]) -> pd.DataFrame:
    """By (is_mailed, stratum): each user's change."""
    columns = ["is_mailed", "stratum", "n_users", "change", "change_sq"]
    return pd.DataFrame([(mailed, s, len(of), sum(of), sum(x * x for x in of)) for (mailed, s), of in groups.items()], columns=columns)


@settings(max_examples=15, deadline=None)
@given(CHANGES, CHANGES)
def test_two_groups_differ_by_their_means_with_the_normal_interval_of_unequal_variances(mailed: list[int], others: list[int]) -> None:
    found = difference_in_differences(sums({(True, 0): mailed, (False, 0): others}))
    assert found.effect == pytest.approx(np.mean(mailed) - np.mean(others))
    error = math.sqrt(np.var(mailed, ddof=1) / len(mailed) + np.var(others, ddof=1) / len(others))
    assert (found.ci_low, found.ci_high) == pytest.approx(stats.norm.interval(0.95, found.effect, error) if error else (found.effect,) * 2)
    mirrored = difference_in_differences(sums({(False, 0): mailed, (True, 0): others}))
    assert mirrored.effect == pytest.approx(-found.effect)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(CHANGES, CHANGES, st.integers(-50, 50)), min_size=1, max_size=4))
def test_what_raises_everyone_of_a_stratum_alike_is_no_effect(strata: list[tuple[list[int], list[int], int]]) -> None:
    def found(shifted: bool) -> Estimate:
        groups = {
            (arm, s): [x + shift * shifted for x in of]
            for s, (mailed, others, shift) in enumerate(strata)
            for arm, of in ((True, mailed), (False, others))
        }
        return matched_difference(sums(groups))

    plain, moved = found(False), found(True)
    assert (moved.effect, moved.ci_low, moved.ci_high) == pytest.approx((plain.effect, plain.ci_low, plain.ci_high))
    n_mailed = sum(len(mailed) for mailed, _, _ in strata)
    assert plain.effect == pytest.approx(sum(len(m) * (np.mean(m) - np.mean(o)) for m, o, _ in strata) / n_mailed)
    if len(strata) == 1:
        alone = difference_in_differences(sums({(True, 0): strata[0][0], (False, 0): strata[0][1]}))
        assert (plain.effect, plain.ci_low) == pytest.approx((alone.effect, alone.ci_low))


def test_a_stratum_with_one_user_of_a_group_is_left_out_and_told() -> None:
    usable = {(True, 0): [3, 5], (False, 0): [1, 1]}
    found = matched_difference(
        sums(usable | {(True, 1): [100], (False, 1): [0, 0], (True, 2): [7, 7], (False, 2): [0], (False, 3): [9, 9]})
    )
    assert (found.effect, found.n_mailed, found.n_others, found.n_unmatched) == (3, 2, 2, 3)
    alone = matched_difference(sums({(True, 0): [3], (False, 0): [1, 1]}))
    assert (math.isnan(alone.effect), alone.n_mailed, alone.n_unmatched) == (True, 0, 1)
    nobody_mailed = matched_difference(sums({(False, 0): [1, 1]}))
    assert (math.isnan(nobody_mailed.effect), nobody_mailed.n_unmatched) == (True, 0)


SERIES = st.lists(st.lists(st.integers(-5, 5), min_size=4, max_size=4), min_size=2, max_size=5)


@settings(max_examples=50, deadline=None)
@given(SERIES)
def test_no_shift_of_weight_brings_a_mix_nearer_to_its_target(series: list[list[int]]) -> None:
    target, donors = np.array(series[0], float), np.array(series[1:], float).T
    weights = simplex_weights(donors, target)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    # At the optimum of a convex problem on the simplex every donor in use has the least slope (Karush, Kuhn and Tucker).
    slopes = donors.T @ (donors @ weights - target)
    assert slopes[weights > 1e-4].max() <= slopes.min() + 1e-2 * (1 + np.abs(slopes).max())


def test_a_synthetic_control_leaves_out_levels_and_tells_how_far_it_is_off() -> None:
    # Mailed: 10 11 10 11 | 15 15. One stratum of others: 1 1 1 1 | 2 2; two users in each row.
    weeks = {(True, 0): [10, 11, 10, 11, 15, 15], (False, 0): [1, 1, 1, 1, 2, 2]}
    rows = [
        {"is_mailed": mailed, "stratum": s, "n_users": 2} | {f"week_{n}": 2.0 * x for n, x in enumerate(of)}
        for (mailed, s), of in weeks.items()
    ]
    found = synthetic_control(pd.DataFrame(rows), n_before=4)
    assert found.effect == pytest.approx((15 - 2) - (10.5 - 1))
    assert found.fit_error == pytest.approx(0.5)  # half above and half below the mean gap
    assert (found.n_mailed, found.n_others) == (2, 2)
    assert math.isnan(found.ci_low)
    alone = synthetic_control(pd.DataFrame(rows[:1]), n_before=4)
    assert (math.isnan(alone.effect), alone.n_unmatched) == (True, 2)


def told(effect: float, half: float = math.nan) -> Estimate:
    return Estimate(effect, effect - half, effect + half, 9, 9, 0)


@pytest.mark.parametrize(
    ("real", "others", "p_value", "largest", "bears"),
    [
        (told(4, 1), [1, -2, 0], 1 / 4, 2, (4 - 1) / 2),
        (told(-4, 1), [1, -2, 0], 1 / 4, 2, (4 - 1) / 2),  # the sign does not matter
        (told(4, 5), [1, -2, 0], 1 / 4, 2, 0),  # the interval holds 0 from the start
        (told(4), [1, -2], 1 / 3, 2, 4 / 2),  # no interval: the effect itself
        (told(4, 1), [-4, 1], 2 / 3, 4, 3 / 4),  # as far from 0 counts
        (told(0.0, 1), [1, 2], 1, 2, 0),
        (told(4, 1), [0, 0], 1 / 3, 0, math.inf),
        (told(4, 1), [math.nan, 2], 1 / 2, 2, 3 / 2),  # an origin without a number is none
        (told(math.nan, 1), [1], math.nan, math.nan, math.nan),
        (told(4, 1), [math.nan], math.nan, math.nan, math.nan),
    ],
)
def test_an_effect_beside_its_placebos(real: Estimate, others: list[float], p_value: float, largest: float, bears: float) -> None:
    found = placebo(real, [told(effect, 1) for effect in others])
    assert (found.p_value, found.largest, found.bears) == pytest.approx((p_value, largest, bears), nan_ok=True)
