"""Learning to say the next item: what the sequence models share. They differ in how a history becomes states.

A sequence is (L,) items, oldest first, -1 to the left of the first. Only real items are computed: the T items of a
batch are laid end to end ("packed"), so that padding costs nothing and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from mapping_spark.models.base import RetrievalConfig
from mapping_spark.training import losses
from mapping_spark.training.negatives import Negatives, Sampler
from mapping_spark.training.trainable import Sizes

PADDING = -1


class NextItemConfig(RetrievalConfig):
    """Size and loss of a sequence model."""

    dimension: int = Field(64, ge=1)
    """Length of an item's vector and of a user's, bias apart."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Share of values left out of a step, after the embedding and in each layer."""
    loss: Literal["softmax", "sampled_softmax", "info_nce", "gbce", "bce", "bpr"] = "softmax"
    """`softmax` compares with every item; the others with the negatives drawn."""
    negatives: Negatives = Negatives("uniform", 256, "batch")
    """Drawn for every loss but `softmax`. Per batch they are shared by all its positions: one matrix product."""
    calibration: float = Field(0.75, ge=0, le=1)
    """t of `gbce`."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The real items of a batch of sequences, row after row."""

    item_T: Tensor
    row_T: Tensor
    """Row of the batch."""
    rank_T: Tensor
    """0 for the oldest item of its row."""
    length_B: Tensor
    """Real items per row."""

    @classmethod
    def of(cls, items_BL: Tensor) -> Packed:
        """Leave the padding out."""
        real_BL = items_BL != PADDING
        row_T, column_T = real_BL.nonzero(as_tuple=True)
        length_B = real_BL.sum(dim=1)
        return cls(items_BL[real_BL], row_T, column_T - (items_BL.shape[1] - length_B)[row_T], length_B)

    def age(self) -> Tensor:
        """(T,): 0 for the newest item of its row."""
        return self.length_B[self.row_T] - 1 - self.rank_T

    def aligned(self, values_TD: Tensor) -> Tensor:
        """(B, longest, D): each row's values from its oldest on, zeros behind its newest."""
        shape = (len(self.length_B), int(self.length_B.max()) if len(self.length_B) else 0, values_TD.shape[1])
        return values_TD.new_zeros(shape).index_put((self.row_T, self.rank_T), values_TD)

    def packed(self, values_BLD: Tensor) -> Tensor:
        """(T, D): the inverse of `aligned`."""
        return values_BLD[self.row_T, self.rank_T]


class NextItemModule(nn.Module):
    """Score of item i after a history: inner product of the history's state and the item's embedding, + the item's bias.

    The embedding that reads an item also scores it. A subclass gives `states`.
    """

    log_q: Tensor

    def __init__(self, config: NextItemConfig, sizes: Sizes) -> None:
        super().__init__()
        self.config, self.n_items = config, sizes.n_items
        self.items = nn.Embedding(sizes.n_items, config.dimension)
        self.item_bias = nn.Parameter(torch.zeros(sizes.n_items))
        nn.init.normal_(self.items.weight, std=0.02)
        self.negatives = None if config.loss == "softmax" else Sampler(config.negatives, sizes.n_items, sizes.item_counts)
        log_q = self.negatives.log_q if self.negatives else torch.empty(0)
        self.register_buffer("log_q", log_q, persistent=False)

    def states(self, history: Packed) -> Tensor:
        """(T, D): after each item of each history, from that item and earlier ones only."""
        raise NotImplementedError

    def last_states(self, items_BL: Tensor) -> Tensor:
        """(B, D): the user's profile; zeros for a row of padding only."""
        history = Packed.of(items_BL)
        states_TD = self.states(history)
        newest_T = history.age() == 0
        return states_TD.new_zeros(len(items_BL), states_TD.shape[1]).index_put((history.row_T[newest_T],), states_TD[newest_T])

    def loss(self, batch: dict[str, Tensor]) -> losses.Loss:
        """`batch`: item_idxs (B, L), and `negatives` as declared. Each item but the first of a row is predicted from those before it."""
        items_BL = batch["item_idxs"]
        known_BL = (items_BL[:, :-1] != PADDING) & (items_BL[:, 1:] != PADDING)
        chosen_T = items_BL[:, 1:][known_BL]
        state_TD = self.states(Packed.of(items_BL[:, :-1]))
        if self.config.loss == "softmax":
            return losses.softmax(F.linear(state_TD, self.items.weight, self.item_bias), chosen_T)
        drawn = batch["negatives"] if self.config.negatives.per == "batch" else self._per_position(batch["negatives"], known_BL)
        negative_Tn = losses.without_hits(self._scores(state_TD, drawn), drawn, chosen_T)
        return self._sampled_loss(self._scores(state_TD, chosen_T[:, None])[:, 0], negative_Tn, drawn)

    def _scores(self, state_TD: Tensor, items: Tensor) -> Tensor:
        """(T, n) for items (T, n), each state's own, or (n,), shared by all."""
        vectors, bias = F.embedding(items, self.items.weight), self.item_bias[items]
        if items.dim() == 1:
            return torch.addmm(bias, state_TD, vectors.T)
        return torch.bmm(vectors, state_TD[:, :, None])[:, :, 0] + bias

    def _sampled_loss(self, positive_T: Tensor, negative_Tn: Tensor, drawn: Tensor) -> losses.Loss:
        match self.config.loss:
            case "bce":
                return losses.bce(positive_T, negative_Tn)
            case "info_nce":
                return losses.info_nce(positive_T, negative_Tn)
            case "bpr":
                return losses.bpr(positive_T, negative_Tn)
            case "gbce":
                return losses.gbce(positive_T, negative_Tn, n_items=self.n_items, calibration=self.config.calibration)
        return losses.sampled_softmax(positive_T, negative_Tn, self.log_q[drawn])

    @staticmethod
    def _per_position(negatives: Tensor, known_BL: Tensor) -> Tensor:
        """(T, n): the draws of the positions that predict."""
        if negatives.dim() == 3:
            return negatives[:, 1:][known_BL]
        return negatives[known_BL.nonzero(as_tuple=True)[0]]


def user_vectors(module: NextItemModule, batch: dict[str, Tensor]) -> Tensor:
    """(B, D + 1): the profile, and 1 for the item's bias."""
    return F.pad(module.last_states(batch["item_idxs"]), (0, 1), value=1.0)


def item_vectors(module: NextItemModule) -> Tensor:
    """(N, D + 1): the embedding and the bias of every item."""
    return torch.cat([module.items.weight, module.item_bias[:, None]], dim=1)
