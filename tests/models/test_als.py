from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.errors import ContractError, EnvironmentFault
from mapping_spark.models.als import Als, AlsConfig, ensure_checkpoint_dir
from mapping_spark.models.base import TrainingData

from .checkerboard import training_data


def test_ids_beyond_32_bits_are_refused_with_the_number(spark: SparkSession) -> None:
    data = training_data(spark, pairs=((0, 2**31),))
    with pytest.raises(ContractError, match=r"item_idx = 2,147,483,648; expected at most 2,147,483,647"):
        Als(AlsConfig(), seed=7).fit(data)


def test_explicit_feedback_predicts_the_rating(spark: SparkSession) -> None:
    data = training_data(spark, pairs=tuple((u, i) for u in range(6) for i in range(6) if (u, i) != (5, 5)))
    rated = data.interactions.withColumn("weight", (F.col("user_idx") + 1) * (F.col("item_idx") + 1) / 36.0)
    config = AlsConfig(feedback="explicit", rank=1, iterations=10, regularization=0.001)
    vectors = Als(config, seed=7).fit(TrainingData(rated, data.items, data.as_of))
    user = next(row["values"] for row in vectors.users.collect() if row.user_idx == 5)
    item = next(row["values"] for row in vectors.items.collect() if row.item_idx == 5)
    assert sum(a * b for a, b in zip(user, item, strict=True)) == pytest.approx(6 * 6 / 36, abs=0.02)  # the pair left out


class Session:
    """As much of a session as the check reads."""

    def __init__(self, master: str) -> None:
        self.sparkSession = self.sparkContext = self
        self.master, self.directory = master, None

    def getCheckpointDir(self) -> Any:
        return self.directory

    def setCheckpointDir(self, directory: Any) -> None:
        self.directory = directory


def test_a_cluster_without_checkpoint_directory_is_refused() -> None:
    with pytest.raises(EnvironmentFault, match=r"Set spark\.checkpoint\.dir"):
        ensure_checkpoint_dir(Session("yarn"))  # type: ignore[arg-type]


def test_on_one_machine_a_folder_of_its_own_will_do_and_the_sessions_stays() -> None:
    session = Session("local[2]")
    ensure_checkpoint_dir(session)  # type: ignore[arg-type]
    first = session.getCheckpointDir()
    assert Path(first).is_dir()
    ensure_checkpoint_dir(session)  # type: ignore[arg-type]
    assert session.getCheckpointDir() == first
