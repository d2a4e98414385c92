"""Before an experiment: how many users it needs, for how long it runs, and how small an effect it can see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from mapping_spark.campaign.effects import SIGNIFICANCE
from mapping_spark.campaign.moments import Moments, cuped
from mapping_spark.errors import ConfigError

POWER = 0.8
"""Chance that an effect of the planned size is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One variant against the control, judged by a two-sided z-test of a metric that spreads as it did in the past.

    (z of alpha / 2 + z of power)^2 x variance = effect^2 x users x control_share x (1 - control_share) (Lachin 1981). The chance to
    find the effect on its wrong side is left out: it is below 10^-4 for a power of a half or more.
    """

    deviation: float
    """Standard deviation over users, in the metric's unit (of its linearisation, for a ratio)."""
    control_share: float = 0.5
    """Share of the two groups' users who are held out."""
    alpha: float = SIGNIFICANCE
    """Two-sided; divide it by the number of comparisons."""
    power: float = POWER
    """Chance of finding the effect."""

    def __post_init__(self) -> None:
        shares = {"control_share": self.control_share, "alpha": self.alpha, "power": self.power}
        wrong = [f"{name} = {value:g}" for name, value in shares.items() if not 0 < value < 1]
        if wrong or not self.deviation > 0:
            found = ", ".join(wrong) or f"a deviation of {self.deviation:g}"
            raise ConfigError("an experiment's plan", found, "shares within 0 and 1, and a metric that varies", "Mend it.")

    def users(self, effect: float) -> int:
        """Users of both groups that an effect (difference, in the metric's unit) asks for."""
        if not abs(effect) > 0:
            raise ConfigError("an experiment's plan", f"an effect of {effect:g}", "a difference other than 0", "Say what is worth finding.")
        return math.ceil((self._of_one_user / effect) ** 2)

    def smallest_effect(self, n_users: int) -> float:
        """The smallest difference (in the metric's unit) that so many users of both groups show with the wanted power."""
        return self._of_one_user / math.sqrt(n_users)

    @property
    def _of_one_user(self) -> float:
        """The effect for which one user would be enough, by the formula; it falls with the root of the users."""
        reach = float(stats.norm.isf(self.alpha / 2) + stats.norm.ppf(self.power))
        return reach * self.deviation / math.sqrt(self.control_share * (1 - self.control_share))

    def days(self, effect: float, users_by_day: Sequence[int], share: float = 1.0) -> int:
        """Days until enough users are there: `users_by_day` counts those of the past who were new on each day of such a period.

        `share` of them take part. Raises `ConfigError` where they never suffice.
        """
        needed, seen = self.users(effect), 0.0
        for day, n_new in enumerate(users_by_day, start=1):
            seen += n_new * share
            if seen >= needed:
                return day
        fix = "Plan for a larger effect, a longer time or a larger share."
        raise ConfigError("an experiment's plan", f"{seen:,.0f} users in {len(users_by_day)} days", f"{needed:,} users", fix)


def plan_from(past: Moments, *, control_share: float = 0.5, alpha: float = SIGNIFICANCE, power: float = POWER) -> Plan:
    """A plan from the sums of a past period; what the covariate explains there, CUPED will take away."""
    theta = cuped([past]).theta
    deviation = past.standard_error(theta) * math.sqrt(past.n_users)
    return Plan(deviation=deviation, control_share=control_share, alpha=alpha, power=power)
