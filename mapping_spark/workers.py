"""Spark's Python workers, forked from a process that has already imported what they need: `spark.python.daemon.module`.

Spark forks a worker for each task that runs Python, ends it after a minute without work, and lets each import pandas, Arrow and the
package anew: seconds of every task that meets a fresh one. Here the parent imports them once, and its children share the memory.
torch, scipy and statsmodels stay with the few tasks that need them: most sessions never do.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from importlib import import_module

from pyspark.daemon import manager  # imports the worker that Spark names in the arguments

MODULE = "mapping_spark.workers"

SHARED = (
    "pandas",
    "pyarrow",
    "pyspark.sql.pandas.serializers",
    "mapping_spark.campaign.attribution",
    "mapping_spark.evaluation.evaluate",
    "mapping_spark.features.snapshot",
    "mapping_spark.models.item_knn",
    "mapping_spark.recommend.topk",
)
"""What workers import for most of their tasks."""


def main() -> None:
    """Import, then fork a worker whenever Spark asks for one."""
    with redirect_stdout(sys.stderr):  # Spark reads the port from the first bytes of the output
        for name in SHARED:
            import_module(name)
    manager()


if __name__ == "__main__":
    main()
