"""Negatives drawn on the fly, never stored.

A draw is a hash of what it is for (seed, epoch, row, position, number), not the next value of a stream: the rank, the
batch a row falls in and the size of that batch change nothing, and a resumed epoch repeats what it drew.
A negative may equal a positive; the losses that mind leave such a pair out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mapping_spark.errors import ConfigError

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class DrawKey:
    """What a draw belongs to. `step` is the global step within the epoch, the same on all ranks."""

    seed: int
    epoch: int
    step: int


@dataclass(frozen=True, slots=True)
class Negatives:
    """Which negatives a model asks for."""

    kind: Literal["uniform", "popularity", "in_batch"] = "uniform"
    """Every item alike, an item by its count to the `power`, or what the rank's other rows chose (so its batch matters)."""
    n: int = 1
    """Negatives per row, position or batch."""
    per: Literal["row", "position", "batch"] = "row"
    """What has negatives of its own: shape (B, n), (B, L, n) or (n,)."""
    power: float = 1.0
    """Exponent of the counts for `popularity` (word2vec: 0.75)."""

    def __post_init__(self) -> None:
        """Raises `ValueError`: where these are settings, it is told with all their other faults."""
        if self.n < 1:
            raise ValueError(f"n = {self.n}: draw at least one negative")
        if self.kind == "in_batch" and (self.per, self.power) != ("batch", 1.0):
            raise ValueError(f"in_batch per {self.per}, power {self.power}: a batch's items are shared as they are, per batch and power 1")


class Sampler:
    """Draws the negatives of a batch. `log_q` (N,): log of each item's share of the draws."""

    def __init__(self, spec: Negatives, n_items: int, counts: Tensor | None = None) -> None:
        """`counts` (N,): how often each item was chosen, for `popularity`; an item without a choice is never drawn."""
        self.spec, self.n_items = spec, n_items
        self.log_q = torch.full((n_items,), -float(np.log(n_items)))
        self._cumulative: NDArray[np.float64] | None = None
        if spec.kind != "uniform":
            shares = _shares(n_items, counts, spec.power)
            self.log_q = torch.from_numpy(np.log(np.maximum(shares, np.finfo(np.float32).tiny))).float()
            self._cumulative = np.cumsum(shares) if spec.kind == "popularity" else None

    def draw(self, batch: Mapping[str, Tensor], key: DrawKey) -> Tensor:
        """Items (int64) of the declared shape; reads `row`, and the length L of `item_idxs` where each position has its own."""
        if self.spec.per == "batch":
            words = stream(_mixed(key.seed, key.epoch, -1 - key.step), self.spec.n)[0]
            return self._items(words) if self.spec.kind != "in_batch" else _chosen(batch, words)
        rows = batch["row"].numpy().astype(np.uint64)
        length = batch["item_idxs"].shape[1] if self.spec.per == "position" else 1
        items = self._items(stream(_mix(_mixed(key.seed, key.epoch) ^ (rows * GOLDEN)), length * self.spec.n))
        return items.view(len(rows), length, self.spec.n) if self.spec.per == "position" else items

    def _items(self, words: Words) -> Tensor:
        """Words to items: scaled for `uniform`, by the inverse of the cumulative distribution for `popularity`."""
        if self._cumulative is None:
            return torch.from_numpy((_unit(words) * self.n_items).astype(np.int64))
        return torch.from_numpy(np.searchsorted(self._cumulative, _unit(words) * self._cumulative[-1], side="right"))


def _chosen(batch: Mapping[str, Tensor], words: Words) -> Tensor:
    """Items of the batch, as often as it holds them."""
    items = batch["item_idxs"] if "item_idxs" in batch else batch["item_idx"]
    items = items[items >= 0]
    return items[torch.from_numpy((_unit(words) * len(items)).astype(np.int64))]


def _shares(n_items: int, counts: Tensor | None, power: float) -> NDArray[np.float64]:
    """Counts to the power, as shares of their sum."""
    if counts is None or len(counts) != n_items or not counts.sum() > 0:
        found = "no counts" if counts is None else f"{len(counts)} counts that sum to {float(counts.sum())}"
        raise ConfigError("negatives", found, f"one count per item, {n_items:,} in all", "Give the module its item counts.")
    known = counts.numpy().astype(np.float64)
    weights = np.where(known > 0, known**power, 0.0)
    return np.asarray(weights / weights.sum())


def _unit(words: Words) -> NDArray[np.float64]:
    """In [0, 1), from the first 53 bits."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def stream(seeds: Words, n: int) -> Words:
    """The first `n` words of SplitMix64 from each seed (Steele, Lea, Flood, OOPSLA 2014): shape of `seeds` + (n,)."""
    return _mix(seeds[..., None] + np.arange(1, n + 1, dtype=np.uint64) * GOLDEN)


def _mix(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _mixed(*parts: int) -> Words:
    """One word (1,) from some integers, order and signs included."""
    word = np.zeros(1, np.uint64)
    for part in parts:
        word = _mix((word ^ np.uint64(part % 2**64)) + GOLDEN)
    return word
