from __future__ import annotations

import threading
import time

import pytest
from pyspark.sql import SparkSession

from mapping_spark.side_by_side import as_finished


def test_every_result_comes_back(spark: SparkSession) -> None:
    assert sorted(as_finished(spark, (lambda n=n: n * n for n in range(5)))) == [0, 1, 4, 9, 16]  # type: ignore[misc]


def test_two_steps_run_at_once(spark: SparkSession) -> None:
    both = threading.Barrier(2, timeout=10)
    assert sorted(as_finished(spark, [both.wait, both.wait])) == [0, 1]  # one alone would wait in vain


def test_a_fault_is_raised_and_later_steps_are_not_begun(spark: SparkSession) -> None:
    begun: list[int] = []

    def fail() -> None:
        raise ValueError("broken")

    def work() -> None:
        begun.append(1)
        time.sleep(0.05)

    with pytest.raises(ValueError, match="broken"):
        list(as_finished(spark, [fail, *[work] * 50]))
    assert len(begun) < 50
