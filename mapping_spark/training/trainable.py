"""What the loop trains: any torch module that gives the loss of a batch as a sum and the number of its terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import Tensor, nn

from mapping_spark.errors import ConfigError

if TYPE_CHECKING:
    from mapping_spark.training.negatives import Sampler

Batch = dict[str, Tensor]
"""Columns of a snapshot by name, B rows: int64 (B,) or (B, L), weight float32 (B,); `negatives` int64 where the module asks for them."""


@dataclass(frozen=True)
class Sizes:
    """What a module's tables are built for."""

    n_users: int
    """Users of the id map: user_idx is in [0, n_users)."""
    n_items: int
    """Items of the id map: item_idx is in [0, n_items)."""
    length: int = 0
    """L, the length of every sequence; 0 for interactions."""
    item_counts: Tensor | None = None
    """How often each item occurs in the snapshot, int64 (n_items,); None where nothing asks for it."""


@runtime_checkable
class Trainable(Protocol):
    """A `torch.nn.Module` with a loss."""

    negatives: Sampler | None
    """Draws the wrong answers of each batch; None where the loss needs none."""

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(sum of the loss over its terms, number of terms), both of shape (); a row of padding alone has no term.

        The loop sums both over ranks and divides once, so that the split of a batch over ranks changes nothing.
        """
        ...


def as_trainable(module: nn.Module) -> Trainable:
    """The same object, seen as what the loop trains. Raises `ConfigError` where it lacks `loss` or `negatives`."""
    if not isinstance(module, Trainable):
        lacking = [name for name in ("loss", "negatives") if not hasattr(module, name)]
        raise ConfigError(f"module {type(module).__name__}", f"no {' and no '.join(lacking)}", "a Trainable", "See training/trainable.py.")
    return module


def embedding_table(n_rows: int, width: int, sparse_rows: int | None) -> nn.Embedding:
    """An embedding (n_rows, width), whose gradient is sparse from `sparse_rows` rows on (None: never)."""
    return nn.Embedding(n_rows, width, sparse=sparse_rows is not None and n_rows >= sparse_rows)


def sparse_tables(module: nn.Module) -> list[Tensor]:
    """Weights whose gradient holds only the rows of a batch: embeddings made with `sparse=True`, in order of definition."""
    return [part.weight for part in module.modules() if isinstance(part, nn.Embedding) and part.sparse]
