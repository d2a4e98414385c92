"""What an experiment says of one metric, in one word and a sentence with the numbers that decided."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

BETTER, WORSE, NO_DIFFERENCE, NO_VERDICT = "better", "worse", "no_difference_shown", "no_verdict"
HELD, BROKEN, NOT_SHOWN = "guardrail_held", "guardrail_broken", "guardrail_not_shown"
VERDICTS = (BETTER, WORSE, NO_DIFFERENCE, NO_VERDICT, HELD, BROKEN, NOT_SHOWN)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word, and why."""

    verdict: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a verdict on one comparison rests on."""

    difference: float
    ci_low: float
    ci_high: float
    p_value: float
    """Adjusted for the comparisons made together."""
    control_value: float
    n_users: int
    n_control_users: int


def blocked(*, has_control: bool, sample_ratio_p: float | None, sample_ratio_level: float) -> Verdict | None:
    """Why no comparison of an experiment can be trusted; None where nothing speaks against it."""
    if not has_control:
        return Verdict(NO_VERDICT, "nobody was held out: without a control there is no effect to see")
    if sample_ratio_p is not None and sample_ratio_p < sample_ratio_level:
        limit = f"p {sample_ratio_p:.2g} below {sample_ratio_level:g}"
        return Verdict(NO_VERDICT, f"sample ratio mismatch, {limit}: users per variant are not as assigned; find out why first")
    return None


def judge(evidence: Evidence, *, higher_is_better: bool, alpha: float) -> Verdict:
    """Whether a difference is shown at the level `alpha`, and whether it is a good one."""
    unjudgeable = _unjudgeable(evidence)
    if unjudgeable:
        return unjudgeable
    numbers = f"{evidence.difference:+.6g} [{evidence.ci_low:.6g}, {evidence.ci_high:.6g}], adjusted p {evidence.p_value:.4g}"
    if not evidence.p_value < alpha:
        return Verdict(NO_DIFFERENCE, f"{numbers}: not below {alpha:g}; the interval holds what may still be true")
    is_good = (evidence.difference > 0) == higher_is_better
    return Verdict(BETTER if is_good else WORSE, f"{numbers}: below {alpha:g}")


def guard(evidence: Evidence, *, margin: float, higher_is_better: bool) -> Verdict:
    """Whether a metric is at most `margin` (a share of the control's value) worse: non-inferiority.

    Held where the whole interval lies on the good side of the margin, broken where it lies on the bad one, else not shown: an
    experiment too small to see harm holds no guardrail.
    """
    unjudgeable = _unjudgeable(evidence)
    if unjudgeable:
        return unjudgeable
    allowed = margin * abs(evidence.control_value)
    worst, best = (-evidence.ci_low, -evidence.ci_high) if higher_is_better else (evidence.ci_high, evidence.ci_low)
    numbers = f"{evidence.difference:+.6g} [{evidence.ci_low:.6g}, {evidence.ci_high:.6g}], may be worse by {allowed:.6g}"
    if worst < allowed:
        return Verdict(HELD, f"{numbers}: harm beyond that is ruled out")
    if best > allowed:
        return Verdict(BROKEN, f"{numbers}: harm beyond that is shown")
    return Verdict(NOT_SHOWN, f"{numbers}: harm beyond that is not ruled out")


def _unjudgeable(evidence: Evidence) -> Verdict | None:
    groups = {"variant": evidence.n_users, "control": evidence.n_control_users}
    small = [f"{n} users in the {name}" for name, n in groups.items() if n < 2]
    if small:
        return Verdict(NO_VERDICT, " and ".join(small))
    if isnan(evidence.ci_low) or isnan(evidence.p_value):
        return Verdict(NO_VERDICT, "the metric does not vary, or its denominator is 0")
    return None
