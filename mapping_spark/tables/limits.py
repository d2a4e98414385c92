"""What a table promises about its data beyond single rows: limits on measures of its profile. Loads no pyspark."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass

from mapping_spark.errors import ConfigError

MEASURES: dict[str, str] = {
    "n_rows": "Rows.",
    "row_change": "Rows divided by those of the previous profile, less 1.",
    "null_share": "Share of rows in which the column is null.",
    "freshness_days": "Days from the column's latest date to the date of the run.",
    "psi": "Population stability index of the column's histogram.",
    "js": "Jensen-Shannon distance of the column's histogram, base 2.",
    "chi2": "Chi-square statistic of the column's histogram.",
    "chi2_p": "p-value of that statistic: how likely so much difference is by chance. It falls as drift grows.",
}
"""Everything a limit can be put on, by name."""

OF_THE_TABLE = frozenset({"n_rows", "row_change"})
"""Measures of the table as a whole; the others need a column."""

OF_HISTOGRAMS = frozenset({"psi", "js", "chi2", "chi2_p"})
"""Measures of a column whose values are counted in bins, each against a baseline."""

OF_TIMES = frozenset({"freshness_days"})
"""Measures of a date or a timestamp."""

BREACHES = ("warn", "stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bound on a measure. Outside it a run warns or stops, after the rows that show it have been written."""

    measure: str
    column: str = ""
    at_least: float | None = None
    at_most: float | None = None
    breach: str = "warn"

    def __post_init__(self) -> None:
        _known(self.measure, MEASURES, f"a limit on {self.measure!r}", "measure")
        _known(self.breach, BREACHES, f"the limit on {self.measure}", "breach")
        if self.at_least is None and self.at_most is None:
            raise ConfigError(f"the limit on {self.measure}", "no bound", "at_least, at_most or both", "Add a bound.")
        if bool(self.column) == (self.measure in OF_THE_TABLE):
            expected = "no column" if self.column else "a column"
            raise ConfigError(f"the limit on {self.measure}", f"the column {self.column!r}", expected, "Mend the limit.")

    def holds(self, value: float) -> bool:
        """Whether the value lies within the bounds; both belong to what is allowed."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        bounds = {"at least": self.at_least, "at most": self.at_most}
        return " and ".join(f"{name} {bound:g}" for name, bound in bounds.items() if bound is not None)

    def refuse_misfit(self, table: str, *, columns: Collection[str], counted: Collection[str], times: Collection[str]) -> None:
        """Raise `ConfigError` where the table has no such column, or one that the measure cannot be taken of.

        `counted` are its columns with a histogram, `times` its dates and timestamps.
        """
        where = f"table {table}, the limit on {self.measure}"
        if self.column:
            _known(self.column, columns, where, "column")
        for measures, fitting, kind in ((OF_HISTOGRAMS, counted, "a histogram"), (OF_TIMES, times, "dates or times")):
            if self.measure in measures and self.column not in fitting:
                raise ConfigError(where, f"the column {self.column!r}", f"one with {kind}: {sorted(fitting)}", "Choose one of them.")


def _known(name: str, known: Collection[str], where: str, kind: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Choose a declared {kind}."
        raise ConfigError(where, f"no {kind} {name!r}", f"one of {list(known)}", hint)
