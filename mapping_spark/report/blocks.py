"""What a section is made of. A block holds answers and says how they are shown; `page.html` draws each kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import altair as alt

from mapping_spark.console import interval
from mapping_spark.report.ask import Answer

DASH = "–"

Show = Callable[..., str]
"""From a column's values to the text of a cell."""


def text(value: Any) -> str:
    """As it is; a dash for null."""
    return DASH if value is None else str(value)


def count(value: float | None) -> str:
    """`1,469,307`."""
    return DASH if value is None else f"{value:,.0f}"


def decimals(digits: int) -> Show:
    """A number with separators and so many decimals."""
    return lambda value: DASH if value is None else f"{value:,.{digits}f}"


def amount(value: float | None) -> str:
    """A count as a count, anything else with four decimals."""
    return count(value) if value is None or value == int(value) else decimals(4)(value)


def share(value: float | None) -> str:
    """A share in [0, 1] as `12.0 %`."""
    return DASH if value is None else f"{100 * value:.1f} %"


def share_interval(value: float | None, low: float | None, high: float | None) -> str:
    """`12.0 % [11.2, 12.8]`."""
    return share(value) if value is None or low is None or high is None else f"{share(value)} [{100 * low:.1f}, {100 * high:.1f}]"


def intervals(digits: int) -> Show:
    """`0.0512 [0.0480, 0.0544]` from value, low and high."""
    return lambda value, low, high: DASH if value is None else interval(value, low, high, digits)


def moment(value: str | None) -> str:
    """An ISO time in UTC as `2017-12-01 09:30:00`."""
    return DASH if value is None else value.removesuffix("Z").replace("T", " ")


def day(value: str | None) -> str:
    """The UTC day of an ISO time."""
    return DASH if value is None else value[:10]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: what is read, and what sorting goes by."""

    text: str
    order: str | float | None
    tone: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a grid: the answer's `fields`, shown together by `show`, sorted by the first."""

    header: str
    fields: tuple[str, ...]
    show: Show = text
    is_number: bool = False
    has_tone: bool = False
    """Whether the value names a tone of the page's colours (`kept`, `warn`, `promoted` and so on)."""

    def cell(self, record: dict[str, Any]) -> Cell:
        """The cell of a row."""
        values = [record[name] for name in self.fields]
        return Cell(self.show(*values), values[0], str(values[0]) if self.has_tone else "")


def number(header: str, *fields: str, show: Show = count) -> Column:
    """A column of numbers, set right."""
    return Column(header, fields, show, is_number=True)


def words(header: str, name: str, show: Show = text) -> Column:
    """A column of text."""
    return Column(header, (name,), show)


@dataclass(frozen=True)
class Grid:
    """A table of an answer's rows that a reader can sort."""

    kind: ClassVar[str] = "grid"
    caption: str
    answer: Answer
    columns: Sequence[Column]

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Whose queries stand below it."""
        return (self.answer,)

    @property
    def cells(self) -> list[list[Cell]]:
        """Row by row."""
        return [[column.cell(record) for column in self.columns] for record in self.answer.records]


@dataclass(frozen=True)
class Chart:
    """One or several pictures side by side. Their data are the answers' (`charts.of`), not copies of them."""

    kind: ClassVar[str] = "chart"
    title: str
    caption: str
    answers: tuple[Answer, ...]
    pictures: Sequence[alt.Chart | alt.LayerChart]
    """Each with a `description`, read aloud in its place."""
    is_wide: bool = True
    """Whether each takes the whole width."""


@dataclass(frozen=True)
class Fact:
    """A number to remember."""

    figure: str
    label: str


@dataclass(frozen=True)
class Facts:
    """A row of them."""

    kind: ClassVar[str] = "facts"
    answers: tuple[Answer, ...]
    facts: Sequence[Fact]


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    lead: str
    """A sentence or two that say what one sees; numbers in it come from the blocks' answers."""
    blocks: Sequence[Any]
    """Grids, charts, facts, and what a section makes for itself: each has a `kind` that `page.html` draws, and `answers`."""
