"""What counts as other content of a table."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import MODEL_METRICS
from tools.compare_warehouses import Difference, compare


def metrics(**values: float) -> list[dict[str, Any]]:
    return [{"model": "a", "protocol": "all_items", "metric": name, "k": 1, "value": value} for name, value in values.items()]


@pytest.mark.parametrize(
    ("there", "only_left", "only_right", "changed"),
    [
        ({"ndcg": 0.5, "recall": 0.25, "scoring_seconds": 9.0}, 0, 0, 0),  # how long it took is no content
        ({"ndcg": 0.5, "recall": 0.25 * (1 + 1e-9)}, 0, 0, 0),  # nor is the order in which numbers were added up
        ({"ndcg": 0.5, "recall": 0.26}, 0, 0, 1),
        ({"ndcg": 0.5}, 1, 0, 0),
        ({"ndcg": 0.5, "recall": 0.25, "mrr": 1.0}, 0, 1, 0),
    ],
)
def test_rows_are_compared_by_key_and_content(
    spark: SparkSession, there: dict[str, float], only_left: int, only_right: int, changed: int
) -> None:
    left, right = metrics(ndcg=0.5, recall=0.25, scoring_seconds=3.0), metrics(**there)
    found = compare(MODEL_METRICS, rows(spark, MODEL_METRICS, *left), rows(spark, MODEL_METRICS, *right))
    assert found == Difference("gold.model_metrics", 3, len(there), only_left, only_right, changed)
    assert found.is_equal == (only_left + only_right + changed == 0)
