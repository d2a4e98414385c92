"""A recurrent network over a user's items; its last state is the user's profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mapping_spark.models.base import ModelConfig, Reach
from mapping_spark.models.next_item import NextItemConfig, NextItemModule, Packed, item_vectors, user_vectors
from mapping_spark.training.trainable import Sizes


class LstmConfig(NextItemConfig):
    """Size of the recurrent network."""

    cell: Literal["lstm", "gru"] = "gru"
    """Kind of its cells."""
    hidden: int = Field(128, ge=1)
    """Length of its state."""
    layers: int = Field(1, ge=1)
    """Networks on top of each other."""


class LstmModule(NextItemModule):
    """Embedding, recurrent layers, a projection to the length of an item's vector."""

    def __init__(self, config: LstmConfig, sizes: Sizes) -> None:
        super().__init__(config, sizes)
        cells = nn.GRU if config.cell == "gru" else nn.LSTM
        between = config.dropout if config.layers > 1 else 0.0
        self.cells = cells(config.dimension, config.hidden, config.layers, batch_first=True, dropout=between)
        self.out = nn.Linear(config.hidden, config.dimension)
        self.dropout = nn.Dropout(config.dropout)

    def states(self, history: Packed) -> Tensor:
        """(T, D): what follows each item, from it and earlier ones."""
        read_BLD = history.aligned(self.dropout(self.items(history.item_T) * self.config.dimension**0.5))
        if not read_BLD.numel():
            return read_BLD.new_zeros(0, self.config.dimension)
        states_BLH, _ = self.cells(read_BLD)  # the fill behind a row's newest item is read after it, and by nobody
        states_TD: Tensor = self.out(self.dropout(history.packed(states_BLH)))
        return states_TD


@dataclass(frozen=True, slots=True)
class Lstm:
    """GRU4Rec: Hidasi, Karatzoglou, Baltrunas, Tikk, ICLR 2016, over whole histories, input and output embeddings tied."""

    name: ClassVar[str] = "lstm"
    reach: ClassVar[Reach] = Reach.TASTE
    Config: ClassVar[type[ModelConfig]] = LstmConfig
    shape: ClassVar[Literal["interactions", "sequences"]] = "sequences"

    config: LstmConfig
    seed: int

    def module(self, sizes: Sizes) -> LstmModule:
        """Fresh weights, from the seed."""
        torch.manual_seed(self.seed)
        return LstmModule(self.config, sizes)

    user_vectors = staticmethod(user_vectors)
    item_vectors = staticmethod(item_vectors)
