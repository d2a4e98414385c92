"""Executors are compared with the driver before ranks start there."""

from __future__ import annotations

import os

import pytest
from pyspark.sql import SparkSession

from mapping_spark.errors import EnvironmentFault
from mapping_spark.tables.runs import code_version
from mapping_spark.training import executors


def test_executors_like_the_driver_are_welcome_and_a_difference_is_named_once(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    executors.check_executors(spark, 2)
    own = code_version()
    monkeypatch.setattr(executors, "code_version", lambda: "of tomorrow")
    with pytest.raises(EnvironmentFault) as fault:
        executors.check_executors(spark, 2)  # both tasks run here: one host, one line
    assert fault.value.found == f"{os.uname().nodename}: mapping_spark {own}, driver of tomorrow"
    assert "PYSPARK_PYTHON" in fault.value.fix
    executors.check_executors(spark, 2, without=("mapping_spark",))
