"""What most users ever chose: the plainest baseline, and the check that a protocol is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from mapping_spark.models.base import ModelConfig
from mapping_spark.models.popularity import Popularity, PopularityConfig
from mapping_spark.models.space import Space


class PopularityAllTimeConfig(PopularityConfig):
    """No setting: all users count."""

    window_days: None = Field(default=None)
    """Always null."""

    space: ClassVar[Space] = {}


@dataclass(frozen=True, slots=True)
class PopularityAllTime(Popularity):
    """`popularity` without a window: score = distinct users."""

    name: ClassVar[str] = "popularity_all_time"
    Config: ClassVar[type[ModelConfig]] = PopularityAllTimeConfig
