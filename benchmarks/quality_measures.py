"""What a model is asked in `make bench-quality`: a question gives one value per case, so that two models are compared case by case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from protocols import BLOCK, Ids, Scores
from torch import Tensor

Values = Mapping[str, Tensor]
"""(n,) per metric."""


@dataclass(frozen=True, slots=True)
class Question:
    """Cases to answer."""

    values: Callable[[Scores], Values]
    user: Ids
    """(n,): whose case each is. Intervals take users, not cases, as independent."""
    criterion: str
    """The metric that settings are chosen by."""

    @property
    def is_error(self) -> bool:
        """Whether less is better."""
        return self.criterion == "mse"


@dataclass(frozen=True, slots=True)
class RelevantItems:
    """Several right items per user, ranked among all items but those seen.

    Recall@k = right ones in the list / right ones; NDCG@k = sum of 1 / log2(1 + rank) over the right ones in the list / the
    most it can be (as LightGCN's and NGCF's code measure).
    """

    k: int
    relevant: tuple[Ids, ...]
    """Of each user, at least one."""
    seen: tuple[Ids, ...]

    def values(self, scores: Scores) -> Values:
        """`recall@k` and `ndcg@k` of each user, (U,)."""
        users = np.arange(len(self.relevant))
        parts = [self._values(part, scores) for part in np.array_split(users, max(1, len(users) // BLOCK))]
        recall, ndcg = (torch.cat(column) for column in zip(*parts, strict=True))
        return {f"recall{self.k}": recall, f"ndcg{self.k}": ndcg}

    def _values(self, users: Ids, scores: Scores) -> tuple[Tensor, Tensor]:
        scores_BN = scores(users, None).clone()
        scores_BN[_cells(self.seen, users)] = -torch.inf
        is_relevant_BN = torch.zeros_like(scores_BN, dtype=torch.bool)
        is_relevant_BN[_cells(self.relevant, users)] = True
        hit_Bk = is_relevant_BN.gather(1, scores_BN.topk(self.k).indices).double()
        n_B = is_relevant_BN.sum(dim=1)
        discount_k = 1 / torch.log2(torch.arange(self.k, dtype=torch.float64) + 2)
        return hit_Bk.sum(dim=1) / n_B, hit_Bk @ discount_k / discount_k.cumsum(0)[n_B.clamp(max=self.k) - 1]


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings to predict, of users and items that have others to learn from."""

    user: Ids
    item: Ids
    rating: NDArray[np.float64]

    def values(self, scores: Scores) -> Values:
        """`mse` and `mae` of each rating, (n,)."""
        error = scores(self.user, torch.from_numpy(self.item)[:, None])[:, 0].double() - torch.from_numpy(self.rating)
        return {"mse": error**2, "mae": error.abs()}


def _cells(items: tuple[Ids, ...], users: Ids) -> tuple[Tensor, Tensor]:
    """Positions (row in the block, item) of the items of these users."""
    rows = np.repeat(np.arange(len(users)), [len(items[user]) for user in users])
    return torch.from_numpy(rows), torch.from_numpy(np.concatenate([items[user] for user in users]))


def interval(value: Tensor, user: Ids) -> tuple[float, float]:
    """The mean of (n,) and half the width of its 95 % interval: users are independent, the cases of one user are not."""
    mean = float(value.mean())
    off_by_user = np.bincount(user, weights=value.numpy() - mean)
    return mean, 1.96 * float(np.sqrt((off_by_user**2).sum())) / len(value)


def summary(values: Values, user: Ids) -> dict[str, float]:
    """Each metric and `<metric>_half`; a mean squared error is given as its root."""
    found: dict[str, float] = {}
    for name, value in values.items():
        mean, half = interval(value, user)
        if name == "mse":
            name, mean, half = "rmse", mean**0.5, half / (2 * mean**0.5)
        found |= {name: mean, f"{name}_half": half}
    return found


def gain(values: Values, floor: Values, user: Ids) -> dict[str, float]:
    """Each metric's difference to a floor's, paired case by case, and `<metric>_half`."""
    found = {}
    for name in values:
        found[name], found[f"{name}_half"] = interval(values[name] - floor[name], user)
    return found
