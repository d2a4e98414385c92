"""What a model is. One file per model; the file's name is the model's name everywhere.

A model maps users and items into vectors: a recommendation is an item whose vector has a large inner product with
the user's and that a rule allows. Popularity is a vector of length one, a habit is a one-hot item, a neighbourhood
and a text are sparse vectors, factors are dense ones. So every model saves, loads, retrieves and explains itself in
the same way, and a new one edits no other file. A fusion model ranks the lists that other models retrieved.

Ranking, filters, writing and evaluation are not a model's business.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import Field
from pyspark.sql import DataFrame

from mapping_spark.config import Section
from mapping_spark.errors import MissingInput


class ModelConfig(Section):
    """Settings of a model: frozen, unknown keys refused."""

    def factor_bytes(self, n_users: int, n_items: int) -> int:
        """Bytes of the factors that the fitted model holds whole; 0 where it holds none, or a training plan counts them."""
        return 0


class RetrievalConfig(ModelConfig):
    """What a deep model that retrieves may add to its scores."""

    popularity_power: float = Field(0.0, ge=0)
    """Scores get + popularity_power * ln(share), share = (users who chose the item lately + 1) / (the most of any item + 1). With
    `info_nce`, and negatives by popularity, 1 turns taste into probability under the popularity of these days (logit
    adjustment: Menon et al., ICLR 2021)."""
    popularity_days: int = Field(30, ge=1)
    """Days of 24 h (UTC) before the date in which users are counted."""


class Reach(StrEnum):
    """Which items a model has an opinion on: what a list of its own can hold, and what its right answer is."""

    TASTE = "taste"
    """Every item, by the user's taste: finds what is new to the user."""
    HABIT = "habit"
    """The user's own items only; the rest scores 0."""
    CROWD = "crowd"
    """Every item, the same list for all users."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What every model is fitted on.

    `interactions`: the slice of silver.interactions of `as_of` (one row per user and item).
    `items`: (item_idx bigint, text string), one row per item of the id map; text is null where the catalogue has none.
    `choices`: (user_idx bigint, item_idx bigint, basket string, recency int), one row per event that `interactions` counts, as
    `features.interactions.build_choices` gives it; only models of baskets and sessions read it (see `in_order`).
    """

    interactions: DataFrame
    items: DataFrame
    as_of: dt.date
    choices: DataFrame | None = None

    @property
    def in_order(self) -> DataFrame:
        """The choices. Raises `MissingInput` where the data has none."""
        if self.choices is None:
            fix = "Give TrainingData what features.interactions.build_choices returns."
            raise MissingInput("training data", "no choices", "one row per event in order: the model learns from baskets", fix)
        return self.choices


@dataclass(frozen=True, slots=True)
class Vectors:
    """A fitted model. Score of an item for a user: inner product of their vectors; higher is better.

    `users`: (user_idx bigint, indices array<int>, values array<float>), one row per user the model knows.
    `items`: (item_idx bigint, indices array<int>, values array<float>), one row per item it can recommend.
    `indices` is null in every row of a dense model (all `values` then have one length), else sorted and without repeats.
    `similar_from`, `similar_to`: item vectors whose inner product is the likeness of two items (shaped like `items`);
    None where the model has no such notion.
    """

    users: DataFrame
    items: DataFrame
    similar_from: DataFrame | None = None
    similar_to: DataFrame | None = None


@runtime_checkable
class VectorModel(Protocol):
    """A model that retrieves by inner product."""

    name: ClassVar[str]
    reach: ClassVar[Reach]
    Config: ClassVar[type[ModelConfig]]

    def __init__(self, config: ModelConfig, seed: int) -> None: ...

    def fit(self, data: TrainingData) -> Vectors:
        """Fit on `data`; the same data, settings and seed give the same vectors."""
        ...


@runtime_checkable
class DeepModel(Protocol):
    """A model that learns by gradient descent on a training snapshot, on any number of ranks (`training/`).

    Modules, batches and vectors are torch's; this file does not load it.
    """

    name: ClassVar[str]
    Config: ClassVar[type[ModelConfig]]
    shape: ClassVar[str]
    """Shape of the snapshot it reads: `interactions` or `sequences`."""
    config: Any
    seed: int

    def __init__(self, config: ModelConfig, seed: int) -> None: ...

    def module(self, sizes: Any) -> Any:
        """A fresh torch module (training.trainable.Trainable) for `Sizes`, its weights from the seed."""
        ...


@runtime_checkable
class DeepVectorModel(DeepModel, Protocol):
    """A deep model that retrieves by inner product, like every vector model."""

    def user_vectors(self, module: Any, batch: Any) -> Any:
        """(B, D) of the users of a batch: `user_idx` (B,), and `item_idxs` (B, L) where it reads sequences."""
        ...

    def item_vectors(self, module: Any) -> Any:
        """(N, D) of all items."""
        ...


@runtime_checkable
class PairModel(DeepModel, Protocol):
    """A deep model that scores pairs: it ranks what its members retrieved."""

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the models whose lists it reads."""
        ...

    @property
    def depth(self) -> int:
        """How many items of each member's list it reads."""
        ...

    def scores(self, module: Any, user_idx: Any, item_idx: Any) -> Any:
        """(P,) of P pairs; higher is better."""
        ...


class Fusion(Protocol):
    """What ranks the lists of others: a fusion model, or the trained weights of a model that scores pairs."""

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the models whose lists it reads."""
        ...

    @property
    def depth(self) -> int:
        """How many items of each member's list it reads."""
        ...

    def fuse(self, lists: DataFrame, interactions: DataFrame) -> DataFrame:
        """Score candidates: (model, user_idx, item_idx, score, rank) -> (user_idx, item_idx, score), one row per pair."""
        ...


@runtime_checkable
class FusionModel(Fusion, Protocol):
    """A model that ranks what its members retrieved."""

    name: ClassVar[str]
    Config: ClassVar[type[ModelConfig]]

    def __init__(self, config: ModelConfig, seed: int) -> None: ...
