"""The flow picture: where every delivered record went. Bands as broad as their records, exact numbers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mapping_spark.report.ask import Answer

FATES = {"n_clean": "clean", "n_duplicate": "duplicates", "n_quarantined": "quarantined", "n_late": "late"}
"""Columns of ops.event_accounting, in the order of drawing."""

WIDTH, HEIGHT = 760, 320
_LEFT, _RIGHT, _BAR = 190, 560, 12
_GAP, _LEAST = 34, 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A source at the left or a fate at the right, in units of the picture."""

    name: str
    n: int
    x: float
    y: float
    height: float
    tone: str = ""

    @property
    def middle(self) -> float:
        """Where its label stands."""
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Band:
    """Records of a source that met a fate, as an SVG path."""

    path: str
    tone: str
    title: str


@dataclass(frozen=True)
class Flow:
    """From sources to fates. `answer`: a row per source with n_in and the columns of `FATES`."""

    kind: ClassVar[str] = "flow"
    title: str
    caption: str
    answer: Answer

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Whose query stands below it."""
        return (self.answer,)

    @property
    def height(self) -> float:
        """Units from top to bottom: more sources than fates make it higher, so that every bar and label has its place."""
        return HEIGHT / len(FATES) * self._n_most

    @property
    def scale(self) -> float:
        """Units of height per record: the higher side, with its gaps and thinnest bars, fits."""
        return (self.height - self._n_most * (_GAP + _LEAST)) / max(self.answer.total("n_in"), 1)

    @property
    def _n_most(self) -> int:
        """Bars of the side that has more."""
        return max(len(self.answer.rows), len(FATES))

    @property
    def sources(self) -> list[Bar]:
        """The bars at the left."""
        return self._stacked([(row["source"], row["n_in"], "") for row in self.answer.records], _LEFT - _BAR)

    @property
    def fates(self) -> list[Bar]:
        """The bars at the right."""
        return self._stacked([(name, self.answer.total(column), column) for column, name in FATES.items()], _RIGHT)

    @property
    def bands(self) -> list[Band]:
        """The bands between them, none where no record went that way."""
        used_left = {bar.name: bar.y for bar in self.sources}
        used_right = {bar.tone: bar.y for bar in self.fates}
        found = []
        for row in self.answer.records:
            for column, name in FATES.items():
                if row[column]:
                    thick = max(row[column] * self.scale, _LEAST)
                    start, end = used_left[row["source"]], used_right[column]
                    used_left[row["source"]], used_right[column] = start + row[column] * self.scale, end + row[column] * self.scale
                    found.append(Band(_ribbon(start, end, thick), column, f"{row['source']} to {name}: {row[column]:,}"))
        return found

    def _stacked(self, parts: Sequence[tuple[str, int, str]], x: float) -> list[Bar]:
        bars: list[Bar] = []
        y = _GAP / 2
        for name, n, tone in parts:
            height = max(n * self.scale, _LEAST)
            bars.append(Bar(name, n, x, y, height, tone))
            y += height + _GAP
        return bars


def _ribbon(start: float, end: float, thick: float) -> str:
    """A band from the left bar at height `start` to the right one at `end`."""
    middle = (_LEFT + _RIGHT) / 2
    there = f"M{_LEFT},{start:.1f} C{middle},{start:.1f} {middle},{end:.1f} {_RIGHT},{end:.1f}"
    back = f"L{_RIGHT},{end + thick:.1f} C{middle},{end + thick:.1f} {middle},{start + thick:.1f} {_LEFT},{start + thick:.1f} Z"
    return f"{there} {back}"
