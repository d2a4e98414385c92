"""What a training will take, counted before anything starts, and refused where it cannot fit."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mapping_spark.errors import ConfigError
from mapping_spark.training.manifest import Manifest
from mapping_spark.training.order import steps_per_epoch
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.trainable import as_trainable, sparse_tables

_STATE_PER_WEIGHT = {"adam": 2, "adamw": 2, "adagrad": 1, "sgd": 0}
"""Numbers that each optimiser keeps per weight."""
_INDEX_BYTES = 8
_GB = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Numbers per rank, bytes unless said otherwise. Activations are not in it: they depend on what a module keeps."""

    n_parameters: int
    weights: int
    gradients: int
    optimiser: int
    pools: int
    """Rows being used and rows being prepared."""
    n_rows: int
    ranks: int
    batch_size: int
    steps_per_epoch: int
    row_groups: int
    """Files of the snapshot, one row group each."""
    sent_per_step: int
    """By each rank: a ring's share for dense gradients, its own rows to every other rank for sparse ones."""

    @property
    def memory(self) -> int:
        """All of it together."""
        return self.weights + self.gradients + self.optimiser + self.pools

    def __str__(self) -> str:
        megabytes = {name: f"{getattr(self, name) / 1e6:,.1f} MB" for name in ("weights", "gradients", "optimiser", "pools", "memory")}
        left_out = self.n_rows - self.steps_per_epoch * self.batch_size
        return "\n".join(
            (
                f"{self.n_parameters:,} parameters",
                f"per rank: weights {megabytes['weights']}, gradients {megabytes['gradients']}, optimiser {megabytes['optimiser']}, "
                f"rows {megabytes['pools']}; together {megabytes['memory']}, activations apart",
                f"{self.n_rows:,} rows in {self.row_groups:,} row groups over {self.ranks} ranks",
                f"{self.steps_per_epoch:,} steps of {self.batch_size:,} rows an epoch, on each rank {self.batch_size // self.ranks:,} "
                f"rows a step; {left_out:,} rows left out, others in each epoch",
                f"each rank sends {self.sent_per_step / 1e6:,.3f} MB a step",
            )
        )


def make_plan(module: nn.Module, manifest: Manifest, config: TrainingConfig) -> Plan:
    """The plan of a training; `module` may lie on torch's meta device, where its tables take no memory.

    Raises `ConfigError` with the numbers where the memory of a rank exceeds `memory_gb` or no whole batch can be filled.
    """
    tables = {id(table) for table in sparse_tables(module)}
    sparse = [weight for weight in module.parameters() if id(weight) in tables]
    dense = sum(_size(weight) for weight in module.parameters() if id(weight) not in tables)
    rows_of_tables = sum(_touched(table, module, manifest, config) for table in sparse)
    weights = dense + sum(_size(table) for table in sparse)
    steps = steps_per_epoch(manifest.rows, config.batch_size)
    rows_of_stream = config.batch_size // config.streams  # of a step, and so of the smallest pool
    pool_rows = max(rows_of_stream, min(config.pool_rows, steps * rows_of_stream)) * (config.streams // config.ranks)
    plan = Plan(
        n_parameters=sum(weight.numel() for weight in module.parameters()),
        weights=weights,
        gradients=dense + rows_of_tables,
        optimiser=weights * _STATE_PER_WEIGHT[config.optimizer],
        pools=2 * pool_rows * manifest.row_bytes + config.reader_threads * manifest.rows_per_group * manifest.row_bytes,
        n_rows=manifest.rows,
        ranks=config.ranks,
        batch_size=config.batch_size,
        steps_per_epoch=steps,
        row_groups=len(manifest.files),
        sent_per_step=2 * dense * (config.ranks - 1) // config.ranks + rows_of_tables * (config.ranks - 1),
    )
    if plan.memory > config.memory_gb * _GB:
        raise ConfigError(
            "training.memory_gb",
            f"{config.memory_gb:g} GB for a rank that needs {plan.memory / _GB:,.2f} GB before activations "
            f"(weights {plan.weights / _GB:,.2f}, gradients {plan.gradients / _GB:,.2f}, optimiser {plan.optimiser / _GB:,.2f}, "
            f"rows {plan.pools / _GB:,.2f})",
            "a plan that fits",
            "Give ranks more memory, or lower the model's dimension or training.pool_rows, or choose a smaller optimizer.",
        )
    return plan


def _size(weight: Tensor) -> int:
    return weight.numel() * weight.element_size()


def _touched(table: Tensor, module: nn.Module, manifest: Manifest, config: TrainingConfig) -> int:
    """At most this many bytes has a sparse gradient of one step on one rank: rows of a batch, each with its index."""
    rows, negatives = config.batch_size // config.ranks, as_trainable(module).negatives
    positions = max(manifest.length, 1)
    drawn = 0 if negatives is None else negatives.spec.n * {"row": rows, "position": rows * positions, "batch": 1}[negatives.spec.per]
    n_rows = min(rows * positions + drawn, table.shape[0])
    return n_rows * (table.shape[1] * table.element_size() + _INDEX_BYTES)
