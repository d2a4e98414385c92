"""What ranks do in the tests: functions of a collective, and a tiny module to train."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # an optimiser's first step loads it, which takes seconds: here once, before ranks are forked
from torch import Tensor, nn

from mapping_spark.errors import MappingSparkError
from mapping_spark.training.collective import Collective, RankLost
from mapping_spark.training.negatives import Negatives, Sampler
from mapping_spark.training.run import Training
from mapping_spark.training.trainable import Batch, Sizes


class Pairs(nn.Module):
    """Logistic loss of an inner product, 1 for what was chosen and 0 for what was drawn."""

    def __init__(self, sizes: Sizes, sparse: bool) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.negatives = Sampler(Negatives("uniform", 2, "row"), sizes.n_items)
        self.users = nn.Embedding(sizes.n_users, 4, sparse=sparse)
        self.items = nn.Embedding(sizes.n_items, 4, sparse=sparse)
        self.scale = nn.Linear(1, 1)

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        items = torch.cat([batch["item_idx"][:, None], batch["negatives"]], dim=1)
        scores = (self.users(batch["user_idx"])[:, None] * self.items(items)).sum(dim=2)
        scores = self.scale(scores[:, :, None])[:, :, 0]
        chosen = torch.zeros_like(scores)
        chosen[:, 0] = 1
        return nn.functional.binary_cross_entropy_with_logits(scores, chosen, reduction="sum"), torch.tensor(scores.numel())


class NextItems(nn.Module):
    """Softmax over the item that follows each known one; positions of padding have no term, so ranks differ in terms."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.negatives = None
        self.items = nn.Embedding(sizes.n_items + 1, 4, padding_idx=0)
        self.out = nn.Linear(4, sizes.n_items)

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        before, after = batch["item_idxs"][:, :-1], batch["item_idxs"][:, 1:]
        known = before >= 0
        scores = self.out(self.items(before + 1))[known]
        return nn.functional.cross_entropy(scores, after[known], reduction="sum"), known.sum()


@dataclass(frozen=True)
class Make:
    """Builds a module, and plants an accident in it."""

    kind: str = "pairs"
    accident: str = ""
    rank: int = 1
    """Whose accident it is."""
    at_loss: int = 5
    """On which call of the loss."""

    def __call__(self, sizes: Sizes) -> nn.Module:
        module = NextItems(sizes) if self.kind == "next" else Pairs(sizes, sparse=self.kind == "sparse")
        own = int(os.environ.get("HOROVOD_RANK", os.environ.get("RANK", "0")))
        if self.accident and own == self.rank:
            module.loss = _Accident(module.loss, self.accident, self.at_loss)  # type: ignore[method-assign]
        return module


class _Accident:
    def __init__(self, loss: Any, kind: str, at_loss: int) -> None:
        self.loss, self.kind, self.left = loss, kind, at_loss

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        total, terms = self.loss(batch)
        self.left -= 1
        if self.left == 0 and self.kind in ("SIGKILL", "SIGSTOP"):
            os.kill(os.getpid(), getattr(signal, self.kind))
        if self.left == 0 and self.kind == "sleep":
            time.sleep(600)
        return (total * torch.nan if self.left == 0 and self.kind == "nan" else total), terms


@dataclass(frozen=True)
class Trains:
    """Several trainings in one launch, one after the other; a fault that all ranks share is a result."""

    trainings: tuple[Training, ...]

    def __call__(self, collective: Collective) -> list[Any]:
        return [_result(training, collective) for training in self.trainings]


def _result(training: Training, collective: Collective) -> Any:
    try:
        return training(collective)
    except RankLost:
        raise
    except MappingSparkError as fault:
        return {"fault": type(fault).__name__, "text": str(fault)}


@dataclass(frozen=True)
class OwnCopies:
    """A training in which each rank reads its own copy of the snapshot."""

    training: Training

    def __call__(self, collective: Collective) -> Any:
        return _result(replace(self.training, snapshot=f"{self.training.snapshot}-{collective.rank}"), collective)


def introduced(collective: Collective) -> list[Any]:
    """Work that asks nothing of the other ranks: rank, size, and how often (ms) Horovod's threads look for something to send."""
    return [collective.rank, collective.size, os.environ.get("HOROVOD_CYCLE_TIME")]


def in_folder(training: Training, folder: Path, **config: Any) -> Training:
    """The same training elsewhere and with other settings."""
    return replace(training, folder=str(folder), config=training.config.model_copy(update=config))
