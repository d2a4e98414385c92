"""A table's profile against earlier ones and against its declared limits. Small numbers only; loads no pyspark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mapping_spark.tables.distances import chi_square, jensen_shannon_distance, population_stability_index
from mapping_spark.tables.limits import Limit

FREE, KEPT, WARN, STOP = "free", "kept", "warn", "stop"

Bins = Mapping[tuple[str, str], int]
"""Kind and bin to rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A table's profile as of a date: rows, and by column the nulls, the age of the latest value and the histogram."""

    as_of: dt.date
    n_rows: int
    n_nulls: Mapping[str, int]
    freshness_days: Mapping[str, int]
    bins: Mapping[str, Bins]


@dataclass(frozen=True, slots=True)
class Reading:
    """One measure of a column (of the whole table: `column` is empty), against a baseline where it needs one."""

    column: str
    measure: str
    value: float
    baseline: str = "none"
    baseline_date: dt.date | None = None

    def verdict(self, limits: Sequence[Limit]) -> tuple[str, str | None]:
        """The worst that the limits on this measure say, and the bounds that were left (where none was, all of them)."""
        mine = [limit for limit in limits if (limit.measure, limit.column) == (self.measure, self.column)]
        broken = [limit for limit in mine if not limit.holds(self.value)]
        bounds = "; ".join(str(limit) for limit in broken or mine) or None
        if broken:
            return STOP if any(limit.breach == STOP for limit in broken) else WARN, bounds
        return KEPT if mine else FREE, bounds


def readings(now: Snapshot, previous: Snapshot | None, reference: Snapshot | None) -> Iterator[Reading]:
    """Every measure that can be taken: shares need rows, distances need a baseline with the same column."""
    yield Reading("", "n_rows", now.n_rows)
    for column, n_nulls in now.n_nulls.items() if now.n_rows else ():
        yield Reading(column, "null_share", n_nulls / now.n_rows)
    for column, days in now.freshness_days.items():
        yield Reading(column, "freshness_days", days)
    if previous is not None and previous.n_rows:
        yield Reading("", "row_change", now.n_rows / previous.n_rows - 1, "previous", previous.as_of)
    for name, baseline in (("previous", previous), ("reference", reference)):
        if baseline is not None:
            for column in sorted(now.bins.keys() & baseline.bins.keys()):
                for measure, value in distances(baseline.bins[column], now.bins[column]).items():
                    yield Reading(column, measure, value, name, baseline.as_of)


def distances(reference: Bins, later: Bins) -> dict[str, float]:
    """Every distance between two histograms over the bins that either has, by the name of its measure."""
    union = sorted(reference.keys() | later.keys())
    counts = [reference.get(key, 0) for key in union], [later.get(key, 0) for key in union]
    test = chi_square(*counts)
    return {
        "psi": population_stability_index(*counts),
        "js": jensen_shannon_distance(*counts),
        "chi2": test.statistic,
        "chi2_p": test.p_value,
    }
