"""Charts in one look (Vega-Lite by Altair). Colours are the page's own CSS variables, so that a chart follows its theme."""

from __future__ import annotations

from typing import Any

import altair as alt

from mapping_spark.report.ask import Answer

INK, MUTED, LINE = "var(--ink)", "var(--muted)", "var(--line)"
SERIES = tuple(f"var(--series-{n})" for n in range(1, 6))
"""Told apart by colour-blind readers and at 3:1 against either background; shapes or places repeat what they say."""

TONES = {"kept": "var(--good)", "warn": "var(--warn)", "stop": "var(--bad)"}
"""Colours of verdicts."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

CONFIG: dict[str, Any] = {
    "aria": False,  # a chart is one picture with a description; its numbers stand in the table
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


def amounts(axis_title: str, number_format: str = ",~f") -> alt.Axis:
    """A horizontal axis of amounts with quiet grid lines."""
    return alt.Axis(title=axis_title, format=number_format, grid=True, tickCount=5)


def names(width: int = 190) -> alt.Axis:
    """A vertical axis of names, as long as there is room."""
    return alt.Axis(title=None, labelColor=INK, labelLimit=width)


def intervals(answer: Answer, label: str, value: str, axis: alt.Axis, colour: Any = None) -> alt.LayerChart:
    """A dot per row with a whisker from `<value>`'s low to its high end, in the rows' order.

    The answer names the ends `<value>_low` and `<value>_high`; a row without them is a dot alone.
    """
    y = alt.Y(f"{label}:N", sort=None, axis=names())
    tint = colour if colour is not None else alt.value(SERIES[0])
    whisker = of(answer).mark_rule(strokeWidth=2, opacity=0.55).encode(y=y, x=alt.X(f"{value}_low:Q", axis=axis), x2=f"{value}_high:Q")
    hint = [alt.Tooltip(f"{label}:N"), *(alt.Tooltip(f"{name}:Q", format=",.4~f") for name in (value, f"{value}_low", f"{value}_high"))]
    dot = of(answer).mark_point(filled=True, opacity=1, size=80).encode(y=y, x=alt.X(f"{value}:Q"), tooltip=hint)
    return sized(alt.layer(whisker.encode(color=tint), dot.encode(color=tint)), alt.Step(26))


def bars(answer: Answer, label: str, value: str, axis: alt.Axis, colour: str = SERIES[0]) -> alt.LayerChart:
    """A bar per row with its amount at its end, in the rows' order."""
    y = alt.Y(f"{label}:N", sort=None, axis=names(130))
    hint = [alt.Tooltip(f"{label}:N"), alt.Tooltip(f"{value}:Q", format=",")]
    bar = of(answer).mark_bar(color=colour, cornerRadiusEnd=2, height={"band": 0.68}).encode(y=y, x=alt.X(f"{value}:Q", axis=axis), tooltip=hint)
    figure = of(answer).mark_text(align="left", dx=6).encode(y=y, x=f"{value}:Q", text=alt.Text(f"{value}:Q", format=","))
    return sized(alt.layer(bar, figure), alt.Step(24))


def sized(chart: Any, height: Any) -> Any:
    """As wide as its place on the page."""
    return chart.properties(width="container", height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
