"""Sums that do not depend on the order of the rows.

Adding doubles in another order changes the last bits, and a shuffle changes the order: the same input would give other
ties, other factors and another "changed" table. A sum of integers is exact, so numbers are added in units of 2^-32.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

UNIT = 2.0**-32
"""The smallest difference kept: 2.3e-10. Sums must stay below 2^31 = 2.1e9 (a larger one fails, it never wraps)."""


def fixed_point_sum(value: Column) -> Column:
    """Sum of `value` (double) over a group, each term rounded to a multiple of 2^-32; null where all terms are null."""
    return F.sum(F.round(value / F.lit(UNIT)).cast("bigint")) * F.lit(UNIT)
