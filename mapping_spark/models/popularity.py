"""What most users chose lately. The same list for everyone; the baseline that a personal model must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from pyspark.sql import functions as F

from mapping_spark.models.base import ModelConfig, Reach, TrainingData, Vectors
from mapping_spark.models.crowd import count_users
from mapping_spark.models.space import Choice, Space
from mapping_spark.models.vectors import dense


class PopularityConfig(ModelConfig):
    """Which users count."""

    window_days: int | None = Field(30, ge=1)
    """Count users whose last event with the item lies at most so many days (of 24 h, UTC) before the date; null counts all."""

    space: ClassVar[Space] = {"window_days": Choice((7, 14, 30, 60, 90))}


@dataclass(frozen=True, slots=True)
class Popularity:
    """Score = distinct users in the window + a fraction below 1 that orders equal counts by all users ever.

    Vectors have length 1: [1] for every user, [score] for every item anybody chose.
    """

    name: ClassVar[str] = "popularity"
    reach: ClassVar[Reach] = Reach.CROWD
    Config: ClassVar[type[ModelConfig]] = PopularityConfig

    config: PopularityConfig
    seed: int

    def fit(self, data: TrainingData) -> Vectors:
        """Count users per item; an interaction is one user and item, so its last event decides whether the user counts."""
        counts = count_users(data.interactions, data.as_of, self.config.window_days)
        largest = counts.agg(F.max("n_users").alias("most"))
        scored = counts.crossJoin(F.broadcast(largest))  # one row: the largest count of all
        score = F.col("n_recent") + F.col("n_users") / (F.col("most") + 1)
        users = data.interactions.select("user_idx").distinct()
        return Vectors(
            users=dense(users, "user_idx", F.array(F.lit(1.0))),
            items=dense(scored, "item_idx", F.array(score)),
        )
