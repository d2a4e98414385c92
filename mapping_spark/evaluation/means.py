"""Sums of all partitions made into means with intervals, gaps between segments and exposure: small frames, one per list."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mapping_spark.evaluation.bootstrap import interval
from mapping_spark.evaluation.judge import Context
from mapping_spark.evaluation.metrics import EXPOSURE, Numbers

MEANS = (
    "list int, segment int, metric string, k int, value double, ci_low double, ci_high double,"
    " n_users bigint, n_users_skipped bigint, means array<double>"
)
"""`means`: the value, then one per replicate; empty for a metric without an interval."""
_COLUMNS = [field.split()[0] for field in MEANS.split(",")]


def means(rows: pd.DataFrame, context: Context, gap: int) -> pd.DataFrame:
    """Rows of `MEANS` of one list from (list, segment, numbers), one row per segment and partition; `gap` is the code of the segment
    that holds the largest gap, which is there from two segments on."""
    sums = {int(code): np.sum(np.stack(list(part)), axis=0) for code, part in rows.groupby("segment")["numbers"]}
    parts = {code: _of_segment(code, total, context) for code, total in sums.items()}
    segments = [part for code, part in parts.items() if code]
    every = [*parts.values(), *([_largest_gap(segments, gap)] if len(segments) > 1 else [])]
    return pd.concat(every).assign(list=rows["list"].iloc[0])[_COLUMNS]


def exposure(rows: pd.DataFrame, catalogue: int, n_known_users: int) -> pd.DataFrame:
    """Rows of `MEANS` of one list and cut-off from (list, k, n_lists, n_items): so many items stand in so many lists."""
    shown, keys = rows[rows["n_lists"] > 0], rows.iloc[0]
    values = [metric(shown["n_lists"].to_numpy(), shown["n_items"].to_numpy(), max(catalogue, 1)) for metric in EXPOSURE.values()]
    if not catalogue:
        values = [np.nan] * len(values)
    measured = pd.DataFrame({"metric": list(EXPOSURE), "value": values, "means": [[]] * len(values)})
    whole = {"segment": 0, "ci_low": np.nan, "ci_high": np.nan, "n_users": n_known_users, "n_users_skipped": 0}
    return measured.assign(list=keys["list"], k=keys["k"], **whole)[_COLUMNS]


def _of_segment(segment: int, total: Numbers, context: Context) -> pd.DataFrame:
    n, width = len(context.columns), 1 + context.n_replicates
    sums, weights = total[: 2 * n * width].reshape(2, n, width)
    drawn = np.divide(sums, weights, out=np.full_like(sums, np.nan), where=weights > 0)
    counts = {"n_users": weights[:, 0].astype(np.int64), "n_users_skipped": total[2 * n * width :].astype(np.int64)}
    return _with_intervals(context.columns, drawn).assign(segment=segment, **counts)


def _with_intervals(columns: Sequence[tuple[str, int]], drawn: Numbers) -> pd.DataFrame:
    ends = np.array([interval(row) for row in drawn])
    values = {"value": drawn[:, 0], "ci_low": ends[:, 0], "ci_high": ends[:, 1], "means": list(drawn)}
    return pd.DataFrame({"metric": [name for name, _ in columns], "k": [k for _, k in columns], **values})


def _largest_gap(segments: Sequence[pd.DataFrame], code: int) -> pd.DataFrame:
    """Largest less smallest mean, replicate by replicate; a segment of nobody does not count."""
    drawn = np.stack([np.stack(part["means"].to_list()) for part in segments])
    largest, smallest = np.where(np.isnan(drawn), -np.inf, drawn).max(axis=0), np.where(np.isnan(drawn), np.inf, drawn).min(axis=0)
    gaps = np.subtract(largest, smallest, out=np.full_like(largest, np.nan), where=np.isfinite(largest))
    counts = {name: np.sum([part[name].to_numpy() for part in segments], axis=0) for name in ("n_users", "n_users_skipped")}
    return _with_intervals(list(zip(segments[0]["metric"], segments[0]["k"], strict=True)), gaps).assign(segment=code, **counts)
