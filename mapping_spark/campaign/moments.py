"""Sums over users that add up, and what follows from them: a ratio, its variance, its adjustment by what was known before.

An experiment on a billion users is one row of sums per group; every test runs on these rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from mapping_spark.evaluation.metrics import Numbers

NO_SPREAD = 1e-12
"""A variance below this share of the squares it is computed from is rounding, not spread (doubles carry 16 digits)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Sums over the users of one group: of a numerator, a denominator and a covariate, of their squares and products.

    The value of a metric is sum(numerator) / sum(denominator). A mean over users has the denominator 1 for every user, a
    proportion moreover a numerator of 0 or 1. The covariate is something known of a user before the experiment, 0 where there
    is none. Sums of squares lose digits where a mean is larger than its spread by more than 10^6: shift such a metric.
    """

    n_users: int
    numerator: float
    denominator: float
    covariate: float = 0.0
    numerator_sq: float
    denominator_sq: float
    covariate_sq: float = 0.0
    numerator_denominator: float
    numerator_covariate: float = 0.0
    denominator_covariate: float = 0.0

    @classmethod
    def of(cls, numerator: Numbers, denominator: Numbers | None = None, covariate: Numbers | None = None) -> Self:
        """From one number per user, (U,) each. Without a denominator the metric is a mean over users."""
        y_U = np.asarray(numerator, float)
        d_U = np.ones_like(y_U) if denominator is None else np.asarray(denominator, float)
        c_U = np.zeros_like(y_U) if covariate is None else np.asarray(covariate, float)
        return cls(
            n_users=len(y_U),
            numerator=float(y_U.sum()),
            denominator=float(d_U.sum()),
            covariate=float(c_U.sum()),
            numerator_sq=float(y_U @ y_U),
            denominator_sq=float(d_U @ d_U),
            covariate_sq=float(c_U @ c_U),
            numerator_denominator=float(y_U @ d_U),
            numerator_covariate=float(y_U @ c_U),
            denominator_covariate=float(d_U @ c_U),
        )

    @classmethod
    def from_counts(cls, n_successes: int, n_users: int) -> Self:
        """Of a proportion: its numerator is 1 for a user who succeeded, 0 for the others."""
        ones = dict(numerator=n_successes, numerator_sq=n_successes, numerator_denominator=n_successes)
        return cls(n_users=n_users, denominator=n_users, denominator_sq=n_users, **ones)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """From a row with the columns of gold.experiment_sums, whatever else it holds."""
        return cls(**{name: row[name] for name in SUMS})

    def __add__(self, other: Moments) -> Moments:
        """Of both groups together."""
        return Moments(**{name: getattr(self, name) + getattr(other, name) for name in SUMS})

    @property
    def value(self) -> float:
        """The metric; NaN where the denominator is 0."""
        return self.numerator / self.denominator if self.denominator else math.nan

    @property
    def covariate_mean(self) -> float:
        """Mean over users; NaN without users."""
        return self.covariate / self.n_users if self.n_users else math.nan

    def covariance(self) -> Numbers:
        """(3, 3): of numerator, denominator and covariate over users (n - 1). NaN for fewer than two users."""
        if self.n_users < 2:
            return np.full((3, 3), math.nan)
        sums = np.array([self.numerator, self.denominator, self.covariate])
        covariance: Numbers = (self._products() - np.outer(sums, sums) / self.n_users) / (self.n_users - 1)
        return covariance

    def gradient(self, theta: float = 0.0) -> Numbers:
        """(3,): derivatives of value - theta x (mean covariate) by the three means. NaN where the denominator is 0."""
        mean = self.denominator / self.n_users if self.n_users else 0.0
        return np.array([1 / mean, -self.value / mean, -theta]) if mean else np.full(3, math.nan)

    def standard_error(self, theta: float = 0.0) -> float:
        """Of value - theta x (mean covariate), by the delta method over independent users (Deng, Knoblich and Lu 2018).

        NaN where the sums show no spread (fewer than two users, or all alike): the method says nothing there.
        """
        gradient = self.gradient(theta)
        variance = float(gradient @ self.covariance() @ gradient)
        scale = float(np.abs(gradient) @ np.abs(self._products()) @ np.abs(gradient)) / max(self.n_users - 1, 1)
        return math.sqrt(variance / self.n_users) if variance > NO_SPREAD * scale else math.nan

    def _products(self) -> Numbers:
        yd, yc, dc = self.numerator_denominator, self.numerator_covariate, self.denominator_covariate
        return np.array([[self.numerator_sq, yd, yc], [yd, self.denominator_sq, dc], [yc, dc, self.covariate_sq]])


SUMS = tuple(field.name for field in fields(Moments))
"""Names of the sums, as the columns of gold.experiment_sums."""


def total(groups: Iterable[Moments]) -> Moments:
    """Of all groups together. Without a group: no users."""
    return sum(groups, Moments(**dict.fromkeys(SUMS, 0)))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric of one group, with its standard error (NaN where the data has no spread)."""

    value: float
    standard_error: float
    n_users: int


def estimate(group: Moments) -> Estimate:
    """The metric as it is."""
    return Estimate(group.value, group.standard_error(), group.n_users)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """How the covariate is used: value - theta x (the group's mean covariate less the mean of all)."""

    theta: float
    covariate_mean: float
    variance_reduction: float
    """Share of the metric's variance that the covariate explains, 0 to 1."""

    def estimate(self, group: Moments) -> Estimate:
        """The metric of a group, adjusted."""
        value = group.value - self.theta * (group.covariate_mean - self.covariate_mean) if self.theta else group.value
        return Estimate(value, group.standard_error(self.theta), group.n_users)


def cuped(groups: Iterable[Moments]) -> Adjustment:
    """The adjustment that leaves the least variance: theta = cov(metric, covariate) / var(covariate), pooled within the groups.

    CUPED (Deng, Xu, Kohavi and Walker 2013), for a ratio on its linearisation. The covariate must have been fixed before
    assignment. Theta is 0 where the covariate does not vary.
    """
    parts = [group for group in groups if group.n_users > 1 and group.denominator]
    whole = total(parts)
    pooled = sum((part.covariance() * (part.n_users - 1) for part in parts), np.zeros((3, 3)))
    gradient = whole.gradient() if whole.n_users else np.zeros(3)
    with_covariate = float(gradient @ pooled[:, 2])
    spread = float(pooled[2, 2])
    if not spread > NO_SPREAD * whole.covariate_sq:
        return Adjustment(0.0, whole.covariate_mean, 0.0)
    variance = float(gradient @ pooled @ gradient)
    explained = with_covariate**2 / (spread * variance) if variance > 0 else 0.0
    return Adjustment(with_covariate / spread, whole.covariate_mean, min(explained, 1.0))
