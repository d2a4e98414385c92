"""Charts in one look (Vega-Lite by Altair). Colours are the page's own CSS variables, so that a chart follows its theme."""

from __future__ import annotations

from typing import Any, TypeVar

import altair as alt

from mapping_spark.report.ask import Answer

Picture = TypeVar("Picture", alt.Chart, alt.LayerChart)

INK, MUTED, LINE = "var(--ink)", "var(--muted)", "var(--line)"
SERIES = tuple(f"var(--series-{n})" for n in range(1, 6))
"""Told apart by colour-blind readers and at 3:1 against either background; shapes or places repeat what they say."""

TONES = {"kept": "var(--good)", "warn": "var(--warn)", "stop": "var(--bad)"}
"""Colours of verdicts."""

_LINE = 14
"""Pixels from one line of a name to the next."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": _FONT,
    "view": {"stroke": None},
    "padding": {"left": 0, "right": 8, "top": 6, "bottom": 4},
    "axis": {
        "domain": False,
        "grid": False,
        "gridColor": LINE,
        "labelColor": MUTED,
        "labelFontSize": 12,
        "labelLimit": 190,
        "labelPadding": 8,
        "ticks": False,
        "titleColor": MUTED,
        "titleFontSize": 12,
        "titleFontWeight": 400,
        "titlePadding": 12,
    },
    "legend": {"labelColor": INK, "labelFontSize": 12, "orient": "top", "symbolSize": 90, "title": None, "titleColor": MUTED},
    "text": {"color": INK, "fontSize": 12},
    "title": {"anchor": "start", "color": INK, "fontSize": 13, "fontWeight": 600, "offset": 10},
}
"""What all charts share; passed to every one of them on the page."""


def of(answer: Answer) -> alt.Chart:
    """A chart of an answer's rows, which it names and does not hold."""
    return alt.Chart(alt.NamedData(answer.name))


def layered(answer: Answer, *layers: alt.Chart) -> alt.LayerChart:
    """Layers (of no data of their own) over an answer's rows."""
    return alt.LayerChart(data=alt.NamedData(answer.name), layer=list(layers))


def amounts(axis_title: str, number_format: str = ",~f") -> alt.Axis:
    """A horizontal axis of amounts with quiet grid lines."""
    return alt.Axis(title=axis_title, format=number_format, grid=True, tickCount=5)


def names(width: int = 200, lines: int = 1) -> alt.Axis:
    """A vertical axis of names, as long as there is room; names with line breaks stand on so many `lines`."""
    broken = alt.Undefined if lines == 1 else "split(datum.label, '\\n')"
    return alt.Axis(title=None, labelColor=INK, labelLimit=width, labelExpr=broken, labelOffset=_LINE * (1 - lines) / 2)


def intervals(answer: Answer, label: str, value: str, axis: alt.Axis, colour: Any = None, *, origin: bool = False) -> alt.LayerChart:
    """A dot per row with a whisker from `<value>`'s low to its high end, in the rows' order; labels may hold line breaks.

    The answer names the ends `<value>_low` and `<value>_high`; a row without them is a dot alone.
    `origin` draws a dashed line at 0, for differences and returns.
    """
    lines = 1 + max((str(name).count("\n") for name in answer.values(label)), default=0)
    y = alt.Y(f"{label}:N", sort=None, axis=names(lines=lines))
    tint = colour if colour is not None else alt.value(SERIES[0])
    whisker = alt.Chart().mark_rule(strokeWidth=2, opacity=0.55).encode(y=y, x=alt.X(f"{value}_low:Q", axis=axis), x2=f"{value}_high:Q")
    hint = [alt.Tooltip(f"{label}:N"), *(alt.Tooltip(f"{name}:Q", format=",.4~f") for name in (value, f"{value}_low", f"{value}_high"))]
    dot = alt.Chart().mark_point(filled=True, opacity=1, size=80).encode(y=y, x=alt.X(f"{value}:Q"), tooltip=hint)
    layers = [whisker.encode(color=tint), dot.encode(color=tint)]
    if origin:
        layers.insert(0, alt.Chart().mark_rule(color=INK, strokeDash=[3, 3]).encode(x=alt.datum(0)))
    return sized(layered(answer, *layers), height(answer, label, 26 + _LINE * (lines - 1)))


def bars(answer: Answer, label: str, value: str, axis: alt.Axis, colour: str = SERIES[0]) -> alt.LayerChart:
    """A bar per row with its amount at its end, in the rows' order."""
    y = alt.Y(f"{label}:N", sort=None, axis=names())
    hint = [alt.Tooltip(f"{label}:N"), alt.Tooltip(f"{value}:Q", format=",")]
    bar = (
        alt.Chart()
        .mark_bar(color=colour, cornerRadiusEnd=2, height={"band": 0.68})
        .encode(y=y, x=alt.X(f"{value}:Q", axis=axis), tooltip=hint)
    )
    figure = alt.Chart().mark_text(align="left", dx=6).encode(y=y, x=f"{value}:Q", text=alt.Text(f"{value}:Q", format=","))
    return sized(layered(answer, bar, figure), height(answer, label, 24)).properties(
        padding={"left": 0, "right": 44, "top": 6, "bottom": 4}
    )


def height(answer: Answer, label: str, step: int) -> int:
    """Pixels of a vertical axis with `step` for each name."""
    return step * max(len(set(answer.values(label))), 1)


def sized(chart: Picture, height: int) -> Picture:
    """As wide as its place on the page."""
    return chart.properties(width="container", height=height)
