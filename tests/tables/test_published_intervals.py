"""The declared intervals from users one by one: the sums that a measure names must be those of its own numerator and denominator."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.tables.contract import Table
from mapping_spark.tables.experiments import EXPERIMENT_SUMS
from mapping_spark.tables.gold import CAMPAIGN_KPIS
from mapping_spark.tables.measures import Z_95, additive_columns, measures_sql
from mapping_spark.tables.uplift import PLAN_VALUES, UPLIFT_BINS
from tests.tables.summed import asked

User = dict[str, float]
USERS: list[User] = [
    dict(n_impressions=4, n_clicks=2, n_conversions=1, cost=1, discount=2, revenue=10, gross_margin=3),
    dict(n_impressions=6, n_clicks=1, n_conversions=0, cost=2, discount=0, revenue=0, gross_margin=0),
    dict(n_impressions=1, n_clicks=3, n_conversions=2, cost=1, discount=4, revenue=30, gross_margin=9),
    dict(n_impressions=0, n_clicks=0, n_conversions=0, cost=3, discount=1, revenue=5, gross_margin=2),
]
RATIOS: dict[str, tuple[Callable[[User], float], Callable[[User], float]]] = {
    "roas": (lambda u: u["revenue"], lambda u: u["cost"] + u["discount"]),
    "ctr": (lambda u: u["n_clicks"], lambda u: u["n_impressions"]),
    "cvr": (lambda u: u["n_conversions"], lambda u: u["n_clicks"]),
    "cpc": (lambda u: u["cost"], lambda u: u["n_clicks"]),
    "cpm": (lambda u: 1000 * u["cost"], lambda u: u["n_impressions"]),
    "cpa": (lambda u: u["cost"], lambda u: u["n_conversions"]),
    "roi": (lambda u: u["gross_margin"] - u["discount"] - u["cost"], lambda u: u["cost"] + u["discount"]),
    "conversions_per_user": (lambda u: u["n_conversions"], lambda u: 1),
    "revenue_per_user": (lambda u: u["revenue"], lambda u: 1),
}


def ends(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """95 % interval of sum x / sum y by the residuals x - R y of independent users (delta method)."""
    total = sum(y for _, y in pairs)
    ratio = sum(x for x, _ in pairs) / total
    half = Z_95 * math.sqrt(sum((x - ratio * y) ** 2 for x, y in pairs)) / abs(total)
    return ratio - half, ratio + half


def sums(table: Table, users: list[User]) -> User:
    """One row of a table from its users: plain sums, `<name>_sq`, `<one>_<other>`, users and those with a conversion."""
    names = list(users[0])
    found = {name: sum(u[name] for u in users) for name in names}
    found |= {f"{name}_sq": sum(u[name] ** 2 for u in users) for name in names}
    found |= {f"{one}_{other}": sum(u[one] * u[other] for u in users) for one, other in product(names, names)}
    found |= {"n_users": len(users), "n_converted_users": sum(u.get("n_conversions", 0) > 0 for u in users)}
    return {name: value for name, value in found.items() if name in additive_columns(table)}


def with_gains(user: User) -> User:
    spend = user["cost"] + user["discount"]
    return user | dict(spend=spend, net_gain=user["gross_margin"] - spend)


def test_every_ratio_of_campaigns_has_the_interval_of_its_own_residuals() -> None:
    users = [with_gains(user) for user in USERS]
    (found,) = asked(CAMPAIGN_KPIS, measures_sql(CAMPAIGN_KPIS, "t"), sums(CAMPAIGN_KPIS, users[:2]), sums(CAMPAIGN_KPIS, users[2:]))
    assert {m.name for m in CAMPAIGN_KPIS.measures if m.interval == "normal"} == set(RATIOS)
    for name, (x, y) in RATIOS.items():
        assert (found[f"{name}_low"], found[f"{name}_high"]) == pytest.approx(ends([(x(u), y(u)) for u in USERS])), name


def test_the_share_who_redeemed_has_wilsons_interval() -> None:
    (found,) = asked(CAMPAIGN_KPIS, measures_sql(CAMPAIGN_KPIS, "t"), sums(CAMPAIGN_KPIS, USERS))
    # 2 of 4: symmetric around a half, z / (2 sqrt(n)) shrunk by sqrt(1 + z^2 / n)
    half = Z_95 / 2 / math.sqrt(4) / math.sqrt(1 + Z_95**2 / 4)
    assert (found["redemption_rate_low"], found["redemption_rate_high"]) == pytest.approx((0.5 - half, 0.5 + half))


@pytest.mark.parametrize(("converted", "expected"), [(0, (0, Z_95**2 / (4 + Z_95**2))), (4, (4 / (4 + Z_95**2), 1))])
def test_none_and_all_who_redeemed_stay_within_0_and_1(converted: int, expected: tuple[float, float]) -> None:
    (found,) = asked(CAMPAIGN_KPIS, measures_sql(CAMPAIGN_KPIS, "t"), dict(n_users=4, n_converted_users=converted))
    assert (found["redemption_rate_low"], found["redemption_rate_high"]) == pytest.approx(expected, abs=1e-12)


def test_a_metric_of_an_experiment_is_a_ratio_over_users() -> None:
    users: list[User] = [dict(numerator=n, denominator=d, covariate=0) for n, d in ((3, 1), (0, 2), (5, 2), (-1, 1))]
    (found,) = asked(
        EXPERIMENT_SUMS, measures_sql(EXPERIMENT_SUMS, "t"), sums(EXPERIMENT_SUMS, users[:3]), sums(EXPERIMENT_SUMS, users[3:])
    )
    expected = ends([(u["numerator"], u["denominator"]) for u in users])
    assert (found["value_low"], found["value_high"]) == pytest.approx(expected)


def test_the_values_of_a_plan_are_means_and_a_weighted_mean() -> None:
    users: list[User] = [
        dict(weight=w, weighted_outcome=w * y, robust_outcome=r) for w, y, r in ((2, 1, 0.5), (0, 0, 0.25), (4, 0, 1), (2, 1, 0))
    ]
    (found,) = asked(PLAN_VALUES, measures_sql(PLAN_VALUES, "t"), sums(PLAN_VALUES, users))
    expected = {
        "ips": ends([(u["weighted_outcome"], 1) for u in users]),
        "snips": ends([(u["weighted_outcome"], u["weight"]) for u in users]),
        "doubly_robust": ends([(u["robust_outcome"], 1) for u in users]),
    }
    for name, interval in expected.items():
        assert (found[f"{name}_low"], found[f"{name}_high"]) == pytest.approx(interval), name


def test_each_arm_of_a_bin_has_the_interval_of_its_own_users() -> None:
    treated, control = [1, 0, 1, 1], [0, 1, 0]
    row: User = dict(n_treated=4, n_control=3, treated_outcome=3, control_outcome=1, treated_outcome_sq=3, control_outcome_sq=1)
    (found,) = asked(UPLIFT_BINS, measures_sql(UPLIFT_BINS, "t"), row)
    for arm, outcomes in (("treated", treated), ("control", control)):
        expected = ends([(outcome, 1) for outcome in outcomes])
        assert (found[f"{arm}_mean_low"], found[f"{arm}_mean_high"]) == pytest.approx(expected)


AMOUNTS = st.integers(0, 50)
ANY_USER = st.fixed_dictionaries(dict.fromkeys(USERS[0], AMOUNTS))


@settings(max_examples=6, deadline=None)
@given(st.lists(ANY_USER, min_size=1, max_size=6), st.integers(0, 6))
def test_however_users_are_put_into_rows_the_intervals_are_the_same(users: list[User], cut: int) -> None:
    gained = [with_gains(user) for user in users]
    parts = [part for part in (gained[:cut], gained[cut:]) if part]
    (apart,) = asked(CAMPAIGN_KPIS, measures_sql(CAMPAIGN_KPIS, "t"), *(sums(CAMPAIGN_KPIS, part) for part in parts))
    for name, (x, y) in RATIOS.items():
        pairs = [(x(u), y(u)) for u in users]
        low, value, high = (apart[f"{name}{end}"] for end in ("_low", "", "_high"))
        if sum(y for _, y in pairs) == 0:
            assert (low, value, high) == (None, None, None), name
        elif low is None:  # users without spread say nothing about spread
            assert ends(pairs) == pytest.approx((value, value), abs=1e-4), name
        else:
            assert (low, high) == pytest.approx(ends(pairs), rel=1e-6, abs=1e-6 * (1 + abs(value))), name
