"""Settings of the recommendation step. Imports no pyspark, so that reading a configuration stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from zoneinfo import available_timezones

from pydantic import Field, field_validator

from mapping_spark.config import Section

CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class Grid:
    """Into how many blocks each side of a top-k is cut; one task searches one cell (query block x target block)."""

    query_blocks: int = 4
    target_blocks: int = 1


class BlockConfig(Section):
    """How large the blocks of a top-k may be."""

    query_rows: int = Field(default=16_384, ge=1)
    """Most queries in a block. More of them mean fewer copies of the targets, and more memory in a task."""

    target_rows: int = Field(default=65_536, ge=1)
    """Most targets in a block: 16 MiB at 64 dimensions. More of them mean fewer lists to merge, and more memory in a task."""

    min_cells: int = Field(default=4, ge=1)
    """Cells at least, so that a small problem still uses every core: set it to one to four times the number of cores."""

    def grid(self, n_queries: int, n_targets: int) -> Grid:
        """Blocks for about so many rows on each side (a Delta table tells its number of rows without being read)."""
        target_blocks = max(1, ceil(n_targets / self.target_rows))
        wanted = max(ceil(n_queries / self.query_rows), ceil(self.min_cells / target_blocks))
        return Grid(query_blocks=max(1, min(wanted, n_queries)), target_blocks=target_blocks)


class RecommendConfig(Section):
    """What gold.recommendations and gold.similar_items are made with."""

    model: str = CHAMPION
    """Model whose lists are published: the one that passed the gate last, or any that is configured."""

    k: int = Field(default=10, ge=1, le=1000)
    """Items each user gets."""

    exclude_seen: bool = False
    """Whether items the user already had an event with are left out."""

    similar_model: str = "item_knn"
    """Model that says which items are alike."""

    similar_k: int = Field(default=20, ge=1, le=1000)
    """Similar items kept per item; reasons and the stage `similar` see no further."""

    popular_days: int = Field(default=30, ge=1)
    """Days before the date in which popularity counts users."""

    popular_depth: int = Field(default=10_000, ge=1)
    """Longest popularity list. With `exclude_seen`, users who saw at most this many items less k still get k."""

    min_users_shown: int = Field(default=5, ge=1)
    """Smallest number of users a reason names: a smaller one says little and could point at a person."""

    time_zone: str = "UTC"
    """Business time zone in which days are counted."""

    verb: str = Field(default="buy", min_length=1)
    """What users do with items, as reasons say it (`which you buy`)."""

    verb_past: str = Field(default="bought", min_length=1)
    """The same in the past (`bought 9 times`)."""

    blocks: BlockConfig = BlockConfig()
    """Block sizes of the top-k."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError("no IANA time zone; use a name such as America/New_York")
        return zone
