"""Made-up campaigns hold the truth they state, and a reading of them finds it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from mapping_spark.campaign.experiments import Columns, groups_of
from mapping_spark.campaign.markov_attribution import removal_effects, transitions
from mapping_spark.campaign.moments import Moments
from mapping_spark.campaign.planted import CHAIN, SEGMENT_EFFECTS, planted_journeys, planted_users
from mapping_spark.campaign.qini import Ranked


def test_the_coupon_does_what_it_is_said_to_do() -> None:
    users = planted_users(60_000, seed=7)
    rates = users.groupby("variant")["is_converted"].mean()
    error = np.sqrt(2 * 0.2 * 0.8 / 20_000)
    assert rates["coupon"] - rates["control"] == pytest.approx(users["effect"].mean(), abs=4 * error)
    assert rates["letter"] == pytest.approx(rates["control"], abs=4 * error)
    assert users.groupby("segment")["effect"].mean().to_dict() == pytest.approx(SEGMENT_EFFECTS, abs=0.005)
    assert planted_users(10, seed=7).equals(planted_users(10, seed=7))


def test_counted_journeys_come_near_the_chain_they_walked() -> None:
    # From each touch on: search sells .4, mail .2 + .5 x .4 = .4, social .3 x .4 + .3 x .4 = .24; all: .5 x .24 + .3 x .4 + .2 x .4 = .32.
    truth = removal_effects(CHAIN)
    # without search: mail sells .2, social .06, all .09; without mail: social .12, all .14; without social: .2
    assert truth == pytest.approx({"search": 1 - 0.09 / 0.32, "mail": 1 - 0.14 / 0.32, "social": 1 - 0.2 / 0.32})
    events = pd.DataFrame(planted_journeys(3_000, dt.date(2024, 3, 10), seed=7))
    by_user = events.groupby("user_id")
    paths = zip(by_user["channel"].agg(lambda names: list(names.dropna())), by_user["event_type"].last() == "purchase", strict=True)
    found = removal_effects(transitions((path, float(sold), float(not sold)) for path, sold in paths))
    assert found == pytest.approx(truth, abs=0.06)
    assert set(events["event_date"]) == {dt.date(2024, 3, 9)}


def test_sums_of_a_small_frame_by_metric_segment_and_variant() -> None:
    users = pd.DataFrame({"user_id": list("abc"), "variant": ["x", "x", "y"], "segment": ["s", "t", "s"], "n": [1, 2, 4], "d": [1, 3, 5]})
    found = groups_of(users, {"share": Columns("n", denominator="d", covariate="d")})
    n, d = np.array([1.0, 2.0]), np.array([1.0, 3.0])
    assert found["share"]["all"]["x"] == Moments.of(n, d, d)
    assert {name: sorted(of) for name, of in found["share"].items()} == {"all": ["x", "y"], "s": ["x", "y"], "t": ["x"]}
    assert set(groups_of(users.drop(columns="segment"), {"n": Columns("n")})["n"]) == {"all"}


def test_calibration_of_scores_in_two_bins_by_hand() -> None:
    score, treated = np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, False, True, False])
    found = Ranked(np.arange(4), score, treated, np.array([5.0, 1.0, 2.0, 2.0])).calibration(2)
    assert found.predicted_B.tolist() == [3.5, 1.5]
    assert found.observed_B.tolist() == [5 - 1, 2 - 2]
