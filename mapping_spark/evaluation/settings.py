"""Settings of the evaluation."""

from __future__ import annotations

import datetime as dt

from pydantic import Field, field_validator

from mapping_spark.config import Section


class EvaluationConfig(Section):
    """What gold.model_metrics is made with."""

    days: int = Field(default=31, ge=1)
    """Business days from the as-of date on in which an interaction is relevant."""
    ks: tuple[int, ...] = Field(default=(5, 10, 20), min_length=1)
    """Cut-offs of the lists."""
    n_replicates: int = Field(default=200, ge=0)
    """Bootstrap replicates behind each 95 % interval; 0 for none."""
    history_bounds: tuple[int, ...] = (100, 400)
    """Segments of users by how many items are known of them: below the first, from there to below the next, and so on."""

    @field_validator("history_bounds")
    @classmethod
    def _leaves_no_segment_empty(cls, bounds: tuple[int, ...]) -> tuple[int, ...]:
        if list(bounds) != sorted(set(bounds)) or min(bounds, default=2) < 2:
            raise ValueError("use ascending numbers from 2 on, so that no segment is empty")
        return bounds

    def until(self, as_of: dt.date) -> dt.date:
        """The day after the last one that counts."""
        return as_of + dt.timedelta(days=self.days)
