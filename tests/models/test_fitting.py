"""Fitting: where Spark's checkpoints lie meanwhile. What it saves and finds again is seen in the golden day."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from mapping_spark.models.fitting import spark_checkpoints
from mapping_spark.tables.store import Store


def place(spark: SparkSession) -> Path:
    return Path((spark.sparkContext.getCheckpointDir() or "").removeprefix("file:"))


def test_checkpoints_lie_under_the_root_and_are_gone_afterwards(spark: SparkSession, tmp_path: Path) -> None:
    spark.sparkContext.setCheckpointDir(str(tmp_path / "spark_checkpoints"))  # as an earlier fit left it
    with spark_checkpoints(Store(spark, str(tmp_path))):
        during = place(spark)
        assert during.is_dir()
    assert during.parent == tmp_path / "spark_checkpoints"
    assert not during.exists()


def test_a_session_keeps_the_place_it_was_given(spark: SparkSession, tmp_path: Path) -> None:
    spark.sparkContext.setCheckpointDir(str(tmp_path / "given"))
    given = place(spark)
    with spark_checkpoints(Store(spark, str(tmp_path / "root"))):
        assert place(spark) == given
    assert given.is_dir()
