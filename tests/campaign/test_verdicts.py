"""The word for each case, at its boundaries, and a reason that holds the numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mapping_spark.campaign.verdicts import Evidence, blocked, guard, judge


def evidence(**facts: Any) -> Evidence:
    """0.2 more than the control's 1, give or take 0.1, of 50 users each."""
    known = {"difference": 0.2, "ci_low": 0.1, "ci_high": 0.3, "p_value": 0.01, "control_value": 1.0, "n_users": 50, "n_control_users": 50}
    return Evidence(**(known | facts))


@pytest.mark.parametrize(
    ("facts", "higher_is_better", "word"),
    [
        ({}, True, "better"),
        ({}, False, "worse"),
        ({"difference": -0.2, "ci_low": -0.3, "ci_high": -0.1}, True, "worse"),
        ({"difference": -0.2, "ci_low": -0.3, "ci_high": -0.1}, False, "better"),
        ({"p_value": 0.05}, True, "no_difference_shown"),  # the level itself shows nothing
        ({"p_value": 0.0499}, True, "better"),
        ({"p_value": 1.0}, False, "no_difference_shown"),
        ({"n_users": 1}, True, "no_verdict"),
        ({"n_users": 2, "n_control_users": 2}, True, "better"),
        ({"ci_low": math.nan}, True, "no_verdict"),
        ({"p_value": math.nan}, True, "no_verdict"),
    ],
)
def test_a_difference_is_judged_by_its_adjusted_p_value(facts: dict[str, Any], higher_is_better: bool, word: str) -> None:
    assert judge(evidence(**facts), higher_is_better=higher_is_better, alpha=0.05).verdict == word


@pytest.mark.parametrize(
    ("low", "high", "higher_is_better", "word"),
    [
        # The control has 2, a tenth of it may be lost: 0.2.
        (-0.19, 0.5, True, "guardrail_held"),
        (-0.2, 0.5, True, "guardrail_not_shown"),  # the margin itself is not ruled out
        (-0.5, -0.2, True, "guardrail_not_shown"),
        (-0.5, -0.21, True, "guardrail_broken"),
        (0.3, 0.5, True, "guardrail_held"),
        (0.1, 0.19, False, "guardrail_held"),
        (0.1, 0.2, False, "guardrail_not_shown"),
        (0.2, 0.5, False, "guardrail_not_shown"),
        (0.21, 0.5, False, "guardrail_broken"),
        (-0.5, -0.3, False, "guardrail_held"),
        (-math.inf, math.inf, True, "guardrail_not_shown"),
    ],
)
def test_a_guardrail_is_judged_by_the_whole_interval(low: float, high: float, higher_is_better: bool, word: str) -> None:
    seen = evidence(ci_low=low, ci_high=high, control_value=2.0)
    assert guard(seen, margin=0.1, higher_is_better=higher_is_better).verdict == word


def test_the_margin_is_a_share_of_the_size_of_the_control() -> None:
    # Of a profit of -2 the same 0.2 may be lost as of one of 2; without a margin nothing may.
    lost = evidence(difference=-0.1, ci_low=-0.15, ci_high=-0.05, control_value=-2.0)
    assert guard(lost, margin=0.1, higher_is_better=True).verdict == "guardrail_held"
    assert guard(lost, margin=0.0, higher_is_better=True).verdict == "guardrail_broken"


def test_a_guardrail_needs_two_users_and_an_interval_too() -> None:
    assert (
        guard(evidence(n_users=1, n_control_users=0), margin=1, higher_is_better=True).reason
        == "1 users in the variant and 0 users in the control"
    )
    assert guard(evidence(ci_low=math.nan), margin=1, higher_is_better=True).verdict == "no_verdict"


def test_a_reason_holds_the_numbers_that_decided() -> None:
    assert judge(evidence(), higher_is_better=True, alpha=0.05).reason == "+0.2 [0.1, 0.3], adjusted p 0.01: below 0.05"
    shown = judge(evidence(p_value=0.25), higher_is_better=True, alpha=0.1).reason
    assert shown == "+0.2 [0.1, 0.3], adjusted p 0.25: not below 0.1; the interval holds what may still be true"
    assert (
        guard(evidence(), margin=0.05, higher_is_better=False).reason == "+0.2 [0.1, 0.3], may be worse by 0.05: harm beyond that is shown"
    )


@pytest.mark.parametrize(
    ("has_control", "p_value", "reason"),
    [
        (True, None, None),  # nobody declared shares: no check
        (True, 0.001, None),  # the level itself passes
        (True, 0.0009, "sample ratio mismatch, p 0.0009 below 0.001: users per variant are not as assigned; find out why first"),
        (False, 0.0, "nobody was held out: without a control there is no effect to see"),
    ],
)
def test_what_bars_every_verdict(has_control: bool, p_value: float | None, reason: str | None) -> None:
    found = blocked(has_control=has_control, sample_ratio_p=p_value, sample_ratio_level=0.001)
    assert (found and found.reason) == reason
    assert found is None or found.verdict == "no_verdict"
