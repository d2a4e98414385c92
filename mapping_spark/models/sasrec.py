"""Self-attentive sequential recommendation: a causal transformer over a user's items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from mapping_spark.models.base import ModelConfig, Reach
from mapping_spark.models.next_item import NextItemConfig, NextItemModule, Packed, item_vectors, user_vectors
from mapping_spark.training.trainable import Sizes


class SasRecConfig(NextItemConfig):
    """Size of the transformer."""

    blocks: int = Field(2, ge=1)
    """Layers of attention and feed-forward."""
    heads: int = Field(2, ge=1)
    """Attention heads; they share `dimension`."""
    expansion: int = Field(1, ge=1)
    """Width of the feed-forward layer, in `dimension`s; 1 in the paper."""

    @model_validator(mode="after")
    def _heads_share_evenly(self) -> Self:
        if self.dimension % self.heads:
            raise ValueError(f"dimension = {self.dimension} cannot be shared by heads = {self.heads}: use a multiple")
        return self


class Block(nn.Module):
    """Pre-norm: x + attention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, config: SasRecConfig) -> None:
        super().__init__()
        D = config.dimension
        self.heads = config.heads
        self.attention_norm, self.norm = nn.LayerNorm(D), nn.LayerNorm(D)
        self.query_key_value = nn.Linear(D, 3 * D)
        self.out = nn.Linear(D, D)
        self.wide, self.narrow = nn.Linear(D, config.expansion * D), nn.Linear(config.expansion * D, D)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x_TD: Tensor, history: Packed) -> Tensor:
        """(T, D) to (T, D)."""
        x_TD = x_TD + self.dropout(self.out(self._attention(self.query_key_value(self.attention_norm(x_TD)), history)))
        fed_TD: Tensor = self.dropout(self.narrow(F.gelu(self.wide(self.norm(x_TD)))))
        return x_TD + fed_TD

    def _attention(self, qkv_T3D: Tensor, history: Packed) -> Tensor:
        """Rows are aligned at their oldest item, so the causal mask alone keeps the fill behind the newest from being read."""
        aligned = history.aligned(qkv_T3D)
        B, L, D3 = aligned.shape
        query, key, value = aligned.view(B, L, 3, self.heads, D3 // 3 // self.heads).permute(2, 0, 3, 1, 4)
        read_BHLd = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return history.packed(read_BHLd.transpose(1, 2).reshape(B, L, D3 // 3))


class SasRecModule(NextItemModule):
    """Embedding + learned position, blocks, a last norm. Positions count back from the newest item."""

    def __init__(self, config: SasRecConfig, sizes: Sizes) -> None:
        super().__init__(config, sizes)
        self.positions = nn.Embedding(sizes.length, config.dimension)
        nn.init.normal_(self.positions.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.dimension)
        self.dropout = nn.Dropout(config.dropout)

    def states(self, history: Packed) -> Tensor:
        """(T, D): what follows each item, from it and earlier ones."""
        x_TD = self.dropout(self.items(history.item_T) * self.config.dimension**0.5 + self.positions(history.age()))
        for block in self.blocks:
            x_TD = block(x_TD, history)
        states_TD: Tensor = self.norm(x_TD)
        return states_TD


@dataclass(frozen=True, slots=True)
class SasRec:
    """SASRec: Kang, McAuley, ICDM 2018, with pre-norm blocks, GELU and a choice of losses (Petrov, Macdonald, RecSys 2023)."""

    name: ClassVar[str] = "sasrec"
    reach: ClassVar[Reach] = Reach.TASTE
    Config: ClassVar[type[ModelConfig]] = SasRecConfig
    shape: ClassVar[Literal["interactions", "sequences"]] = "sequences"

    config: SasRecConfig
    seed: int

    def module(self, sizes: Sizes) -> SasRecModule:
        """Fresh weights, from the seed."""
        torch.manual_seed(self.seed)
        return SasRecModule(self.config, sizes)

    user_vectors = staticmethod(user_vectors)
    item_vectors = staticmethod(item_vectors)
