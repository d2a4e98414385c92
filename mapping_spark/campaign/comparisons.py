"""Many p-values at once: which of them still say something."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import false_discovery_control

from mapping_spark.evaluation.bootstrap import holm


def family_wise(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the given order (Holm 1979): the chance of one false finding among all is at most the level.

    A NaN is no test: it stays NaN and does not count.
    """
    return _of_tests(p_values, holm(_tests(p_values)))


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the given order (Benjamini and Hochberg 1995): of what is found, at most the level's share is false.

    A NaN is no test: it stays NaN and does not count.
    """
    tests = _tests(p_values)
    return _of_tests(p_values, [float(p) for p in false_discovery_control(np.array(tests))] if tests else [])


def _tests(p_values: Sequence[float]) -> list[float]:
    return [p for p in p_values if not math.isnan(p)]


def _of_tests(p_values: Sequence[float], adjusted: Sequence[float]) -> list[float]:
    """The adjusted values at the places of the tests."""
    rest = iter(adjusted)
    return [math.nan if math.isnan(p) else next(rest) for p in p_values]
