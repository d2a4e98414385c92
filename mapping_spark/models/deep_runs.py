"""The deep models of a configuration: their snapshots, their trainings, and the rows that say how those went.

Torch is imported only where a deep model is configured: every job's start would wait for it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError, MissingInput
from mapping_spark.features.snapshot import FOLDER, Content, SnapshotConfig, ensure, remove_expired
from mapping_spark.logs import LOGGER
from mapping_spark.models import registry
from mapping_spark.models.base import DeepModel, DeepVectorModel, ModelConfig
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import TRAINING_EPOCHS
from mapping_spark.tables.ops import SNAPSHOTS
from mapping_spark.tables.store import Store
from mapping_spark.training import manifest as manifests
from mapping_spark.training.settings import TrainingConfig

if TYPE_CHECKING:
    from mapping_spark.models.deep import Trained


def deep_models(configs: Mapping[str, ModelConfig], seed: int, only: str | None = None) -> dict[str, DeepModel]:
    """The deep ones among the configured models, by name; just `only` where it is given. Raises `ConfigError` where that is none."""
    built = {name: registry.build(name, config, seed) for name, config in configs.items()}
    found = {name: model for name, model in built.items() if isinstance(model, DeepModel)}
    if only is None:
        return found
    if only not in found:
        fix = f"Set model to one of them, or configure it: --set models.{only}={{}}."
        raise ConfigError("model", repr(only), f"a configured deep model, {sorted(found)}", fix)
    return {only: found[only]}


def deep_vector_models(configs: Mapping[str, ModelConfig], seed: int) -> dict[str, ModelConfig]:
    """Settings of the deep models that map users into vectors."""
    return {name: configs[name] for name, model in deep_models(configs, seed).items() if isinstance(model, DeepVectorModel)}


def build_snapshots(store: Store, contents: Sequence[tuple[Content, DataFrame]], config: SnapshotConfig) -> None:
    """Write each snapshot unless it is there, then its row in ops.snapshots; then remove those that nobody has used for long."""
    now = dt.datetime.now(dt.UTC)
    for content, frame in contents:
        manifest = manifests.read(ensure(frame, content, store.root, now))
        row = dict(
            snapshot_id=content.key,
            shape=content.shape,
            as_of_date=content.as_of,
            n_rows=manifest.rows,
            n_files=len(manifest.files),
            n_users=manifest.n_users,
            n_items=manifest.n_items,
            created_at=dt.datetime.fromisoformat(manifest.created_at),
        )
        store.insert_new(SNAPSHOTS, rows(store.spark, SNAPSHOTS, row))
    removed = remove_expired(store.root, config, now, in_use=frozenset(content.key for content, _ in contents))
    if removed:
        LOGGER.info(f"removed {len(removed)} snapshots not used for {config.keep_days} days", extra={"snapshots": removed})


Trainings: TypeAlias = "Mapping[str, Trained]"


def trainings(root: str, snapshots: DataFrame, models: Mapping[str, DeepModel], config: TrainingConfig, as_of: dt.date) -> Trainings:
    """Each model with the date's latest snapshot of its shape. Raises `MissingInput` naming the shapes without one."""
    if not models:
        return {}
    from mapping_spark.models.deep import Trained

    latest = snapshots.where(F.col("as_of_date") == F.lit(as_of)).groupBy("shape").agg(F.max_by("snapshot_id", "created_at").alias("id"))
    found = {row["shape"]: row["id"] for row in latest.collect()}  # at most two shapes
    missing = sorted({model.shape for model in models.values()} - set(found))
    if missing:
        raise MissingInput(f"ops.snapshots as of {as_of}", f"no snapshot of {missing}", "one of each shape", "Run build_snapshot.")
    seeded = {name: config.model_copy(update={"seed": model.seed}) for name, model in models.items()}
    return {name: Trained(model, root, f"{root}/{FOLDER}/{found[model.shape]}", seeded[name]) for name, model in models.items()}


def train_all(store: Store, trainings: Trainings, as_of: dt.date) -> None:
    """Train what has no weights yet, one model after the other, and add the epochs to gold.training_epochs.

    The epochs are kept with the weights, so that none is lost where this is killed between the two.
    """
    for name, trained in trainings.items():
        if not trained.weights.is_there:
            from mapping_spark.models import deep

            LOGGER.info(f"training {name}: {trained.training().plan()}")
            deep.train(store.spark, trained)
        epochs = [_epoch_row(trained, report, as_of) for report in trained.weights.facts()["epochs"]]
        store.insert_new(TRAINING_EPOCHS, rows(store.spark, TRAINING_EPOCHS, *epochs))


def plans(trainings: Trainings) -> list[str]:
    """What each training would take. Raises `ConfigError` with the numbers where one cannot fit."""
    states = {
        name: "has its weights" if trained.weights.is_there else str(trained.training().plan()) for name, trained in trainings.items()
    }
    return [f"{name}: {line}" for name, state in states.items() for line in state.splitlines()]


def _epoch_row(trained: Trained, report: Mapping[str, float], as_of: dt.date) -> dict[str, object]:
    shared = {
        name: report[name] for name in ("epoch", "loss", "learning_rate", "gradient_norm", "seconds", "samples_per_second", "waiting_share")
    }
    snapshot_id = trained.snapshot.rpartition("/")[2]
    ids = dict(training_id=trained.training_id, model=trained.model.name, as_of_date=as_of, snapshot_id=snapshot_id)
    return shared | ids | dict(ranks=trained.config.ranks)
