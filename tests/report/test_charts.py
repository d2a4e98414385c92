"""Charts as Vega-Lite is told them: whose rows, what goes where, how high; and colours that the page knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mapping_spark.report import charts, page
from mapping_spark.report.ask import Answer
from mapping_spark.report.page import specification
from mapping_spark.tables.contract import Table
from mapping_spark.tables.experiments import EXPERIMENT_RESULTS
from mapping_spark.tables.gold import PROMOTIONS
from mapping_spark.tables.ops import TABLE_DRIFT

AXIS = charts.amounts("amount")
STYLE = (Path(page.__file__).parent / "page.css").read_text()


def answer(*labels: str) -> Answer:
    return Answer("measured", "", ("label", "n", "n_low", "n_high"), tuple((label, 1, 0, 2) for label in labels))


def fields(layer: dict[str, Any]) -> dict[str, str]:
    """Channel to field of a layer."""
    return {channel: of["field"] for channel, of in layer["encoding"].items() if "field" in of}


def test_a_chart_names_its_rows_and_does_not_hold_them() -> None:
    for chart in (charts.of(answer("a")).mark_bar(), charts.bars(answer("a"), "label", "n", AXIS)):
        found = specification(chart)
        assert found["data"] == {"name": "measured"}
        assert not {"datasets", "config", "$schema"} & found.keys()


def test_an_interval_is_a_whisker_from_low_to_high_and_a_dot_upon_it() -> None:
    whisker, dot = specification(charts.intervals(answer("a", "b"), "label", "n", AXIS))["layer"]
    assert fields(whisker) == {"y": "label", "x": "n_low", "x2": "n_high"}
    assert fields(dot) == {"y": "label", "x": "n"}
    assert [hint["field"] for hint in dot["encoding"]["tooltip"]] == ["label", "n", "n_low", "n_high"]
    assert whisker["encoding"]["color"] == dot["encoding"]["color"] == {"value": charts.SERIES[0]}


def test_an_origin_is_a_line_at_0_below_the_others() -> None:
    line, whisker, dot = specification(charts.intervals(answer("a"), "label", "n", AXIS, origin=True))["layer"]
    assert line["encoding"] == {"x": {"datum": 0}}
    assert (fields(whisker)["x"], fields(dot)["x"]) == ("n_low", "n")


def test_a_bar_has_its_amount_at_its_end_and_names_keep_the_order_of_the_rows() -> None:
    bar, figure = specification(charts.bars(answer("b", "a"), "label", "n", AXIS))["layer"]
    assert fields(bar) == {"y": "label", "x": "n"}
    assert fields(figure) == {"y": "label", "x": "n", "text": "n"}
    assert bar["encoding"]["y"]["sort"] is None  # Vega would sort by name


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ((), 26),  # room for one
        (("a",), 26),
        (("a", "b"), 2 * 26),
        (("a", "a", "b"), 2 * 26),  # a name stands once
        (("a\nx", "b"), 2 * (26 + 14)),  # a second line of 14 for both
        (("a\nx\ny", "b\nx"), 2 * (26 + 2 * 14)),
    ],
)
def test_a_name_has_its_height_and_each_further_line_adds_to_it(labels: tuple[str, ...], expected: int) -> None:
    found = specification(charts.intervals(answer(*labels), "label", "n", AXIS))
    assert (found["width"], found["height"]) == ("container", expected)


def test_broken_names_are_split_and_stand_in_the_middle_of_their_mark() -> None:
    axis = specification(charts.intervals(answer("a\nx\ny"), "label", "n", AXIS))["layer"][0]["encoding"]["y"]["axis"]
    assert axis["labelExpr"] == "split(datum.label, '\\n')"
    assert axis["labelOffset"] == -2 * 14 / 2
    assert "labelExpr" not in specification(charts.bars(answer("a"), "label", "n", AXIS))["layer"][0]["encoding"]["y"]["axis"]


def test_every_colour_that_is_named_has_a_light_and_a_dark_value() -> None:
    defined = set(re.findall(r"^ +(--[\w-]+): light-dark\(", STYLE, flags=re.MULTILINE))
    sources = [path.read_text() for path in Path(page.__file__).parent.rglob("*") if path.suffix in (".py", ".css", ".html")]
    named = {name for text in sources for name in re.findall(r"var\((--[\w-]+)\)", text)}
    assert named <= defined
    assert {f"--series-{n + 1}" for n in range(len(charts.SERIES))} <= defined


def words_of(table: Table) -> set[str]:
    """The verdicts that a table's check allows."""
    (check,) = (check for check in table.checks if check.name == "known_verdict")
    return set(re.findall(r"'(\w+)'", check.condition))


def test_every_verdict_that_a_table_may_hold_has_its_tone() -> None:
    toned = set(re.findall(r'\.tone:is\(|\[data-tone="(\w+)"\]', STYLE))
    plain = {"free", "no_difference_shown"}  # nothing was limited, nothing was shown
    assert words_of(TABLE_DRIFT) | words_of(PROMOTIONS) | words_of(EXPERIMENT_RESULTS) <= toned | plain
    assert set(charts.TONES) == words_of(TABLE_DRIFT) - plain
