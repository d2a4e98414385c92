from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.errors import ConfigError
from mapping_spark.models.hybrid import Hybrid, HybridConfig
from mapping_spark.models.registry import parse_configs
from mapping_spark.tables.frames import small

from .checkerboard import training_data

WEIGHTS = {"als": (1.0, 2.0), "popularity": (0.5, 0.0)}
CONFIG = HybridConfig(history_from=(0, 2), weights=WEIGHTS, rank_constant=60, depth=2)


def fused(spark: SparkSession, *lists: tuple[str, int, int, int]) -> dict[tuple[int, int], float]:
    frame: DataFrame = small(spark, list(lists), "model string, user_idx bigint, item_idx bigint, rank int")
    histories = training_data(spark, pairs=((0, 0), (1, 0), (1, 1))).interactions  # user 0 has one item, user 1 two
    found = Hybrid(CONFIG, seed=7).fuse(frame, histories).collect()
    return {(row.user_idx, row.item_idx): row.score for row in found}


def test_reciprocal_ranks_are_weighted_by_history(spark: SparkSession) -> None:
    both = [(model, user, 5, rank) for user in (0, 1, 2) for model, rank in (("als", 1), ("popularity", 2))]
    scores = fused(spark, *both, ("popularity", 1, 7, 1), ("als", 0, 8, 3), ("knn", 0, 9, 1))
    short = 1 / (60 + 1) + 0.5 / (60 + 2)
    expected = {(0, 5): short, (1, 5): 2 / (60 + 1), (2, 5): short}  # user 2 has no history; rank 3 lies beyond the depth
    assert scores == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"history_from": (1, 2)}, "use ascending numbers from 0"),
        ({"history_from": (0, 5, 5)}, "use ascending numbers from 0"),
        ({"weights": {"als": (1,)}}, "weights.als has 1 numbers for 2 buckets"),
        ({"weights": {"als": (1, -1)}}, "use 0 or more"),
        ({"weights": {"als": (1, 0)}}, "all 0 for users with 9 items"),
    ],
)
def test_buckets_and_weights_must_agree(settings: dict[str, object], hint: str) -> None:
    raw = {"history_from": (0, 9), "weights": {"als": (1, 1)}} | settings
    with pytest.raises(ConfigError, match=hint):
        parse_configs({"als": {}, "hybrid": raw})
