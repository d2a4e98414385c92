"""Neural collaborative filtering: a product of embeddings and a small network on another pair of them, joined."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from mapping_spark.models.base import ModelConfig
from mapping_spark.training import losses
from mapping_spark.training.negatives import Negatives, Sampler
from mapping_spark.training.trainable import Sizes, embedding_table


class NcfConfig(ModelConfig):
    """Size and head of NeuMF."""

    factors: int = Field(32, ge=0)
    """Length of the embeddings whose product is the GMF part; 0 leaves the part out."""
    embedding: int = Field(32, ge=1)
    """Length of the embeddings under the MLP part."""
    layers: tuple[Annotated[int, Field(ge=1)], ...] = (128, 64)
    """Widths of the MLP part; empty leaves the part out."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of a user's embedding values left out of a step."""
    loss: Literal["bce", "mse"] = "bce"
    """`bce`: chosen or not; `mse`: the pair's weight, 0 for a pair drawn."""
    n_negatives: int = Field(4, ge=1)
    """Uniform negatives per pair."""
    sparse_rows: int | None = Field(None, ge=0)
    """Tables of at least so many rows send and move only the rows that a batch touched. A step should touch a small part of them."""
    members: tuple[str, ...] = ("popularity",)
    """Models whose lists it ranks anew."""
    depth: int = Field(100, ge=1)
    """Items read from each member's list."""

    @model_validator(mode="after")
    def _has_a_part(self) -> Self:
        if not self.factors and not self.layers:
            raise ValueError("factors is 0 and layers is empty: give one of them")
        return self


class NcfModule(nn.Module):
    """Score (a logit) of a pair. A row of a table holds the factors of the GMF part, then the embedding of the MLP part."""

    def __init__(self, config: NcfConfig, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        self.negatives = Sampler(Negatives("uniform", config.n_negatives, "row"), sizes.n_items)
        embedding = config.embedding if config.layers else 0
        self.users = embedding_table(sizes.n_users, config.factors + embedding, config.sparse_rows)
        self.items = embedding_table(sizes.n_items, config.factors + embedding, config.sparse_rows)
        nn.init.normal_(self.users.weight, std=0.01)
        nn.init.normal_(self.items.weight, std=0.01)
        self.dropout = nn.Dropout(config.dropout)
        if config.layers:
            # The first layer over (user, item) is a sum of two, so a user's half is computed once for all its items.
            self.from_user = nn.Linear(embedding, config.layers[0])
            self.from_item = nn.Linear(embedding, config.layers[0], bias=False)
        deeper = (part for m, n in pairwise(config.layers) for part in (nn.Linear(m, n), nn.ReLU()))
        self.mlp = nn.Sequential(nn.ReLU(), *deeper)
        self.head = nn.Linear(config.factors + (config.layers[-1] if config.layers else 0), 1)

    def forward(self, user_B: Tensor, item_Bm: Tensor) -> Tensor:
        """Scores (B, m) of m items per user."""
        factors, weight_1H = self.config.factors, self.head.weight
        user_BD, item_BmD = self.dropout(self.users(user_B)), self.items(item_Bm)
        # head(concat(user * item, mlp)) without the products and the concat in memory.
        weighted_BF1 = (user_BD[:, :factors] * weight_1H[:, :factors])[:, :, None]
        scores_Bm: Tensor = torch.bmm(item_BmD[:, :, :factors], weighted_BF1)[:, :, 0] + self.head.bias
        if self.config.layers:
            hidden_BmH = self.mlp(self.from_user(user_BD[:, None, factors:]) + self.from_item(item_BmD[:, :, factors:]))
            scores_Bm = scores_Bm + hidden_BmH @ weight_1H[0, factors:]
        return scores_Bm

    def loss(self, batch: dict[str, Tensor]) -> losses.Loss:
        """`batch`: user_idx (B,), item_idx (B,), negatives (B, n), and weight (B,) for `mse`."""
        scores_Bm = self(batch["user_idx"], torch.cat([batch["item_idx"][:, None], batch["negatives"]], dim=1))
        positive_B, negative_Bn = scores_Bm[:, 0], losses.without_hits(scores_Bm[:, 1:], batch["negatives"], batch["item_idx"])
        if self.config.loss == "mse":
            return losses.mse(positive_B, negative_Bn, batch["weight"])
        return losses.bce(positive_B, negative_Bn)


@dataclass(frozen=True, slots=True)
class Ncf:
    """NeuMF: He, Liao, Zhang, Nie, Hu, Chua, WWW 2017, with ReLU layers of any width, and layer one split by linearity."""

    name: ClassVar[str] = "ncf"
    Config: ClassVar[type[ModelConfig]] = NcfConfig
    shape: ClassVar[Literal["interactions", "sequences"]] = "interactions"

    config: NcfConfig
    seed: int

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the models whose lists it reads."""
        return self.config.members

    @property
    def depth(self) -> int:
        """How many items of each member's list it reads."""
        return self.config.depth

    def module(self, sizes: Sizes) -> NcfModule:
        """Fresh weights, from the seed."""
        torch.manual_seed(self.seed)
        return NcfModule(self.config, sizes)

    def pretrained(self, gmf: NcfModule, mlp: NcfModule, sizes: Sizes) -> NcfModule:
        """Both parts trained apart, joined: their tables side by side, each head halved (the paper's alpha = 0.5).

        `gmf` has this model's factors and no layers, `mlp` its embedding and layers and no factors.
        """
        module = self.module(sizes)
        state = mlp.state_dict()
        for table in ("users.weight", "items.weight"):
            state[table] = torch.cat([gmf.state_dict()[table], state[table]], dim=1)
        state["head.weight"] = torch.cat([gmf.head.weight, mlp.head.weight], dim=1) / 2
        state["head.bias"] = (gmf.head.bias + mlp.head.bias) / 2
        module.load_state_dict(state)
        return module

    def scores(self, module: NcfModule, user_idx: Tensor, item_idx: Tensor) -> Tensor:
        """(P,): the logit of each pair; higher is better."""
        scores_P1: Tensor = module(user_idx, item_idx[:, None])
        return scores_P1[:, 0]
