"""What stands in each picture of a tiny frame, and what is refused. Nothing is compared pixel by pixel."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mapping_spark.errors import ConfigError, ContractError
from mapping_spark.evaluation import pictures
from mapping_spark.evaluation.pictures import COLOURS, GREY, looks
from mapping_spark.tables.gold import MODEL_METRICS

VALUES = {"als": 0.3, "popularity": 0.2, "tfidf": 0.1}


def metrics(*changes: dict[str, Any]) -> pd.DataFrame:
    """Three models, once for each change: rows as in gold.model_metrics."""
    same = dict(run_id="r", protocol="all_items", metric="ndcg", k=10, segment="all", as_of_date=dt.date(2024, 3, 1))
    ends = [dict(model=m, value=v, ci_low=v - 0.01, ci_high=v + 0.02, n_users=1_200, n_users_skipped=0) for m, v in VALUES.items()]
    frame = pd.DataFrame([same | end | change for change in changes or ({},) for end in ends])
    assert set(frame.columns) == set(MODEL_METRICS.column_names)
    return frame


def axes_of(figure: Figure) -> Axes:
    (axes,) = figure.axes
    figure.canvas.draw()  # sets the labels of the ticks
    return axes


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def ticks(axes: Axes, which: str) -> list[str]:
    return [label.get_text() for label in getattr(axes, f"get_{which}ticklabels")()]


def data(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """The points of each model's line."""
    return {str(line.get_label()): [tuple(point) for point in line.get_xydata().tolist()] for line in axes.lines}  # type: ignore[union-attr]


ITEMS = pd.DataFrame(
    [dict(model="als", item_idx=item, n_users=1, n_shown=shown) for item, shown in enumerate([0, 0, 4, 4])]
    + [dict(model="popularity", item_idx=item, n_users=1, n_shown=shown) for item, shown in enumerate([0, 0, 0, 8])]
)
SHARES = pd.DataFrame([("als", "tfidf", 0.25), ("tfidf", "popularity", 0.5)], columns=["model", "other", "jaccard"])
PICTURES: dict[str, Callable[[], Figure]] = {
    "metric_by_model": lambda: pictures.metric_by_model(metrics()),
    "metric_against_k": lambda: pictures.metric_against_k(metrics(dict(k=5), dict(k=10))),
    "metric_by_segment": lambda: pictures.metric_by_segment(metrics(dict(segment="short"), dict(segment="long"))),
    "rolling_origin": lambda: pictures.rolling_origin(metrics(*(dict(as_of_date=dt.date(2024, month, 1)) for month in (1, 2, 3)))),
    "popularity_against_exposure": lambda: pictures.popularity_against_exposure(ITEMS),
    "overlap": lambda: pictures.overlap(SHARES),
    "paired_differences": lambda: pictures.paired_differences(metrics(), "repeat", margin=0.15),
}


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_a_png_with_a_title(name: str, tmp_path: Path) -> None:
    figure = PICTURES[name]()
    figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert axes_of(figure).get_title(loc="left").strip()


def test_models_are_sorted_with_their_value_and_the_best_baseline_marked() -> None:
    axes = axes_of(PICTURES["metric_by_model"]())
    assert ticks(axes, "y") == ["tfidf", "popularity", "als"]  # the best on top
    assert [text for text in texts(axes) if text.startswith("0.")] == ["0.100", "0.200", "0.300"]
    *dots, dashed = axes.lines
    assert [float(dot.get_xdata()[0]) for dot in dots] == [0.1, 0.2, 0.3]  # type: ignore[index,arg-type]
    assert [dot.get_markeredgecolor() for dot in dots] == [COLOURS[1], GREY, COLOURS[0]]
    assert list(dashed.get_xdata()) == [0.2, 0.2]  # type: ignore[arg-type]
    whiskers = [segment.tolist() for lines in axes.collections for segment in lines.get_segments()]  # type: ignore[attr-defined]
    assert [[x for x, _ in ends] for ends in whiskers] == pytest.approx(np.array([[0.09, 0.12], [0.19, 0.22], [0.29, 0.32]]))
    assert axes.get_ylim() == (-0.6, 2.6)


def test_a_metric_without_an_interval_is_a_dot_and_one_without_a_value_is_left_out() -> None:
    frame = metrics()
    frame.loc[frame["model"] == "als", ["ci_low", "ci_high"]] = math.nan
    frame.loc[frame["model"] == "tfidf", "value"] = math.nan
    axes = axes_of(pictures.metric_by_model(frame))
    assert ticks(axes, "y") == ["popularity", "als"]
    assert len(axes.collections) == 1


