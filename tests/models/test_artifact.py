from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from mapping_spark.errors import MissingInput
from mapping_spark.models.artifact import load, n_parameters, save
from mapping_spark.models.base import Vectors
from mapping_spark.tables.frames import small

SHAPE = "item_idx bigint, indices array<int>, values array<float>"


def test_a_frame_in_two_roles_is_stored_and_counted_once(spark: SparkSession, tmp_path: Path) -> None:
    users = small(spark, [(0, [3], [1.0])], SHAPE.replace("item", "user"))
    items = small(spark, [(5, [1, 2], [0.5, 0.25])], SHAPE)
    save(Vectors(users=users, items=items, similar_from=items, similar_to=items), str(tmp_path))
    found = load(spark, str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["items", "roles", "users"]
    assert found.similar_to is found.items
    assert [tuple(row) for row in found.items.collect()] == [(5, [1, 2], [0.5, 0.25])]
    assert n_parameters(found) == 1 + 2
    save(Vectors(users=users, items=items), str(tmp_path))  # a second save replaces the first
    assert load(spark, str(tmp_path)).similar_from is None


def test_an_unfinished_artifact_is_not_loaded(spark: SparkSession, tmp_path: Path) -> None:
    users = small(spark, [(0, [3], [1.0])], SHAPE.replace("item", "user"))
    users.write.parquet(str(tmp_path / "users"))
    with pytest.raises(MissingInput, match="no table of contents"):
        load(spark, str(tmp_path))
