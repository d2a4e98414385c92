"""How large the tables of a torch model are: what the training snapshot's manifest says."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the id maps, so that every user_idx and item_idx has a row."""

    n_users: int
    n_items: int
    length: int = 0
    """Items per sequence; 0 for interactions."""
    item_counts: Tensor | None = None
    """(n_items,): how often each item was chosen; None unless the model draws negatives by popularity."""
