"""Compare what two warehouses hold, table by table: `python tools/compare_warehouses.py LEFT RIGHT [TABLE ...]`.

Rows are matched on the declared key. Columns that tell of a run (its id, clock and speed) and rows about such a column or
measure are left out; floating-point numbers may differ by the order in which they were added up. Exit code 0: equal; 4: not.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark import console
from mapping_spark.errors import ContractError
from mapping_spark.job import guarded
from mapping_spark.session import build_session
from mapping_spark.tables import TABLES
from mapping_spark.tables.contract import Table
from mapping_spark.tables.store import Store

TOLERANCE = 1e-6
"""Relative difference up to which two floating-point numbers are equal (float32 sums)."""
OF_A_RUN = re.compile(
    r"run_id|.*_run_id|run_key|decision_id|training_id|snapshot_id|recommendation_id|table_version|.*seconds|samples_per_second|waiting_share"
    r"|ingested_at|ingest_date|created_at|decided_at|started_at|ended_at|assigned_at|peak_memory_mb|.*_version|input_versions|artifact_uri"
)
NAMES = ("metric", "column_name")
"""Columns that hold the name of what a row is about."""
LEFT_OUT = ("ops.job_runs",)
"""Tables that hold nothing but runs."""


@dataclass(frozen=True)
class Difference:
    """How two versions of one table differ, in rows of the key."""

    table: str
    left: int
    right: int
    only_left: int
    only_right: int
    changed: int

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.only_left or self.only_right or self.changed)


def compare(table: Table, left: DataFrame, right: DataFrame) -> Difference:
    """Full outer join on the key; a key that tells of a run is left out of it, so that its rows are matched by all their columns."""
    columns = [column for column in table.columns if not OF_A_RUN.fullmatch(column.name)]
    key = [column.name for column in columns if column.name in table.primary_key]
    if len(key) < len(table.primary_key):
        key = [column.name for column in columns if column.type not in ("float", "double", "array<float>", "array<double>")]
    shown = [F.col(column.name) for column in columns]
    kept = [~F.coalesce(F.col(name).rlike(f"^({OF_A_RUN.pattern})$"), F.lit(False)) for name in NAMES if name in table.by_name]
    told = [(name, frame.where(reduce(and_, kept, F.lit(True)))) for name, frame in (("left", left), ("right", right))]
    sides = [frame.select(*shown, F.lit(True).alias("is_there")).alias(name) for name, frame in told]
    same_key = [F.col(f"left.{name}").eqNullSafe(F.col(f"right.{name}")) for name in key]
    joined = sides[0].join(sides[1], on=same_key, how="full")
    here, there = F.col("left.is_there").isNotNull(), F.col("right.is_there").isNotNull()
    values = [column for column in columns if column.name not in key]
    changed = here & there & reduce(or_, (~_equal(column.name, column.type) for column in values), F.lit(False))
    counts = [F.count_if(condition) for condition in (here & ~there, ~here & there, changed)]
    found = joined.agg(*counts).first()
    return Difference(table.name, left.count(), right.count(), *(found or (0, 0, 0)))


def _equal(name: str, kind: str) -> Column:
    left, right = F.col(f"left.{name}"), F.col(f"right.{name}")
    if name.endswith("_sketch"):  # its bytes depend on the order in which sketches were merged
        return F.hll_sketch_estimate(left).eqNullSafe(F.hll_sketch_estimate(right))
    if kind.startswith("array"):
        far = F.exists(F.zip_with(left, right, lambda a, b: ~_near(a, b)), lambda is_far: is_far)
        return left.eqNullSafe(right) | ((F.size(left) == F.size(right)) & ~far)
    if kind in ("float", "double"):
        return left.eqNullSafe(right) | F.coalesce(_near(left, right), F.lit(False))
    return left.eqNullSafe(right)


def _near(a: Column, b: Column) -> Column:
    return F.abs(a - b) <= F.lit(TOLERANCE) * F.greatest(F.abs(a), F.abs(b), F.lit(1.0))


def differences(left: Store, right: Store, names: Sequence[str] = ()) -> list[Difference]:
    """All tables that either side holds, or those named."""
    chosen = [table for table in TABLES.values() if table.name in names or (not names and table.name not in LEFT_OUT)]
    there = [table for table in chosen if left.exists(table) or right.exists(table)]
    return [compare(table, left.read_or_empty(table), right.read_or_empty(table)) for table in there]


def show(roots: Sequence[str], names: Sequence[str]) -> None:
    """Compare and print. Raises `ContractError` naming the tables that differ."""
    settings = {"spark.master": "local[2]", "spark.driver.memory": "2g", "spark.ui.enabled": "false"}
    spark = build_session("compare", settings | {"spark.ui.showConsoleProgress": "false", "spark.sql.shuffle.partitions": "4"})
    spark.sparkContext.setLogLevel("ERROR")
    found = differences(Store(spark, roots[0]), Store(spark, roots[1]), names)
    rows = [(d.table, d.left, d.right, d.only_left, d.only_right, d.changed, "yes" if d.is_equal else "NO") for d in found]
    console.show(f"{roots[0]} and {roots[1]}", ("table", "rows left", "rows right", "only left", "only right", "changed", "equal"), rows)
    different = [d.table for d in found if not d.is_equal]
    if different:
        raise ContractError(roots[1], f"other content in {different}", f"what {roots[0]} holds", "Look at the columns above.")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare the tables of two warehouses.")
    parser.add_argument("roots", nargs=2, metavar="ROOT")
    parser.add_argument("tables", nargs="*", metavar="TABLE")
    options = parser.parse_args(arguments)
    sys.exit(guarded(lambda: show(options.roots, options.tables)))


if __name__ == "__main__":
    main()