def test_lines_over_k_carry_their_names() -> None:
    axes = axes_of(PICTURES["metric_against_k"]())
    assert ticks(axes, "x") == ["5", "10"]
    lines = data(axes)
    assert set(lines) == set(VALUES)
    assert lines["popularity"] == pytest.approx(np.array([(math.log2(5), 0.2), (math.log2(10), 0.2)]))  # the middle one: not moved aside
    assert texts(axes)[1:] == ["als", "popularity", "tfidf"]


def test_segments_keep_the_order_of_the_frame_and_show_their_users() -> None:
    axes = axes_of(PICTURES["metric_by_segment"]())
    assert ticks(axes, "x") == ["short\n1,200 users", "long\n1,200 users"]
    assert [x for x, _ in data(axes)["popularity"]] == [0, 1]


def test_an_origin_per_date_with_a_band_per_model() -> None:
    axes = axes_of(PICTURES["rolling_origin"]())
    assert ticks(axes, "x") == ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert [[x - points[0][0] for x, _ in points] for points in data(axes).values()] == [[0, 31, 60]] * 3
    band = axes.collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == pytest.approx((0.29, 0.32))


def test_lorenz_curves_and_their_gini() -> None:
    axes = axes_of(PICTURES["popularity_against_exposure"]())
    lines = data(axes)
    assert lines["als  Gini 0.50"] == [(0, 0), (0.25, 0), (0.5, 0), (0.75, 0.5), (1, 1)]
    # 1 - (0 + 0 + 0.5 + 1.5) / 4 and 1 - (0 + 0 + 0 + 1) / 4
    assert list(lines)[1:] == ["users' choices  Gini 0.00", "als  Gini 0.50", "popularity  Gini 0.75"]
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 1), (0, 1))


def test_each_pair_stands_once_whichever_way_it_is_given() -> None:
    axes = axes_of(PICTURES["overlap"]())
    assert (ticks(axes, "x"), ticks(axes, "y")) == (["als", "popularity"], ["popularity", "tfidf"])
    cells = {text.get_position(): text.get_text() for text in axes.texts[1:]}
    assert cells == {(0, 1): "0.25", (1, 1): "0.50"}  # als with tfidf, popularity with tfidf


def test_a_difference_is_filled_where_it_excludes_0() -> None:
    names = ["metric", "k", "model", "value", "ci_low", "ci_high"]
    frame = pd.DataFrame([("ndcg", 10, "a", 0.1, 0.05, 0.2), ("ndcg", 10, "b", -0.1, -0.2, 0.1)], columns=names)
    axes = axes_of(pictures.paired_differences(frame, "repeat", margin=0.02))
    zero, below, above = axes.lines
    assert list(zero.get_xdata()) == [0, 0]  # type: ignore[arg-type]
    assert (below.get_markerfacecolor(), above.get_markerfacecolor()) == ("white", COLOURS[0])
    assert axes.patches[0].get_extents().transformed(axes.transData.inverted()).intervalx == pytest.approx((-0.02, 0.02))
    assert axes.get_title(loc="left").startswith("ndcg@10 minus that of repeat")


def test_looks_follow_the_names_and_differ() -> None:
    names = [f"m{number}" for number in range(14)] + ["popularity"]
    assert looks(names) == looks(reversed(names))  # type: ignore[arg-type]
    assert len(set(looks(names).values())) == 15
    assert looks(["popularity", "als"])["popularity"].colour == GREY


@pytest.mark.parametrize("heights", [[0.5, 0.5, 0.5], [0.99, 1.0, 0.98], [0.0, 0.01, 0.9]])
def test_labels_are_moved_apart_in_their_order(heights: list[float]) -> None:
    moved = pictures._apart(np.array(heights), 0.05)
    order = np.argsort(heights, kind="stable")
    assert (np.diff(moved[order]) >= 0.05 - 1e-12).all()
    assert moved.min() >= 0
    assert moved.max() <= 1


@pytest.mark.parametrize(
    ("draw", "found"),
    [
        (lambda: pictures.metric_by_model(metrics().drop(columns="ci_low")), "a frame without ['ci_low']"),
        (lambda: pictures.metric_by_model(metrics(dict(k=5), dict(k=10))), "several values {'k': [5, 10]}"),
        (lambda: pictures.metric_by_model(metrics(dict(run_id="a"), dict(run_id="b"))), "3 rows again with the same ['model']"),
        (lambda: pictures.rolling_origin(metrics().iloc[:0]), "nothing to draw in 0 rows"),
    ],
)
def test_a_frame_that_one_picture_cannot_show_is_refused(draw: Callable[[], Figure], found: str) -> None:
    with pytest.raises(ContractError) as fault:
        draw()
    assert found in str(fault.value)


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ConfigError, match="margin = -1"):
        pictures.paired_differences(metrics(), "repeat", margin=-1)
