"""A table's declaration turned into rules: which of them a row breaks, and which keys are repeated.

Every rule is a Column, so that all of them are judged in the pass that computes the row.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.tables.contract import Check, Table

REASONS = "reason_codes"
"""Name of the column in which `split` leaves what a row breaks."""

_TEXT_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'")
_WORD = re.compile(r"\w+")


def violations(table: Table, columns: Collection[str] | None = None) -> Column:
    """Codes of the rules a row breaks, sorted, as array<string>; empty for a good row, never null.

    `<column>_missing` stands for null in a column that must not be null, a check's own name for a condition that is
    false (one that is null passes, as in a Delta constraint). With `columns`, only rules that need no other column of
    the table are judged: for rows that are not complete yet.
    """
    known = set(table.column_names if columns is None else columns)
    broken = {f"{c.name}_missing": F.col(f"`{c.name}`").isNull() for c in table.columns if not c.nullable and c.name in known}
    broken |= {check.name: ~F.expr(check.condition) for check in table.checks if columns_of(check, table) <= known}
    codes = [F.when(broken[code], F.lit(code)) for code in sorted(broken)]
    return F.array_compact(F.array(*codes)) if codes else F.array().cast("array<string>")


def columns_of(check: Check, table: Table) -> set[str]:
    """The table's columns that a check's condition names."""
    return set(_WORD.findall(_TEXT_LITERAL.sub("", check.condition))) & set(table.column_names)


def split(frame: DataFrame, table: Table) -> tuple[DataFrame, DataFrame]:
    """Part rows that keep the contract from rows that break it: (good, bad).

    `good` has the columns of `frame`; `bad` has them and `reason_codes` (array<string>, sorted, not empty). Every row
    is in exactly one of the two. Whoever writes both persists `frame` first, or it is computed twice.
    """
    judged = frame.withColumn(REASONS, violations(table))
    is_good = F.size(REASONS) == 0
    return judged.where(is_good).drop(REASONS), judged.where(~is_good)


def duplicate_keys(frame: DataFrame, table: Table) -> DataFrame:
    """Primary keys that occur more than once: the key's columns and `n_rows` (bigint, at least 2).

    Delta enforces no key and its MERGE fails without saying which key is repeated; this says it. A key with a null is
    no key: `violations` tells of it.
    """
    return (
        frame.dropna(subset=list(table.primary_key)).groupBy(*table.primary_key).agg(F.count(F.lit(1)).alias("n_rows")).where("n_rows > 1")
    )
