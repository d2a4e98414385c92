"""Plans against the textbook's formula: n = (z_alpha/2 + z_power)^2 variance / (effect^2 share (1 - share))."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mapping_spark.campaign.moments import Moments
from mapping_spark.campaign.power import Plan, plan_from
from mapping_spark.errors import ConfigError


@pytest.mark.parametrize("power", [0.8, 0.95])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.75])
def test_users_and_effect_are_those_of_the_formula(share: float, alpha: float, power: float) -> None:
    plan = Plan(deviation=3.0, control_share=share, alpha=alpha, power=power)
    n_users = (stats.norm.isf(alpha / 2) + stats.norm.ppf(power)) ** 2 * 9 / (0.25**2 * share * (1 - share))
    assert plan.users(0.25) == pytest.approx(n_users, rel=1e-3)
    assert plan.users(-0.25) == plan.users(0.25)
    assert plan.smallest_effect(math.ceil(n_users)) == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize("effect", [3.0, 30.0, 1e4])
def test_a_huge_effect_needs_few_users_and_at_least_one(effect: float) -> None:
    assert 1 <= Plan(deviation=3.0).users(effect) <= 40


def test_days_are_counted_until_enough_of_those_who_take_part_are_there() -> None:
    plan = Plan(deviation=1.0)
    needed = plan.users(0.5)
    assert needed == math.ceil(4 * (1.959964 + 0.841621) ** 2 / 0.25) == 126
    assert plan.days(0.5, [0, 125, 1, 99]) == 3
    assert plan.days(0.5, [125, 0, 0, 1]) == 4
    assert plan.days(0.5, [200, 51, 1], share=0.5) == 3  # 125.5 of them after two days
    with pytest.raises(ConfigError, match="125 users in 2 days; expected 126 users"):
        plan.days(0.5, [100, 25])


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"control_share": 0.0}, "control_share = 0;"),
        ({"control_share": 1.0, "power": 1.0}, "control_share = 1, power = 1;"),
        ({"alpha": -0.1}, "alpha = -0.1;"),
        ({"deviation": 0.0}, "a deviation of 0;"),
        ({"deviation": math.nan}, "a deviation of nan;"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_what_is_wrong(facts: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Plan(**({"deviation": 1.0} | facts))
    assert f"an experiment's plan: {message} expected shares within 0 and 1, and a metric that varies" in str(refused.value)


def test_what_the_covariate_explains_is_not_planned_for() -> None:
    spent, before = np.array([1.0, 2, 4, 5]), np.array([0.0, 1, 1, 2])
    # About the means 3 and 1: spent is -2 -1 1 2, before -1 0 0 1; theta = 4 / 2, what is left 0 -1 1 0.
    assert plan_from(Moments.of(spent, covariate=before)).deviation == pytest.approx(math.sqrt(2 / 3))
    assert plan_from(Moments.of(spent)).deviation == pytest.approx(math.sqrt(10 / 3))
    with pytest.raises(ConfigError, match="a deviation of nan"):
        plan_from(Moments.of(np.full(9, 3.0)))
    with pytest.raises(ConfigError, match="a deviation of nan"):
        plan_from(Moments.of(np.array([])))
