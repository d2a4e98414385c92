"""Where a search may look for a model's settings."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values, each as likely."""

    values: tuple[Any, ...]

    def draw(self, rng: random.Random) -> Any:
        """A value."""
        return rng.choice(self.values)


@dataclass(frozen=True, slots=True)
class Span:
    """A number from `low` to `high`; with `low` above 0, each octave is as likely."""

    low: float
    high: float

    def draw(self, rng: random.Random) -> float:
        """A number, rounded to 4 significant digits; a whole one where both ends are."""
        share = rng.random()
        drawn = self.low * (self.high / self.low) ** share if self.low > 0 else self.low + (self.high - self.low) * share
        return round(drawn) if isinstance(self.low, int) and isinstance(self.high, int) else float(f"{drawn:.4g}")


Space = Mapping[str, Choice | Span]
"""What may be drawn, by the name of the setting; what is not in it keeps its default."""
