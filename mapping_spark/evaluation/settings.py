"""Settings of the evaluation."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

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

    def until(self, as_of: dt.date) -> dt.date:
        """The day after the last one that counts."""
        return as_of + dt.timedelta(days=self.days)
