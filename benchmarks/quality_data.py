"""The data sets of `make bench-quality`: rows to choose settings on, rows to fit on, and what is asked after each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from protocols import SEED, Dataset, HeldOut, Ids, beauty, ml_1m_ncf, ml_1m_sequences
from quality_measures import Question, Ratings, RelevantItems

PROTOCOLS = {"full rank": "full_rank", "100 uniform negatives": "uniform_100", "given 99 negatives": "given_99"}
"""Names in `protocols.py` and `deep.json`, and here."""
EXPLICIT_SHARE, GOWALLA_SHARE = 0.75, 0.8


@dataclass(frozen=True, slots=True)
class Rows:
    """Interactions, (n,) each."""

    user: Ids
    item: Ids
    weight: NDArray[np.float64]

    def __getitem__(self, chosen: NDArray[Any]) -> Rows:
        return Rows(self.user[chosen], self.item[chosen], self.weight[chosen])


@dataclass(frozen=True, slots=True)
class Stage:
    """Fit on the rows, then answer."""

    rows: Rows
    questions: Mapping[str, Question]
    """By protocol."""


@dataclass(frozen=True, slots=True)
class Data:
    """A data set, split."""

    n_users: int
    n_items: int
    validation: Stage
    """Settings are chosen here: a part of the training rows, and the rest of them as a test."""
    test: Stage
    texts: tuple[str, ...] | None = None


def last_items(load: Callable[[Path], Dataset], folder: Path) -> Data:
    """A data set of `protocols.py`, where the last item of each user is to be found."""
    data = load(folder)
    users = np.arange(data.n_users)
    tests = {PROTOCOLS[name]: Question(held_out.values, users, "ndcg10") for name, held_out in data.tests.items()}
    validation = {"validation": Question(data.validation.values, users, "ndcg10")}
    return Data(data.n_users, data.n_items, Stage(_once(data.training), validation), Stage(_once(data.known), tests))


def gowalla(folder: Path) -> Data:
    """Check-ins in the split of NGCF and LightGCN. Validation: a fifth of each user's training rows, by the seed."""
    train, test = (pq.read_table(folder / "gowalla-lightgcn" / f"{part}.parquet").to_pandas() for part in ("train", "test"))
    rows, held = (Rows(part["user"].to_numpy(np.int64), part["item"].to_numpy(np.int64), np.ones(len(part))) for part in (train, test))
    n_users, n_items = int(rows.user.max()) + 1, int(rows.item.max()) + 1

    def stage(protocol: str, known: Rows, asked: Rows) -> Stage:
        items = RelevantItems(20, _by_user(asked, n_users), _by_user(known, n_users))
        return Stage(known, {protocol: Question(items.values, np.arange(n_users), "ndcg20")})

    return Data(n_users, n_items, stage("validation", *_split(rows, GOWALLA_SHARE)), stage("full_rank", rows, held))


def movielens_100k(folder: Path) -> Data:
    """Ratings 1 to 5: three quarters of each user's train, the rest test; validation splits the training rows alike.

    As in the benchmark of the library recommenders, test ratings of items that no training row has are left out.
    """
    read = pq.read_table(folder / "movielens-100k" / "ratings.parquet").to_pandas()
    rows = Rows(read["user_id"].to_numpy(np.int64), read["item_id"].to_numpy(np.int64), read["rating"].to_numpy(np.float64))

    def stage(protocol: str, known: Rows, asked: Rows) -> Stage:
        told = asked[np.isin(asked.item, known.item)]
        return Stage(known, {protocol: Question(Ratings(told.user, told.item, told.weight).values, told.user, "mse")})

    train, test = _split(rows, EXPLICIT_SHARE)
    validation = stage("validation", *_split(train, EXPLICIT_SHARE))
    return Data(int(rows.user.max()) + 1, int(rows.item.max()) + 1, validation, stage("explicit_75_25", train, test))


