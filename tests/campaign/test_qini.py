from __future__ import annotations

import numpy as np
import pytest

from mapping_spark.campaign.qini import (
    Ranked,
    Sums,
    auuc,
    calibration,
    merged,
    qini,
    qini_curve,
    sums_of_scores,
    uplift_curve,
    with_interval,
)
from mapping_spark.errors import ContractError

# Best first: a treated buyer, a held-out one who does not buy, a treated one who does not, a held-out buyer.
SCORE = np.array([4.0, 3.0, 2.0, 1.0])
TREATED = np.array([True, False, True, False])
BOUGHT = np.array([1.0, 0.0, 0.0, 1.0])


def test_curves_redone_by_hand() -> None:
    sums = sums_of_scores(SCORE, TREATED, BOUGHT)
    share, gain = qini_curve(sums)
    assert share[:, 0].tolist() == [0, 1 / 4, 2 / 4, 3 / 4, 1]
    # (Y_t - Y_c N_t / N_c) / 2 treated: 1, 1 - 0, 1 - 0, 1 - 1 * 2 / 2
    assert gain[:, 0].tolist() == [0, 1 / 2, 1 / 2, 1 / 2, 0]
    assert uplift_curve(sums)[1][:, 0].tolist() == [0, 1 / 4, 2 / 4, (1 / 2 - 0) * 3 / 4, (1 / 2 - 1 / 2) * 1]
    assert qini(sums)[0] == pytest.approx((1 / 4 + 1 / 2 + 1 / 2 + 1 / 4) / 4)  # four trapezoids, and a line that ends at 0
    assert auuc(sums)[0] == pytest.approx((1 / 8 + 3 / 8 + 7 / 16 + 3 / 16) / 4)


def test_a_ranking_from_the_worst_on_redone_by_hand() -> None:
    # gains: 0, (0 - 1) / 2, (0 - 1 * 1 / 2) / 2, 0
    assert qini(sums_of_scores(-SCORE, TREATED, BOUGHT))[0] == pytest.approx(-(1 / 4 + 3 / 8 + 1 / 8) / 4)


def test_equal_scores_rank_no_one() -> None:
    sums = sums_of_scores(np.zeros(4), TREATED, BOUGHT)
    assert sums[:, :, 0].tolist() == [[2, 2, 1, 1]]
    assert qini(sums)[0] == 0


def test_without_one_arm_there_is_no_number() -> None:
    assert np.isnan(qini(sums_of_scores(SCORE, np.ones(4, bool), BOUGHT))[0])
    assert np.isnan(auuc(sums_of_scores(SCORE, np.zeros(4, bool), BOUGHT))[0])


def test_the_interval_holds_a_planted_qini_and_a_random_ranking_has_none() -> None:
    rng = np.random.default_rng(3)
    users, effect, treated = np.arange(20_000), rng.uniform(-1, 1, 20_000), rng.random(20_000) < 0.5
    outcome = treated * effect
    good = with_interval(qini, Ranked(users, effect, treated, outcome).sums(7, 100))
    assert good.ci_low < 1 / 6 < good.ci_high  # the curve is s (1 - s) for an effect uniform in [-1, 1]: its area is 1 / 6
    random = with_interval(qini, Ranked(users, rng.random(20_000), treated, outcome).sums(7, 100))
    assert random.ci_low < 0 < random.ci_high


def test_calibration_by_hand() -> None:
    sums = np.array([[4.0, 2.0, 3.0, 1.0]])
    found = calibration(sums, np.array([[3.0, 1.0]]), np.array([1.8]))
    assert (found.predicted_B[0], found.observed_B[0]) == (pytest.approx(1.8 / 6), pytest.approx(3 / 4 - 1 / 2))
    variance = (3 - 9 / 4) / 3 / 4 + (1 - 1 / 2) / 1 / 2
    assert found.ci_high_B[0] - found.observed_B[0] == pytest.approx(1.959964 * variance**0.5)
    with pytest.raises(ContractError, match="1, 1 and 2 bins"):
        calibration(sums, np.array([[3.0, 1.0]]), np.zeros(2))


def test_merged_bins_keep_the_sums() -> None:
    sums = sums_of_scores(np.arange(25.0), np.arange(25) % 2 == 0, np.ones(25))
    deciles = merged(sums, 10)
    assert deciles.shape == (10, len(Sums), 1)
    assert deciles.sum(axis=0).tolist() == sums.sum(axis=0).tolist() == [[13], [12], [13], [12]]
    assert set(deciles[:, :2, 0].sum(axis=1)) == {2, 3}
