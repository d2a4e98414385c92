"""A picture of nothing is refused, whatever the reason that nothing is left."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
import pytest
from matplotlib.figure import Figure

from mapping_spark.errors import ContractError
from mapping_spark.evaluation import pictures


def shares(*rows: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["model", "other", "jaccard"])


def items(*rows: tuple[str, int, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["model", "item_idx", "n_users", "n_shown"])


def measured(value: float) -> pd.DataFrame:
    row = ("all_items", "ndcg", 10, "all", "als", value, math.nan, math.nan)
    return pd.DataFrame([row], columns=["protocol", "metric", "k", "segment", "model", "value", "ci_low", "ci_high"])


@pytest.mark.parametrize(
    ("draw", "n_rows"),
    [
        (lambda: pictures.overlap(shares()), 0),
        (lambda: pictures.overlap(shares(("als", "als", 1.0))), 1),  # a model with itself says nothing
        (lambda: pictures.overlap(shares(("als", "repeat", math.nan), ("als", "als", 1.0))), 2),
        (lambda: pictures.popularity_against_exposure(items(("als", 1, 0, 0), ("als", 2, 0, 0))), 2),  # none shown, none chosen
        (lambda: pictures.metric_by_model(measured(math.nan)), 1),
        (lambda: pictures.metric_against_k(measured(math.nan)), 1),
        (lambda: pictures.paired_differences(measured(math.nan), "repeat"), 1),
    ],
)
def test_nothing_to_draw_is_refused(draw: Callable[[], Figure], n_rows: int) -> None:
    with pytest.raises(ContractError, match=f"nothing to draw in {n_rows} rows; expected at least one value. Look at the filters."):
        draw()


def test_a_pair_that_lacks_is_blank_and_one_share_is_enough() -> None:
    figure = pictures.overlap(shares(("als", "repeat", 0.25), ("repeat", "tfidf", math.nan)))
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts[1:]] == ["0.25"]


def test_choices_alone_are_a_curve_where_no_model_shows_anything() -> None:
    figure = pictures.popularity_against_exposure(items(("als", 1, 1, 0), ("als", 2, 3, 0)))
    (axes,) = figure.axes
    # the less chosen item has 1/4 of the choices: 1 - ((0 + 1/4) + (1/4 + 1)) / 2
    assert [str(line.get_label()) for line in axes.lines[1:]] == ["users' choices  Gini 0.25"]
