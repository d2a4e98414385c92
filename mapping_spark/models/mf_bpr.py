"""Matrix factorisation learnt by ranking, or by regression on weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from mapping_spark.models.base import ModelConfig, Reach, RetrievalConfig
from mapping_spark.training import losses
from mapping_spark.training.negatives import Negatives, Sampler
from mapping_spark.training.trainable import Sizes, embedding_table


class MfBprConfig(RetrievalConfig):
    """Size and loss."""

    dimension: int = Field(64, ge=1)
    """Length of a user's and an item's vector, bias apart."""
    loss: Literal["bpr", "info_nce", "mse"] = "bpr"
    """`bpr`: an item chosen above each one drawn; `info_nce`: the item chosen among those drawn; `mse`: the pair's weight, 0 for
    a pair drawn."""
    negatives: Negatives = Negatives("uniform", 4, "row")
    """Items drawn for each pair, or for a batch: then its pairs share them, and many cost little."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of a user's factors left out of a step."""
    sparse_rows: int | None = Field(None, ge=0)
    """Tables of at least so many rows send and move only the rows that a batch touched. A step should touch a small part of them."""

    @field_validator("negatives")
    @classmethod
    def _of_pairs(cls, negatives: Negatives) -> Negatives:
        if negatives.per == "position":
            raise ValueError("negatives per position: a pair has none, draw per row or per batch")
        return negatives


class MfBprModule(nn.Module):
    """Score of a pair: inner product of their vectors + the item's bias."""

    def __init__(self, config: MfBprConfig, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        self.negatives = Sampler(config.negatives, sizes.n_items, sizes.item_counts)
        self.users = embedding_table(sizes.n_users, config.dimension, config.sparse_rows)
        self.items = embedding_table(sizes.n_items, config.dimension, config.sparse_rows)
        self.item_bias = embedding_table(sizes.n_items, 1, config.sparse_rows)
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.users.weight, std=config.dimension**-0.5 / 10)
        nn.init.normal_(self.items.weight, std=config.dimension**-0.5 / 10)
        nn.init.zeros_(self.item_bias.weight)

    def loss(self, batch: dict[str, Tensor]) -> losses.Loss:
        """`batch`: user_idx (B,), item_idx (B,), `negatives` (B, n) or (n,) as declared, and weight (B,) for `mse`."""
        positive_B, negative_Bn = self._scores(self.dropout(self.users(batch["user_idx"])), batch["item_idx"], batch["negatives"])
        negative_Bn = losses.without_hits(negative_Bn, batch["negatives"], batch["item_idx"])
        match self.config.loss:
            case "mse":
                return losses.mse(positive_B, negative_Bn, batch["weight"])
            case "info_nce":
                return losses.info_nce(positive_B, negative_Bn)
        return losses.bpr(positive_B, negative_Bn)

    def _scores(self, user_BD: Tensor, chosen_B: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) of the items chosen, (B, n) of those drawn. One look into each table: every look has a whole gradient of its own."""
        if drawn.dim() == 1:
            B, items = len(chosen_B), torch.cat([chosen_B, drawn])
            vectors, bias = self.items(items), self.item_bias(items)[:, 0]
            return (user_BD * vectors[:B]).sum(dim=1) + bias[:B], torch.addmm(bias[B:], user_BD, vectors[B:].T)
        items_Bm = torch.cat([chosen_B[:, None], drawn], dim=1)
        scores_Bm = torch.bmm(self.items(items_Bm), user_BD[:, :, None])[:, :, 0] + self.item_bias(items_Bm)[:, :, 0]
        return scores_Bm[:, 0], scores_Bm[:, 1:]


@dataclass(frozen=True, slots=True)
class MfBpr:
    """BPR-MF: Rendle, Freudenthaler, Gantner, Schmidt-Thieme, UAI 2009, with an item bias and no user bias."""

    name: ClassVar[str] = "mf_bpr"
    reach: ClassVar[Reach] = Reach.TASTE
    Config: ClassVar[type[ModelConfig]] = MfBprConfig
    shape: ClassVar[Literal["interactions", "sequences"]] = "interactions"

    config: MfBprConfig
    seed: int

    def module(self, sizes: Sizes) -> MfBprModule:
        """Fresh weights, from the seed."""
        torch.manual_seed(self.seed)
        return MfBprModule(self.config, sizes)

    def user_vectors(self, module: MfBprModule, batch: dict[str, Tensor]) -> Tensor:
        """(B, D + 1): the factors of `user_idx`, and 1 for the bias."""
        factors_BD: Tensor = module.users(batch["user_idx"])
        return nn.functional.pad(factors_BD, (0, 1), value=1.0)

    def item_vectors(self, module: MfBprModule) -> Tensor:
        """(N, D + 1): the factors and the bias of every item."""
        return torch.cat([module.items.weight, module.item_bias.weight], dim=1)
