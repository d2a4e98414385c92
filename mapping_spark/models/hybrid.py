"""The lists of several models fused by weighted reciprocal ranks, the weights chosen by the length of a user's history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from pydantic import Field, model_validator
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.features.fixed_point import fixed_point_sum
from mapping_spark.models.base import ModelConfig


class HybridConfig(ModelConfig):
    """Whose lists count how much, for whom."""

    history_from: tuple[int, ...] = Field((0, 50, 201), min_length=1)
    """Smallest number of different items in a user's history, per bucket, ascending from 0; the last bucket is open."""
    weights: dict[str, tuple[float, ...]] = Field(
        {"repeat": (30.0, 30.0, 30.0), "als": (1.0, 1.0, 1.0), "item_knn": (0.5, 0.0, 1.0), "popularity": (1.5, 0.25, 0.5)}
    )
    """Weight of each member's list, one per bucket; 0 leaves it out."""
    rank_constant: float = Field(30.0, ge=0)
    """Added to every rank: the larger, the less the first places differ."""
    depth: int = Field(100, ge=1)
    """Items read from each member's list."""

    @model_validator(mode="after")
    def _buckets_agree(self) -> Self:
        if self.history_from[0] != 0 or list(self.history_from) != sorted(set(self.history_from)):
            raise ValueError(f"history_from = {self.history_from}: use ascending numbers from 0")
        for model, weights in self.weights.items():
            if len(weights) != len(self.history_from):
                raise ValueError(f"weights.{model} has {len(weights)} numbers for {len(self.history_from)} buckets: give one each")
            if min(weights) < 0:
                raise ValueError(f"weights.{model} = {weights}: use 0 or more")
        for bucket, start in enumerate(self.history_from):
            if not any(weights[bucket] > 0 for weights in self.weights.values()):
                raise ValueError(f"weights are all 0 for users with {start} items and more: give one model a weight")
        return self


@dataclass(frozen=True, slots=True)
class Hybrid:
    """Score = sum over members of weight / (rank_constant + rank); comparable within one user's list only.

    Cormack, Clarke, Buettcher, SIGIR 2009 (reciprocal rank fusion, constant 60), with weights.
    """

    name: ClassVar[str] = "hybrid"
    Config: ClassVar[type[ModelConfig]] = HybridConfig

    config: HybridConfig
    seed: int

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the models whose lists it reads, sorted."""
        return tuple(sorted(self.config.weights))

    @property
    def depth(self) -> int:
        """How many items of each member's list it reads."""
        return self.config.depth

    def fuse(self, lists: DataFrame, interactions: DataFrame) -> DataFrame:
        """(user_idx, item_idx, score): one row per pair that a member with a weight lists among its first `depth`.

        `lists`: (model, user_idx, item_idx, rank), rank from 1 and unique per model and user. A user without
        interactions has a history of 0 items.
        """
        histories = interactions.groupBy("user_idx").agg(F.count(F.lit(1)).alias("n_items"))
        counted = (
            lists.where(F.col("rank") <= self.config.depth)
            .join(histories, on="user_idx", how="left")  # one row per user
            .withColumn("list_weight", self._weight(F.coalesce("n_items", F.lit(0))))
            .where(F.col("list_weight") > 0)
        )
        share = F.col("list_weight") / (F.lit(self.config.rank_constant) + F.col("rank"))
        return counted.groupBy("user_idx", "item_idx").agg(fixed_point_sum(share).alias("score"))

    def _weight(self, n_items: Column) -> Column:
        """Weight of the row's model for a user with `n_items`; 0 for a model that is no member."""
        weight = F.lit(0.0)
        for model in self.members:
            by_history = F.lit(self.config.weights[model][0])
            for start, value in zip(self.config.history_from[1:], self.config.weights[model][1:], strict=True):
                by_history = F.when(n_items >= start, F.lit(value)).otherwise(by_history)
            weight = F.when(F.col("model") == model, by_history).otherwise(weight)
        return weight
