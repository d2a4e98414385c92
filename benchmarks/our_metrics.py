"""Our side of `make bench-metrics`: every metric at every cut-off, with an interval where replicates are asked for."""

from __future__ import annotations

import datetime as dt

from metrics_run import Task, measure
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.evaluation.evaluate import ALL, RunLists, Truth, evaluate
from mapping_spark.evaluation.settings import EvaluationConfig
from mapping_spark.evaluation.splits import ALL_ITEMS


def ours(spark: SparkSession, task: Task) -> dict[str, float]:
    """`metric@k` to value."""
    names = ("recommendations", "relevant", "interactions")
    lists, relevant, interactions = (spark.read.parquet(f"{task.folder}/{name}") for name in names)
    run = RunLists("benchmark", "generated", ALL_ITEMS, lists)
    truth = Truth(relevant.withColumn("protocol", F.lit(ALL_ITEMS)), interactions)
    config = EvaluationConfig(ks=tuple(task.ks), n_replicates=task.n_replicates)
    found = evaluate([run], truth, config, as_of=dt.date(2017, 12, 1), seed=task.seed).metrics
    return {f"{row.metric}@{row.k}": row.value for row in found.where(F.col("segment") == ALL).select("metric", "k", "value").collect()}


if __name__ == "__main__":
    measure(ours, ("numpy", "pyarrow"))
