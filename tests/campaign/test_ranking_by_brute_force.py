"""Qini and uplift curves of small experiments, summed user by user from the best score on."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.campaign.qini import Ranked, auuc, calibration, merged, qini, sums_of_bins, sums_of_scores, with_interval

User = tuple[int, bool, int, int]
USERS = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=14)
"""(score, is_treated, outcome, how often he is drawn)"""


def area(users: list[User], of: str) -> float:
    """Area under a curve with a point after each score, best first; of Qini less that of the line to its end."""
    n_t, n_c = (sum(times for _, treated, _, times in users if treated is arm) for arm in (True, False))
    if not n_t or not n_c:
        return math.nan
    points = [(0.0, 0.0)]
    for score in sorted({user[0] for user in users}, reverse=True):
        best = [user for user in users if user[0] >= score]
        t, c = (sum(times for _, treated, _, times in best if treated is arm) for arm in (True, False))
        y_t, y_c = (sum(outcome * times for _, treated, outcome, times in best if treated is arm) for arm in (True, False))
        share = (t + c) / (n_t + n_c)
        gain = (y_t - (y_c * t / c if c else 0)) / n_t if of == "qini" else ((y_t / t if t else 0) - (y_c / c if c else 0)) * share
        points.append((share, gain))
    under = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(points))
    return under - points[-1][1] / 2 if of == "qini" else under


@settings(max_examples=100, deadline=None)
@given(USERS, st.randoms(use_true_random=False))
def test_areas_are_those_of_curves_drawn_user_by_user(users: list[User], random: Random) -> None:
    random.shuffle(users)
    score, treated, outcome, times = (np.array(column) for column in zip(*users, strict=True))
    weights = np.stack([np.ones(len(users)), times.astype(float)], axis=1)
    sums = sums_of_scores(score.astype(float), treated, outcome.astype(float), weights)
    once = [(s, t, y, 1) for s, t, y, _ in users]
    for metric, name in ((qini, "qini"), (auuc, "auuc")):
        assert metric(sums).tolist() == pytest.approx([area(once, name), area(users, name)], nan_ok=True, abs=1e-9)


def test_a_bin_without_users_changes_no_area() -> None:
    bins, treated, outcome = np.array([0, 0, 2, 2]), np.array([True, False, True, False]), np.array([1.0, 0, 0, 1])
    sparse = sums_of_bins(bins, 4, treated, outcome)
    assert sparse[1].sum() == sparse[3].sum() == 0
    dense = sums_of_bins(bins // 2, 2, treated, outcome)
    assert (qini(sparse)[0], auuc(sparse)[0]) == pytest.approx((qini(dense)[0], auuc(dense)[0]))


def test_replicates_are_the_same_for_every_ranking_of_the_same_users() -> None:
    rng = np.random.default_rng(7)
    users, treated, outcome = np.arange(200), rng.random(200) < 0.5, rng.random(200)
    one, two = (Ranked(users, score, treated, outcome).sums(3, 20) for score in (rng.random(200), rng.integers(0, 3, 200).astype(float)))
    assert one.sum(axis=0) == pytest.approx(two.sum(axis=0))  # what is drawn hangs on the seed and the user alone
    assert one.shape[2] == 21
    assert (one.sum(axis=0)[0, 1:] != one.sum(axis=0)[0, 0]).any()
    alone = with_interval(qini, Ranked(users, outcome, treated, outcome).sums(3, 0))
    assert math.isnan(alone.ci_low)
    assert not math.isnan(alone.value)


@pytest.mark.parametrize(("n_bins", "sizes"), [(1, [5]), (2, [3, 2]), (3, [2, 2, 1]), (5, [1] * 5), (9, [1] * 5)])
def test_neighbouring_bins_are_merged_in_order(n_bins: int, sizes: list[int]) -> None:
    found = merged(np.stack([np.ones(5), np.arange(5.0)], axis=1), n_bins)
    assert found[:, 0].tolist() == sizes
    starts = np.cumsum([0, *sizes[:-1]])
    assert found[:, 1].tolist() == [sum(range(start, start + size)) for start, size in zip(starts, sizes, strict=True)]
    assert merged(np.zeros((0, 2)), n_bins).shape == (0, 2)


def test_a_bin_is_calibrated_as_far_as_it_has_users() -> None:
    # (treated, control, outcomes of each): nobody treated; one user each; nobody at all
    sums = np.array([[0.0, 2, 0, 1], [1, 1, 3, 1], [0, 0, 0, 0]])
    found = calibration(sums, np.array([[0.0, 1], [9, 1], [0, 0]]), np.array([4.0, 3, 0]))
    assert found.predicted_B.tolist() == pytest.approx([4 / 2, 3 / 2, math.nan], nan_ok=True)
    assert found.observed_B.tolist() == pytest.approx([math.nan, 3 - 1, math.nan], nan_ok=True)
    assert np.isnan(found.ci_low_B).all()  # one user has no spread
