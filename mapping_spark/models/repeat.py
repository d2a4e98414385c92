"""What the user chose before, most and latest first. Hard to beat where people buy the same things again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyspark.sql import functions as F

from mapping_spark.models.base import ModelConfig, Reach, TrainingData, Vectors
from mapping_spark.models.vectors import as_index, one_hot, sparse


class RepeatConfig(ModelConfig):
    """Nothing to set: the interactions' weights, with their decay, are the score."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Score = the interaction's own weight (decayed event count); 0 for what the user never chose.

    User vector: own weights over item_idx. Item vector: one-hot. "Personal top frequency" in Hu et al., SIGIR 2020
    ("Modeling personalized item frequency information for next-basket recommendation"), here with exponential decay.
    """

    name: ClassVar[str] = "repeat"
    reach: ClassVar[Reach] = Reach.HABIT
    Config: ClassVar[type[ModelConfig]] = RepeatConfig

    config: RepeatConfig
    seed: int

    def fit(self, data: TrainingData) -> Vectors:
        """Nothing is learned: the interactions are the model."""
        owned = data.interactions.select("user_idx", as_index("item_idx").alias("index"), F.col("weight").alias("value"))
        items = data.interactions.select("item_idx").distinct()
        return Vectors(users=sparse(owned, "user_idx"), items=one_hot(items, "item_idx"))
