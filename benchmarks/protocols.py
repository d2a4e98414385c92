"""The data sets of `make bench-deep` and how a model is measured on each.

Everywhere one item per user is held out for the test (the last), and one for the choice of settings and epochs (the one before it).
A rank counts the items with a score of at least the right one's, itself apart: a tie counts against the model.
HR@10 is the share of users whose item has one of the first 10 ranks; NDCG@10 is 1 / log2(1 + rank) there and 0 below, the mean over users.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

Ids = NDArray[np.int64]
FOLDER_VARIABLE = "MAPPING_SPARK_DATA"
K = 10
BLOCK = 512
SEED = 0
N_ML_SAMPLED = 100
N_NCF_NEGATIVES = 99

Scores = Callable[[Ids, Tensor | None], Tensor]
"""(B, m) scores for the users (B,) of the items (B, m), or of all items."""


def data_folder() -> Path:
    """Where the data sets lie: `$MAPPING_SPARK_DATA`, else `../shared/data` beside the project."""
    return Path(os.environ.get(FOLDER_VARIABLE) or Path(__file__).resolve().parents[2] / "shared" / "data")


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One right item per user (U,), and what it is ranked among."""

    target_U: Tensor
    seen: tuple[Ids, ...] = ()
    """Items left out of a full ranking, per user."""
    candidates_Um: Tensor | None = None
    """The other items of a ranking of few; None for a ranking of all items but `seen`."""

    def measure(self, scores: Scores) -> dict[str, float]:
        """HR@10 and NDCG@10, each with half the width of its 95 % interval."""
        values = self.values(scores)
        half = {name: 1.96 * float(value.std()) / len(value) ** 0.5 for name, value in values.items()}
        return {name: float(value.mean()) for name, value in values.items()} | {f"{name}_half": value for name, value in half.items()}

    def values(self, scores: Scores) -> dict[str, Tensor]:
        """`hr10` and `ndcg10` of each user, (U,)."""
        users = np.arange(len(self.target_U))
        better_U = torch.cat([self._better(part, scores) for part in np.array_split(users, max(1, len(users) // BLOCK))])
        hit_U = (better_U < K).double()
        return {"hr10": hit_U, "ndcg10": hit_U / torch.log2(better_U + 2.0)}

    def _better(self, users: Ids, scores: Scores) -> Tensor:
        """(B,): how many of the other items score at least as much as the right one."""
        target_B1 = self.target_U[users][:, None]
        if self.candidates_Um is not None:
            others_Bm = self.candidates_Um[users]
            scores_Bm = scores(users, torch.cat([target_B1, others_Bm], dim=1))
            return ((scores_Bm[:, 1:] >= scores_Bm[:, :1]) & (others_Bm != target_B1)).sum(dim=1)
        scores_BN = scores(users, None)
        is_ranked = torch.ones_like(scores_BN, dtype=torch.bool)
        rows = np.repeat(np.arange(len(users)), [len(self.seen[user]) for user in users])
        is_ranked[rows, np.concatenate([self.seen[user] for user in users])] = False
        is_ranked.scatter_(1, target_B1, False)
        return ((scores_BN >= scores_BN.gather(1, target_B1)) & is_ranked).sum(dim=1)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What to train on and what to measure."""

    n_users: int
    n_items: int
    training: tuple[Ids, ...]
    """Each user's items, oldest first where times are known, without the two held out."""
    known: tuple[Ids, ...]
    """The same with the item before the last: what a recommendation for the last may read."""
    validation: HeldOut
    tests: Mapping[str, HeldOut]
    """By protocol."""

    def popularity(self, histories: tuple[Ids, ...]) -> Scores:
        """The baseline: how often an item was chosen."""
        counts = torch.from_numpy(np.bincount(np.concatenate(histories), minlength=self.n_items)).float()
        return lambda users, items: counts.expand(len(users), -1) if items is None else counts[items]


def ml_1m_ncf(folder: Path) -> Dataset:
    """MovieLens-1M with the published last items and 99 negatives per user.

    Half the times of the training rows are unknown: the item held out for validation is a user's latest known one, else one by the seed.
    """
    read = {
        name: pq.read_table(folder / "ml-1m-ncf" / f"{name}.parquet").to_pandas()
        for name in ("train_rating", "test_rating", "test_negative")
    }
    rng = np.random.default_rng(SEED)
    rows = (
        read["train_rating"].assign(at=lambda frame: frame["timestamp"].fillna(-1) + rng.random(len(frame)) / 2).sort_values(["user", "at"])
    )
    known = _per_user(rows["user"].to_numpy(), rows["item"].to_numpy())
    test = read["test_rating"].sort_values("user")["item"].to_numpy(np.int64)
    negatives = read["test_negative"].sort_values(["user", "neg_no"])["neg_item"].to_numpy(np.int64).reshape(-1, N_NCF_NEGATIVES)
    n_items = int(max(rows["item"].max(), test.max(), negatives.max())) + 1
    others = _unseen([np.append(items, last) for items, last in zip(known, test, strict=True)], n_items, N_NCF_NEGATIVES)
    return Dataset(
        n_users=len(known),
        n_items=n_items,
        training=tuple(items[:-1] for items in known),
        known=known,
        validation=HeldOut(torch.tensor([items[-1] for items in known]), candidates_Um=others),
        tests={"given 99 negatives": HeldOut(torch.from_numpy(test), candidates_Um=torch.from_numpy(negatives))},
    )


def ml_1m_sequences(folder: Path) -> Dataset:
    """MovieLens-1M as published with SASRec: all rows in order."""
    return _sequences(pq.read_table(folder / "ml-1m-sasrec" / "interactions.parquet", columns=["user", "pos", "item"]), N_ML_SAMPLED)


def beauty(folder: Path) -> Dataset:
    """Amazon Beauty, 5-core, as published with S3-Rec."""
    return _sequences(pq.read_table(folder / "s3rec-beauty-sports-yelp-lastfm" / "Beauty_interactions.parquet"), 0)


def _sequences(table: Any, n_sampled: int) -> Dataset:
    rows = table.to_pandas().sort_values(["user", "pos"])
    items, item_idx = np.unique(rows["item"].to_numpy(), return_inverse=True)
    whole = _per_user(rows["user"].to_numpy(), item_idx)
    known, training = tuple(one[:-1] for one in whole), tuple(one[:-2] for one in whole)
    last = torch.tensor([one[-1] for one in whole])
    tests = {"full rank": HeldOut(last, known)}
    if n_sampled:
        tests[f"{n_sampled} uniform negatives"] = HeldOut(last, candidates_Um=_unseen(list(whole), len(items), n_sampled))
    validation = HeldOut(torch.tensor([one[-2] for one in whole]), training)
    return Dataset(len(whole), len(items), training, known, validation, tests)


def _per_user(user: NDArray[Any], item: NDArray[Any]) -> tuple[Ids, ...]:
    """Items of each user, the rows being ordered by user."""
    return tuple(np.split(item.astype(np.int64), np.flatnonzero(np.diff(user)) + 1))


def _unseen(seen: list[Ids], n_items: int, n: int) -> Tensor:
    """(U, n): different items that a user has not chosen, by the seed."""
    rng = np.random.default_rng(SEED)
    every = np.arange(n_items)
    return torch.from_numpy(np.stack([rng.choice(np.setdiff1d(every, items), n, replace=False) for items in seen]))


def windows(histories: tuple[Ids, ...], length: int, stride: int) -> tuple[Ids, Ids, Ids]:
    """(user, window, items (W, length)): each user's latest items, then earlier windows `stride` apart; -1 on the left."""
    users, numbers, rows = [], [], []
    for user, items in enumerate(histories):
        for number, end in enumerate(range(len(items), 1 if stride else len(items) - 1, -stride or -1)):
            part = items[max(0, end - length) : end]
            users.append(user)
            numbers.append(number)
            rows.append(np.pad(part, (length - len(part), 0), constant_values=-1))
            if end <= length:
                break
    return np.array(users), np.array(numbers), np.stack(rows)
