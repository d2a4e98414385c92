"""Measures at any roll-up: additive columns are summed first, ratios and their 95 % intervals follow from the sums.

The SQL is plain (NULLIF, CASE, SQRT, GREATEST), so that Spark, Trino and DuckDB read the same views. This module
loads no pyspark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mapping_spark.errors import ContractError
from mapping_spark.tables.contract import Measure, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""

_NUMBERS = ("int", "bigint", "float", "double", "decimal(18,4)")
_NO_SPREAD = 1e-12
"""A residual below this share of the sum of squares is rounding, not spread (doubles carry 16 digits)."""


def additive_columns(table: Table) -> tuple[str, ...]:
    """The numeric columns outside the key: those of a table with measures add up over its rows."""
    return tuple(c.name for c in table.columns if c.type in _NUMBERS and c.name not in table.primary_key)


def expressions(measure: Measure) -> dict[str, str]:
    """SQL over the stored sums: the measure's name, and `<name>_low` and `<name>_high` where it has an interval.

    All are doubles, and null where the denominator is 0 or null.
    """
    numerator, denominator = _double(measure.numerator), _double(measure.denominator)
    ratio = {measure.name: f"{numerator} / NULLIF({denominator}, 0)"}
    if measure.interval == "wilson":
        return ratio | _bounds(measure.name, *_wilson(numerator, denominator))
    if measure.interval == "normal":
        squares = _double(measure.squares)
        denominator_squares = _double(measure.denominator_squares or measure.denominator)
        products = _double(measure.products or measure.numerator)
        half = _delta_half_width(numerator, denominator, squares, denominator_squares, products)
        return ratio | _bounds(measure.name, ratio[measure.name], half)
    return ratio


def _double(expression: str) -> str:
    return f"CAST({expression} AS DOUBLE)"


def _bounds(name: str, centre: str, half_width: str) -> dict[str, str]:
    return {f"{name}_low": f"{centre} - {half_width}", f"{name}_high": f"{centre} + {half_width}"}


def _wilson(successes: str, trials: str) -> tuple[str, str]:
    """Centre and half width of the score interval without continuity correction (Wilson 1927)."""
    some = f"NULLIF({trials}, 0)"
    centre = f"({successes} + {Z_95**2 / 2!r}) / ({some} + {Z_95**2!r})"
    inner = f"GREATEST({successes} * ({trials} - {successes}) / {some}, 0) + {Z_95**2 / 4!r}"
    return centre, f"{Z_95!r} * SQRT({inner}) / ({some} + {Z_95**2!r})"


def _delta_half_width(x: str, y: str, xx: str, yy: str, xy: str) -> str:
    """Half width for R = sum x / sum y over independent users: z sqrt(sum xx - 2 R sum xy + R^2 sum yy) / |sum y|.

    The delta method for a ratio of sums (Cochran 1977, Sampling Techniques, section 6.4, without the finite population
    correction). Null where the sums show no spread (one user, or all alike): the method says nothing there, and an
    interval of width 0 would claim certainty.
    """
    ratio = f"({x} / NULLIF({y}, 0))"
    residual = f"({xx} - 2 * {ratio} * {xy} + {ratio} * {ratio} * {yy})"
    return f"{Z_95!r} * CASE WHEN {residual} > {_NO_SPREAD!r} * {xx} THEN SQRT({residual}) END / ABS(NULLIF({y}, 0))"


def measure_columns(table: Table) -> dict[str, str]:
    """Name to SQL of every measure and interval end of a table, in declared order."""
    return {name: sql for measure in table.measures for name, sql in expressions(measure).items()}


def measures_sql(table: Table, relation: str, group_by: Sequence[str] = ()) -> str:
    """SELECT that sums `relation` (the table as SQL names it) over `group_by` and computes every measure from the sums.

    One row per group: the group's columns, the summed additive columns, the measures. Ratios are never averaged.
    """
    _check_groups(table, group_by)
    sums = ", ".join([*_names(group_by), *(f"SUM(`{name}`) AS `{name}`" for name in additive_columns(table))])
    groups = f" GROUP BY {', '.join(_names(group_by))}" if group_by else ""
    measures = "".join(f", {sql} AS `{name}`" for name, sql in measure_columns(table).items())
    return f"SELECT *{measures} FROM (SELECT {sums} FROM {relation}{groups}) AS sums"  # noqa: S608 (declared identifiers)


def measure(frame: DataFrame, table: Table, *group_by: str) -> DataFrame:
    """Roll rows of `table` up to `group_by` (nothing: one row) and compute every measure from the sums.

    Columns: the group's, the summed additive columns, then each measure (double) with `_low` and `_high` (95 %).
    Null where a denominator is 0. Raises `ContractError` where `group_by` names a column that adds up.
    """
    _check_groups(table, group_by)
    additive = additive_columns(table)
    sums = frame.groupBy(*group_by).agg(dict.fromkeys(additive, "sum"))
    summed = sums.selectExpr(*_names(group_by), *(f"`sum({name})` AS `{name}`" for name in additive))
    return summed.selectExpr("*", *(f"{sql} AS `{name}`" for name, sql in measure_columns(table).items()))


def _names(columns: Sequence[str]) -> list[str]:
    return [f"`{name}`" for name in columns]


def _check_groups(table: Table, group_by: Sequence[str]) -> None:
    if not table.measures:
        raise ContractError(f"measures of {table.name}", "none declared", "a table with measures", "Declare one; its numbers must add up.")
    groups = [name for name in table.column_names if name not in additive_columns(table)]
    unknown = [name for name in group_by if name not in groups]
    if unknown:
        raise ContractError(f"measures of {table.name}", f"the groups {unknown}", f"columns among {groups}", "Choose other columns.")
