from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from mapping_spark.campaign.effect import (
    Estimate,
    difference_in_differences,
    estimates,
    matched_difference,
    placebo,
    simplex_weights,
    synthetic_control,
)

COLUMNS = ["origin", "is_mailed", "stratum", "n_users", "change", "change_sq"]


def sums(*rows: tuple[bool, int, list[float]]) -> pd.DataFrame:
    """(is_mailed, stratum, each user's change)"""
    return pd.DataFrame([(0, m, s, len(c), sum(c), sum(x * x for x in c)) for m, s, c in rows], columns=COLUMNS)


# Stratum 0: both groups change alike, but for 2 more of the mailed. Stratum 1, where most mailed are: everyone gains 10 more.
SUMS = sums((True, 0, [2, 4]), (True, 1, [11, 13, 11, 13, 11, 13]), (False, 0, [0, 2]), (False, 1, [9, 11]))


def test_matching_compares_like_with_like() -> None:
    raw, matched = difference_in_differences(SUMS), matched_difference(SUMS)
    assert raw.effect == pytest.approx((6 + 72) / 8 - (2 + 20) / 4)
    assert matched.effect == pytest.approx(2)
    assert (matched.n_mailed, matched.n_others, matched.n_unmatched) == (8, 4, 0)
    # variances of the means: 2 / 2 and 2 / 2 in stratum 0, 1.2 / 6 and 2 / 2 in stratum 1; shares 1 / 4 and 3 / 4
    assert matched.ci_high - 2 == pytest.approx(1.959964 * math.sqrt((1 / 16) * 2 + (9 / 16) * 1.2))


def test_mailed_users_without_anyone_like_them_are_counted() -> None:
    found = matched_difference(pd.concat([SUMS, sums((True, 2, [5, 6, 7]))]))
    assert found.effect == pytest.approx(2)
    assert found.n_unmatched == 3
    nobody = matched_difference(SUMS[SUMS.is_mailed])
    assert math.isnan(nobody.effect)
    assert nobody.n_unmatched == 8


def test_weights_lie_on_the_simplex() -> None:
    donors = np.array([[1.0, 3.0, 100.0], [2.0, 2.0, 0.0], [3.0, 5.0, -7.0]])
    weights = simplex_weights(donors, 0.25 * donors[:, 0] + 0.75 * donors[:, 1])
    assert weights == pytest.approx([0.25, 0.75, 0], abs=1e-4)
    assert weights.sum() == pytest.approx(1)


def weekly_sums(effect: float) -> pd.DataFrame:
    """Mailed users spend the mean of two strata of others, 5 more, and `effect` more in the last two of six weeks."""
    steady, rising = np.array([1.0, 3, 1, 3, 1, 3]), np.array([2.0, 3, 4, 5, 6, 7])
    series = {(True, 0): (steady + rising) / 2 + 5 + effect * (np.arange(6) >= 4), (False, 0): steady, (False, 1): rising}
    rows = [
        {"origin": 0, "is_mailed": mailed, "stratum": s, "n_users": 2, "change": 2.0, "change_sq": 4.0}
        | {f"week_{n}": 2 * x for n, x in enumerate(of)}
        for (mailed, s), of in series.items()
    ]
    return pd.DataFrame(rows)


def test_a_synthetic_control_finds_the_planted_effect() -> None:
    found = synthetic_control(weekly_sums(7), n_before=4)
    assert found.effect == pytest.approx(7, abs=1e-3)
    assert found.fit_error == pytest.approx(0, abs=1e-3)
    assert set(estimates(weekly_sums(7), 4)) == {"difference_in_differences", "matched", "synthetic_control"}


def test_a_placebo_as_large_as_the_effect_takes_it_away() -> None:
    real = Estimate(3, 1, 5, 9, 9, 0)
    calm = [Estimate(e, 0, 0, 9, 9, 0) for e in (0.5, -0.25, 0.1)]
    assert placebo(real, calm).p_value == 1 / 4
    assert placebo(real, calm).bears == 1 / 0.5  # the interval's end nearest to 0 over the largest placebo effect
    wild = placebo(real, [*calm, Estimate(-4, 0, 0, 9, 9, 0)])
    assert (wild.p_value, wild.largest) == (2 / 5, 4)
    assert math.isnan(placebo(real, []).p_value)
