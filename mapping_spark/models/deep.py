"""Train the deep models on snapshots, and read what they learnt: vectors, or scores of candidate pairs.

Weights lie under models/<training id>: the id is a hash of model, settings, snapshot and seed, so weights are found by what
they were trained on, and weights of other id maps or features are not. Scoring runs in Arrow batches on executors; each
task loads the weights once.
"""

from __future__ import annotations

import datetime as dt
import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.errors import ContractError, MissingInput
from mapping_spark.models.base import DeepModel, DeepVectorModel, PairModel, Vectors
from mapping_spark.models.crowd import recent_share
from mapping_spark.models.vectors import longer, unit_length
from mapping_spark.tables.runs import content_hash, source_hash
from mapping_spark.training import checkpoint
from mapping_spark.training import manifest as manifests
from mapping_spark.training.launch import in_one_process, on_horovod
from mapping_spark.training.progress import log
from mapping_spark.training.run import WEIGHTS, Training
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.tensorboard import TensorBoard
from mapping_spark.training.trainable import Sizes

_VECTOR = "indices array<int>, values array<float>"  # the shape of Vectors, no declared table
_PAIRS = "user_idx bigint, item_idx bigint, score double"
Batches = Iterable[pa.RecordBatch]


@dataclass(frozen=True, slots=True)
class Weights:
    """Trained weights at rest: small, it travels to executors."""

    model: DeepModel
    folder: str
    """`models/<training id>` under the store's root; every executor sees it."""

    @property
    def is_there(self) -> bool:
        """Whether the training was finished: weights come last, whole or not at all."""
        return checkpoint.is_there(f"{self.folder}/{WEIGHTS}")

    def facts(self) -> dict[str, Any]:
        """What they were trained on (digest of the snapshot, sizes of the id maps) and how each epoch went. Raises `MissingInput`
        where there are none."""
        return self._read().facts

    def load(self) -> torch.nn.Module:
        """The trained module, for scoring. Raises `MissingInput` where there are no weights, `ContractError` where they were changed."""
        saved = self._read()
        n_items = saved.facts["n_items"]
        module = self.model.module(Sizes(saved.facts["n_users"], n_items, saved.facts["length"], torch.ones(n_items, dtype=torch.long)))
        module.load_state_dict(saved.tensors[WEIGHTS])
        evaluated: torch.nn.Module = module.eval()
        return evaluated

    def _read(self) -> checkpoint.Checkpoint:
        if not self.is_there:
            raise MissingInput(f"weights of {self.model.name}", f"none under {self.folder}", "a finished training", "Run train_deep.")
        return checkpoint.read(f"{self.folder}/{WEIGHTS}")


@dataclass(frozen=True, slots=True)
class Trained:
    """One training of one model: its snapshot, and where its weights lie."""

    model: DeepModel
    root: str
    """Root folder of the store."""
    snapshot: str
    """Folder of the snapshot."""
    config: TrainingConfig

    @property
    def training_id(self) -> str:
        """Equal ids mean equal weights: model, settings, seed, snapshot and the code that trains."""
        of_model = [self.model.name, json.dumps(self.model.config.model_dump(mode="json"), sort_keys=True), self.model.seed]
        return content_hash(
            [*of_model, self.config.identity, self.config.epochs, self.snapshot.rpartition("/")[2], training_code(type(self.model))]
        )

    @property
    def weights(self) -> Weights:
        """Where they lie."""
        return Weights(self.model, f"{self.root}/models/{self.training_id}")

    def training(self) -> Training:
        """What every rank runs."""
        folder = self.weights.folder
        report = TensorBoard(f"{folder}/tensorboard") if self.config.tensorboard else log
        return Training(self.snapshot, self.model.module, self.config, folder, report)


@cache
def training_code(model: type[DeepModel]) -> str:
    """A hash of the code of `training/`, of the model's file and of the files of the classes it builds on."""
    names = vars(sys.modules[model.__module__]).values()
    classes = {kind for kind in names if inspect.isclass(kind) and kind.__module__.startswith("mapping_spark.models.")}
    room = Path(manifests.__file__).parent.glob("*.py")
    return source_hash({*room, *(Path(inspect.getfile(kind)) for kind in classes)})


def train(spark: SparkSession, trained: Trained) -> None:
    """Train on Horovod ranks over Spark (one rank: in this process); a training that was stopped goes on where it was.

    Raises `ConfigError` with the numbers where the plan cannot fit, `TrainingFault` where a rank stopped.
    """
    training, config = trained.training(), trained.config
    training.plan()
    if config.ranks == 1:
        in_one_process(training)  # one rank needs no launcher: the same function runs here
    else:
        on_horovod(spark, training, config.ranks, config.answer_seconds)


