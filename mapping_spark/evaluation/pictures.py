"""Pictures of an evaluation: each function takes a small pandas frame and gives a matplotlib Figure, to save or to show.

Colours are those of Okabe and Ito 2008, "Color universal design", which colour-blind readers tell apart; a model beyond the
sixth has another line or marker. Baselines are grey, and a model's name stands beside its line. Where a frame is called
"metrics", its columns are those of gold.model_metrics; rows whose value is null are not drawn, nor intervals that are null.
Every function raises `ContractError` where columns lack, nothing is left to draw, or a frame mixes what one picture cannot show.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mapping_spark.errors import ConfigError, ContractError

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#7F7F7F"
INK = "#262626"
BASELINES = ("popularity_all_time", "popularity", "repeat")
"""Models that a personal one has to beat."""

_PALE = "#E4E4E4"
_STYLES = (("-", "o"), ("--", "s"), (":", "^"))
_INTERVAL = ("value", "ci_low", "ci_high")
_LINE_HEIGHT = 0.05  # of a label, as a share of the height of the axes


@dataclass(frozen=True, slots=True)
class Look:
    """How a model is drawn, in every picture of the same models."""

    colour: str
    line: str
    marker: str


def looks(models: Collection[str], baselines: Sequence[str] = BASELINES) -> dict[str, Look]:
    """A look for each model by its name: the same set of names, in any order, gives the same looks."""
    names = set(models)
    own, grey = sorted(names - set(baselines)), [name for name in baselines if name in names]
    coloured = {name: Look(COLOURS[i % len(COLOURS)], *_STYLES[i // len(COLOURS) % len(_STYLES)]) for i, name in enumerate(own)}
    return coloured | {name: Look(GREY, *_STYLES[i % len(_STYLES)]) for i, name in enumerate(grey)}


def metric_by_model(metrics: pd.DataFrame, baselines: Sequence[str] = BASELINES) -> Figure:
    """Dot and whisker per model, the best on top, a dashed line at the best baseline.

    `metrics`: rows of one protocol, metric, k and segment, one per model.
    """
    rows = _checked("metric_by_model", metrics, ("model", *_INTERVAL), alike=("protocol", "metric", "k", "segment"), key=("model",))
    ordered = rows.sort_values(["value", "model"])
    about = _conditions(rows, "protocol", "segment") + ", dashed: the best baseline"
    figure, axes = _canvas(_measure(rows), about, height=1.3 + 0.32 * len(ordered))
    look = looks(ordered["model"], baselines)
    for place, row in enumerate(ordered.itertuples()):
        _dot(axes, row, place, look[row.model].colour)
        text = f"{row.value:.3f}"
        axes.annotate(
            text, (1, place), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points", va="center", color=INK
        )
    grey = ordered[ordered["model"].isin(baselines)]
    if len(grey):
        axes.axvline(grey["value"].max(), color=GREY, linestyle="--", linewidth=1, zorder=0)
    _names(axes, ordered["model"])
    return figure


def metric_against_k(metrics: pd.DataFrame, baselines: Sequence[str] = BASELINES) -> Figure:
    """A line per model over the cut-off k, with whiskers. `metrics`: rows of one protocol, metric and segment, one per model and k."""
    key = ("model", "k")
    rows = _checked("metric_against_k", metrics, (*key, *_INTERVAL), alike=("protocol", "metric", "segment"), key=key)
    figure, axes = _canvas(f"{rows['metric'].iloc[0]}@k", _conditions(rows, "protocol", "segment"))
    cuts = np.unique(rows["k"])
    axes.set_xticks(np.log2(cuts), cuts)
    axes.set_xlabel("k, items in the list (logarithmic)")
    _lines(axes, rows.assign(place=np.log2(rows["k"])), "place", looks(rows["model"], baselines), is_band=False)
    return figure


def metric_by_segment(metrics: pd.DataFrame, baselines: Sequence[str] = BASELINES) -> Figure:
    """A line per model over the segments, in the frame's order (history length: short to long), with whiskers.

    `metrics`: rows of one protocol, metric and k, one per model and segment; the ticks show the most users of any model.
    """
    key = ("model", "segment")
    rows = _checked("metric_by_segment", metrics, (*key, *_INTERVAL, "n_users"), alike=("protocol", "metric", "k"), key=key)
    figure, axes = _canvas(_measure(rows), _conditions(rows, "protocol"))
    segments = list(dict.fromkeys(rows["segment"]))
    n_users = rows.groupby("segment")["n_users"].max()
    axes.set_xticks(range(len(segments)), [f"{name}\n{n_users[name]:,} users" for name in segments])
    numbered = rows.assign(place=rows["segment"].map(segments.index))
    _lines(axes, numbered, "place", looks(rows["model"], baselines), is_band=False)
    return figure


def rolling_origin(metrics: pd.DataFrame, baselines: Sequence[str] = BASELINES) -> Figure:
    """A line per model over the dates of the splits, with a band. `metrics`: rows of one protocol, metric, k and segment,
    one per model and as_of_date."""
    key = ("model", "as_of_date")
    rows = _checked("rolling_origin", metrics, (*key, *_INTERVAL), alike=("protocol", "metric", "k", "segment"), key=key)
    figure, axes = _canvas(_measure(rows), _conditions(rows, "protocol", "segment"))
    dated = rows.assign(at=pd.to_datetime(rows["as_of_date"]).map(pd.Timestamp.toordinal))
    origins = dated.drop_duplicates("at")
    axes.set_xticks(origins["at"], origins["as_of_date"].astype(str), rotation=30, ha="right", rotation_mode="anchor")
    axes.set_xlabel("split at")
    _lines(axes, dated, "at", looks(rows["model"], baselines), is_band=True)
    return figure


def popularity_against_exposure(items: pd.DataFrame, baselines: Sequence[str] = BASELINES) -> Figure:
    """Lorenz curves: the share of all list places that the least shown items take, per model, against what users chose.

    `items`: (model string, item_idx, n_users: users who chose it before the split, n_shown: lists that hold it), one row per
    model and item of the catalogue. The diagonal shows every item equally often; the further below, the more unequal (Gini
    in [0, 1]: twice the area between). Lorenz 1905; Gini 1912. A model that shows nothing has no curve.
    """
    rows = _checked("popularity_against_exposure", items, ("model", "item_idx", "n_users", "n_shown"), key=("model", "item_idx"))
    figure, axes = _canvas("Exposure of the catalogue", "cumulated share of list places, items from least to most shown", height=4.6)
    axes.plot([0, 1], [0, 1], color=_PALE, linewidth=1.5, zorder=0)
    look = looks(rows["model"], baselines)
    curves = {model: (_lorenz(one["n_shown"].to_numpy(float)), look[model]) for model, one in rows.groupby("model") if one["n_shown"].any()}
    chosen = rows.drop_duplicates("item_idx")["n_users"].to_numpy(float)
    if chosen.any():
        curves["users' choices"] = (_lorenz(chosen), Look(INK, "--", ""))
    if not curves:
        raise _nothing_to_draw("popularity_against_exposure", items)
    ginis = {name: 1 - float((curve[1:] + curve[:-1]).mean()) for name, (curve, _) in curves.items()}
    for name in sorted(curves, key=ginis.__getitem__):
        curve, how = curves[name]
        label = f"{name}  Gini {ginis[name]:.2f}"
        axes.plot(np.linspace(0, 1, len(curve)), curve, color=how.colour, linestyle=how.line, linewidth=1.8, label=label)
    axes.legend(loc="upper left", frameon=False, labelcolor="linecolor")  # all curves end in one point: no place beside them
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="share of items", aspect="equal")
    return figure


def overlap(shares: pd.DataFrame) -> Figure:
    """Heat map of how much the lists of two models have in common; the number stands in each cell.

    `shares`: (model string, other string, jaccard double: shared items / items of either list, mean over users), one row per
    pair, in either order. Jaccard 1912. A pair that lacks is blank; so is a model with itself.
    """
    rows = _checked("overlap", shares, ("model", "other", "jaccard"), key=("model", "other"))
    if not (rows["jaccard"].notna() & (rows["model"] != rows["other"])).any():
        raise _nothing_to_draw("overlap", shares)
    names = sorted({*rows["model"], *rows["other"]})
    figure, axes = _canvas("Overlap of lists", "Jaccard: shared items / items of either, mean over users", height=1.6 + 0.45 * len(names))
    table = np.full((len(names), len(names)), np.nan)
    for row in rows.itertuples():
        low, high = sorted((names.index(row.model), names.index(row.other)))
        if low != high:
            table[high, low] = row.jaccard
    shown = table[1:, :-1]
    axes.imshow(shown, cmap="Blues", vmin=0, vmax=max(float(np.nanmax(shown)), 0.01), aspect="auto")
    for (y, x), value in np.ndenumerate(shown):
        if not np.isnan(value):
            axes.text(x, y, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.55 * np.nanmax(shown) else INK)
    axes.set_xticks(range(len(names) - 1), names[:-1], rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names) - 1), names[1:])
    axes.grid(visible=False)
    return figure


def paired_differences(differences: pd.DataFrame, champion: str, margin: float = 0.0) -> Figure:
    """Forest plot: each model minus the champion on the same users, a line at 0, a band of `margin` around it.

    `differences`: (metric, k, model, value, ci_low, ci_high), rows of one metric and k, one per model. Filled: the interval
    excludes 0; hollow: the difference may be none. `margin`: the largest difference that does not matter, 0 for none;
    raises `ConfigError` where it is negative.
    """
    if margin < 0:
        raise ConfigError("paired_differences", f"margin = {margin}", "0 or more", "Use for example 0.002.")
    rows = _checked("paired_differences", differences, ("model", *_INTERVAL), alike=("metric", "k"), key=("model",))
    ordered = rows.sort_values(["value", "model"])
    about = "difference on the same users" + (f", grey: no more than {margin:g} apart" if margin else "")
    figure, axes = _canvas(f"{_measure(rows)} minus that of {champion}", about, height=1.3 + 0.32 * len(ordered))
    axes.axvspan(-margin, margin, color=_PALE, linewidth=0, zorder=0)
    axes.axvline(0, color=INK, linewidth=1)
    for place, row in enumerate(ordered.itertuples()):
        is_sure = row.ci_low > 0 or row.ci_high < 0
        _dot(axes, row, place, COLOURS[0] if row.value > 0 else COLOURS[1], is_filled=is_sure)
    _names(axes, ordered["model"])
    return figure


def _checked(picture: str, frame: pd.DataFrame, columns: Sequence[str], key: Sequence[str], alike: Sequence[str] = ()) -> pd.DataFrame:
    """The rows to draw. `alike`: columns that hold one value; `key`: columns that tell rows apart."""
    missing = [name for name in (*alike, *columns) if name not in frame.columns]
    if missing:
        raise ContractError(f"picture {picture}", f"a frame without {missing}", f"the columns {[*alike, *columns]}", "Add or rename them.")
    rows = frame.dropna(subset=["value"]) if "value" in columns else frame
    if rows.empty:
        raise _nothing_to_draw(picture, frame)
    mixed = {name: sorted(set(rows[name])) for name in alike if rows[name].nunique() > 1}
    if mixed:
        raise ContractError(f"picture {picture}", f"several values {mixed}", f"one value of each of {[*alike]}", "Filter the frame.")
    n_repeats = int(rows.duplicated(list(key)).sum())
    if n_repeats:
        raise ContractError(
            f"picture {picture}", f"{n_repeats} rows again with the same {[*key]}", "one row each", "Take one run per model."
        )
    return rows


def _nothing_to_draw(picture: str, frame: pd.DataFrame) -> ContractError:
    return ContractError(f"picture {picture}", f"nothing to draw in {len(frame)} rows", "at least one value", "Look at the filters.")


def _canvas(title: str, subtitle: str, height: float = 4.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.2, height), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"{title}\n", loc="left", fontsize=12, fontweight="bold", color=INK)
    axes.annotate(subtitle, (0, 1), xycoords="axes fraction", xytext=(0, 7), textcoords="offset points", fontsize=9, color=GREY)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.grid(color=_PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=INK)
    return figure, axes


def _measure(rows: pd.DataFrame) -> str:
    return f"{rows['metric'].iloc[0]}@{rows['k'].iloc[0]}"


def _conditions(rows: pd.DataFrame, *columns: str) -> str:
    return ", ".join(f"{name} {rows[name].iloc[0]}" for name in columns) + ", 95 % interval over users"


def _dot(axes: Axes, row: Any, place: int, colour: str, *, is_filled: bool = True) -> None:
    if not pd.isna(row.ci_low):
        axes.hlines(place, row.ci_low, row.ci_high, color=colour, linewidth=2)
    axes.plot(
        row.value, place, "o", markersize=7, markerfacecolor=colour if is_filled else "white", markeredgecolor=colour, markeredgewidth=1.6
    )


def _names(axes: Axes, models: Sequence[str]) -> None:
    axes.set_yticks(range(len(models)), models)
    axes.set_ylim(-0.6, len(models) - 0.4)
    axes.grid(visible=False, axis="y")


def _lines(axes: Axes, rows: pd.DataFrame, x: str, look: Mapping[str, Look], *, is_band: bool) -> None:
    """A line per model, with its interval and its name at its right end."""
    ends: dict[str, float] = {}
    span = float(rows[x].max() - rows[x].min())
    for place, (model, one) in enumerate(rows.sort_values(x).groupby("model")):
        how, at = look[model], one[x].to_numpy(float)
        if is_band:
            axes.fill_between(at, one["ci_low"], one["ci_high"], color=how.colour, alpha=0.15, linewidth=0)
        else:
            at = at + 0.006 * span * (place - (len(look) - 1) / 2)  # beside one another, so that no whisker hides another
            axes.vlines(at, one["ci_low"], one["ci_high"], color=how.colour, linewidth=1.2, alpha=0.6)
        axes.plot(at, one["value"], color=how.colour, linestyle=how.line, marker=how.marker, markersize=4.5, linewidth=1.8, label=model)
        ends[model] = float(one["value"].iloc[-1])
    low, high = axes.get_ylim()
    for model, height in zip(ends, _apart((np.array(list(ends.values())) - low) / (high - low), _LINE_HEIGHT), strict=True):
        axes.annotate(
            model, (1, height), xycoords="axes fraction", xytext=(4, 0), textcoords="offset points", va="center", color=look[model].colour
        )
    axes.set_ylim(low, high)
    axes.grid(visible=False, axis="x")


def _apart(heights: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """The heights moved as little as a sweep can so that neighbours are `gap` apart, in the same order; within [0, 1] where they fit."""
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(heights))
    raised = np.maximum.accumulate(heights[order] - steps) + steps
    lowered = np.minimum.accumulate((np.minimum(raised, 1.0) - steps)[::-1])[::-1] + steps
    moved = np.empty_like(heights)
    moved[order] = np.minimum(raised, lowered)
    return moved


def _lorenz(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cumulated shares of the amounts in ascending order, from 0 to 1."""
    return np.concatenate([[0.0], np.cumsum(np.sort(amounts)) / amounts.sum()])