def amazon_texts(category: str, folder: Path) -> Data:
    """Next purchases after a history of at most 10, with the items' texts. The published training rows are absent.

    A case is a user of its own with its history; the items are all of the catalogue, those of the history too, as published. The
    rows of the validation part (histories and answers) are earlier, so a test may read them.
    """
    frames = {part: pq.read_table(folder / AMAZON / f"{category}_{part}.parquet").to_pandas() for part in ("items", "valid", "test")}
    items = frames["items"].sort_values("item")
    texts = tuple(items[["title", "brand", "categories", "description"]].agg(" ".join, axis=1))

    def cases(part: str, first: int, with_answers: bool) -> Rows:
        lists = [
            np.append(history, answer) if with_answers else np.asarray(history)
            for history, answer in zip(frames[part]["history_item_id"], frames[part]["item_id"], strict=True)
        ]
        return _counted(tuple(one.astype(np.int64) for one in lists), first)

    def stage(protocol: str, part: str, earlier: tuple[Rows, ...]) -> Stage:
        frame = frames[part]
        target = torch.from_numpy(frame["item_id"].to_numpy(np.int64))
        held_out = HeldOut(target, seen=(np.empty(0, np.int64),) * len(frame))
        question = Question(held_out.values, np.unique(frame["user_id"], return_inverse=True)[1], "ndcg10")
        return Stage(_joined(cases(part, 0, with_answers=False), *earlier), {protocol: question})

    n_test = len(frames["test"])
    test = stage("full_rank", "test", (cases("valid", n_test, with_answers=True),))
    return Data(n_test + len(frames["valid"]), len(items), stage("validation", "valid", ()), test, texts)


AMAZON = "amazon-industrial-office-text"
DATA: dict[str, tuple[str, Callable[[Path], Data]]] = {
    "ml-1m-ncf": ("ml-1m-ncf", partial(last_items, ml_1m_ncf)),
    "ml-1m": ("ml-1m-sasrec", partial(last_items, ml_1m_sequences)),
    "beauty": ("s3rec-beauty-sports-yelp-lastfm", partial(last_items, beauty)),
    "gowalla": ("gowalla-lightgcn", gowalla),
    "movielens-100k": ("movielens-100k", movielens_100k),
    "amazon-industrial": (AMAZON, partial(amazon_texts, "Industrial_and_Scientific")),
    "amazon-office": (AMAZON, partial(amazon_texts, "Office_Products")),
}
"""Folder and loader by name."""


def _once(histories: tuple[Ids, ...]) -> Rows:
    counts = [len(items) for items in histories]
    return Rows(np.repeat(np.arange(len(histories)), counts), np.concatenate(histories), np.ones(sum(counts)))


def _counted(histories: tuple[Ids, ...], first: int) -> Rows:
    """One row per user and item, weighted by how often it stands in the history; users are numbered from `first`."""
    rows = _once(histories)
    pairs, counts = np.unique(np.stack([rows.user, rows.item]), axis=1, return_counts=True)
    return Rows(pairs[0] + first, pairs[1], counts.astype(np.float64))


def _joined(*parts: Rows) -> Rows:
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("user", "item", "weight")))


def _by_user(rows: Rows, n_users: int) -> tuple[Ids, ...]:
    order = np.argsort(rows.user, kind="stable")
    return tuple(np.split(rows.item[order], np.cumsum(np.bincount(rows.user, minlength=n_users))[:-1]))


def _split(rows: Rows, share: float) -> tuple[Rows, Rows]:
    """A share of each user's rows, rounded, and the rest; by the seed."""
    order = np.lexsort((np.random.default_rng(SEED).random(len(rows.user)), rows.user))
    counts = np.bincount(rows.user)
    start = np.cumsum(counts) - counts
    user = rows.user[order]
    is_first = np.arange(len(user)) - start[user] < np.round(share * counts)[user]
    return rows[order[is_first]], rows[order[~is_first]]
