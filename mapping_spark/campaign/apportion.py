"""Parting whole numbers by weights so that the parts add up: credits to conversions, cents to revenue."""

from __future__ import annotations

import numpy as np

from mapping_spark.evaluation.metrics import Ints, Numbers


def apportioned(totals_G: Ints, weights_N: Numbers, group_N: Ints, tie_N: Ints) -> Ints:
    """(N,): each group's total parted by its weights (at least one of them above 0), by largest remainder (Hamilton's method).

    Every part is within 1 of its share, the parts of a group sum to its total exactly. What is left after rounding down goes to
    the largest remainders; equal ones go by `tie_N`, smallest first: numbers without meaning, so that no place is favoured.
    Totals are not negative and, times the parts of their group, below 2^53: doubles hold no share beyond to the unit.
    """
    n_groups = len(totals_G)
    weight_G = np.bincount(group_N, weights_N, n_groups)
    share_N = totals_G[group_N] * (weights_N / weight_G[group_N])
    parts_N: Ints = np.floor(share_N).astype(np.int64)
    left_G = totals_G - np.bincount(group_N, parts_N, n_groups).astype(np.int64)
    remainder_N = np.round(share_N - parts_N, 9)  # equal shares have equal remainders, whatever the last bits say
    order = np.lexsort((tie_N, -remainder_N, group_N))
    starts_G = np.concatenate([[0], np.cumsum(np.bincount(group_N, minlength=n_groups))[:-1]])
    place_N = np.arange(len(order)) - starts_G[group_N[order]]
    parts_N[order] += place_N < left_G[group_N[order]]
    return parts_N


def apportion(total: int, weights: Numbers) -> Ints:
    """(N,): one total parted by weights; without a positive weight in equal parts. Earlier parts win a tie."""
    weights_N = np.asarray(weights, float)
    if not weights_N.sum() > 0:
        weights_N = np.ones(len(weights_N))
    return apportioned(np.array([total]), weights_N, np.zeros(len(weights_N), np.int64), np.arange(len(weights_N)))
