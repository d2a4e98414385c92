"""RePlay's side of `make bench-metrics`, in the way its documentation calls the most efficient: `OfflineMetrics` over all metrics."""

from __future__ import annotations

from metrics_run import Task, measure
from pyspark.sql import SparkSession
from replay import metrics


def replay(spark: SparkSession, task: Task) -> dict[str, float]:
    """`Metric@k` to value."""
    names = ("recommendations", "relevant", "interactions")
    lists, relevant, train = (spark.read.parquet(f"{task.folder}/{name}") for name in names)
    asked = [getattr(metrics, name)(task.ks) for name in task.metrics]
    together = metrics.OfflineMetrics(asked, query_column="user_idx", item_column="item_idx", rating_column="score")
    found: dict[str, float] = together(lists.select("user_idx", "item_idx", "score"), relevant, train)
    return found


if __name__ == "__main__":
    measure(replay, ("replay-rec", "numpy", "pyarrow"))
