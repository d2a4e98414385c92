"""What the user chose before, most and latest first. Hard to beat where people buy the same things again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from pyspark.sql import functions as F

from mapping_spark.models.base import ModelConfig, Reach, TrainingData, Vectors
from mapping_spark.models.crowd import recent_share
from mapping_spark.models.vectors import as_index, one_hot, sparse


class RepeatConfig(ModelConfig):
    """How far the crowd's habits lean on the user's own; the decay is that of the interactions."""

    popularity_power: float = Field(0.1, ge=0, le=1)
    """A weight is multiplied by (share of the most chosen item's users) ** power, users counted over `popularity_days`: of two
    items chosen once on one day, the one that others choose is more likely to come again. 0 leaves the weight alone."""
    popularity_days: int = Field(30, ge=1)
    """Days of 24 h (UTC) before the date in which users are counted."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Score = the interaction's own weight (decayed event count) times a small power of the item's recent popularity; 0 for
    what the user never chose.

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
        shares = recent_share(data.interactions, data.as_of, self.config.popularity_days, self.config.popularity_power)
        weighed = data.interactions.join(shares, on="item_idx", how="inner")  # one row per item on the right
        value = (F.col("weight") * F.col("share")).alias("value")
        owned = weighed.select("user_idx", as_index("item_idx").alias("index"), value)
        items = data.interactions.select("item_idx").distinct()
        return Vectors(users=sparse(owned, "user_idx"), items=one_hot(items, "item_idx"))