def vectors(spark: SparkSession, trained: Trained, model: DeepVectorModel) -> Vectors:
    """Vectors of the users and of the items of the snapshot, from the saved weights: what was never chosen was never learnt.

    Raises `MissingInput` where there are none, `ContractError` where they belong to another snapshot.
    """
    manifest, weights = manifests.read(trained.snapshot), trained.weights
    digest = weights.facts()["snapshot"]
    if digest != manifest.digest:
        found, expected = f"weights of snapshot {digest[:12]}", f"of snapshot {manifest.digest[:12]}"
        raise ContractError(f"weights under {weights.folder}", found, expected, "Run train_deep again.")
    data = spark.read.parquet(f"{trained.snapshot}/data")
    if manifest.shape == "sequences":
        histories = data.where("window = 0").select("user_idx", "item_idxs")  # the latest window: one row per user
        chosen = data.select(F.explode("item_idxs").alias("item_idx")).where("item_idx >= 0")
    else:
        histories = data.select("user_idx").distinct()
        chosen = data.select("item_idx")
    users = histories.mapInArrow(_Users(weights, model), f"user_idx bigint, {_VECTOR}")
    items = chosen.distinct().mapInArrow(_Items(weights, model), f"item_idx bigint, {_VECTOR}")
    likeness = unit_length(items, "item_idx")
    if model.config.popularity_power:
        as_of = dt.date.fromisoformat(manifest.as_of)
        shares = recent_share(_last_choices(data), as_of, model.config.popularity_days, model.config.popularity_power)
        users, items = longer(users, F.lit(1.0)), longer(items.join(shares, on="item_idx", how="inner"), F.ln("share"))
    return Vectors(users=users, items=items, similar_from=likeness, similar_to=likeness)


def _last_choices(data: DataFrame) -> DataFrame:
    """(user_idx, item_idx, last_at): one row per user and item of a snapshot's rows."""
    if "ats" not in data.columns:
        return data.select("user_idx", "item_idx", F.timestamp_seconds("at").alias("last_at"))
    choices = data.select("user_idx", F.explode(F.arrays_zip("item_idxs", "ats")).alias("choice")).where("choice.item_idxs >= 0")
    latest = F.timestamp_seconds(F.max("choice.ats")).alias("last_at")
    return choices.groupBy("user_idx", F.col("choice.item_idxs").alias("item_idx")).agg(latest)


@dataclass(frozen=True, slots=True)
class _Users:
    weights: Weights
    model: DeepVectorModel

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        module: torch.nn.Module | None = None
        for batch in batches:
            module = module or self.weights.load()
            with torch.inference_mode():
                vectors_BD = self.model.user_vectors(module, _tensors(batch))
            yield _as_rows("user_idx", batch.column(0), vectors_BD)


@dataclass(frozen=True, slots=True)
class _Items:
    weights: Weights
    model: DeepVectorModel

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        all_ND: torch.Tensor | None = None
        for batch in batches:
            if all_ND is None:
                with torch.inference_mode():
                    all_ND = self.model.item_vectors(self.weights.load())
            yield _as_rows("item_idx", batch.column(0), all_ND[_tensors(batch)["item_idx"]])


def _tensors(batch: pa.RecordBatch) -> dict[str, torch.Tensor]:
    """Columns as int64 tensors; a column of lists of one length as (B, L)."""
    found = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        flat = column.flatten() if pa.types.is_list(column.type) else column
        tensor = torch.from_numpy(np.array(flat.to_numpy(zero_copy_only=False)))
        found[name] = tensor.view(len(batch), -1) if pa.types.is_list(column.type) else tensor
    return found


def _as_rows(key: str, keys: pa.Array, vectors_BD: torch.Tensor) -> pa.RecordBatch:
    B, D = vectors_BD.shape
    values = pa.ListArray.from_arrays(pa.array(np.arange(B + 1) * D, pa.int32()), pa.array(vectors_BD.float().numpy().ravel()))
    return pa.RecordBatch.from_arrays([keys, pa.nulls(B, pa.list_(pa.int32())), values], [key, "indices", "values"])


@dataclass(frozen=True, slots=True)
class Ranker:
    """The weights of a pair scorer in the shape of a fusion model: it scores what its members propose."""

    weights: Weights
    model: PairModel

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the models whose lists it reads."""
        return self.model.members

    @property
    def depth(self) -> int:
        """How many items of each member's list it reads."""
        return self.model.depth

    def fuse(self, lists: DataFrame, interactions: DataFrame) -> DataFrame:
        """(user_idx, item_idx, score): one row per pair that a member lists among its first `depth`."""
        proposed = F.col("model").isin(*self.members) & (F.col("rank") <= self.depth)
        pairs = lists.where(proposed).select("user_idx", "item_idx").dropDuplicates()  # two members may propose one pair
        return pairs.mapInArrow(_Pairs(self.weights, self.model), _PAIRS)


@dataclass(frozen=True, slots=True)
class _Pairs:
    weights: Weights
    model: PairModel

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        module: torch.nn.Module | None = None
        for batch in batches:
            module = module or self.weights.load()
            pairs = _tensors(batch)
            with torch.inference_mode():
                scores_P = self.model.scores(module, pairs["user_idx"], pairs["item_idx"])
            yield pa.RecordBatch.from_arrays([*batch.columns, pa.array(scores_P.double().numpy())], ["user_idx", "item_idx", "score"])
