"""How to train, whatever the model."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from mapping_spark.config import Section

_OPERATIONAL = {
    "ranks",
    "epochs",
    "accumulation",
    "checkpoint_steps",
    "keep_checkpoints",
    "reader_threads",
    "tensorboard",
    "answer_seconds",
    "memory_gb",
}
"""Settings that leave the course of a training as it is."""


class TrainingConfig(Section):
    """Settings of the loop, its feed and its ranks. All ranks must have the same; the loop checks it."""

    ranks: int = Field(2, ge=1)
    """Processes that train together, each with its share of every batch."""
    seed: int = Field(7, ge=0, lt=2**32)
    """Seed of the order of rows, of negatives and of dropout."""

    epochs: int = Field(20, ge=1)
    """Passes over the snapshot."""
    batch_size: int = Field(1024, ge=1)
    """Rows of one step over all ranks together; a multiple of ranks * accumulation."""
    accumulation: int = Field(1, ge=1)
    """Parts in which a rank computes its share of a batch, one after the other, to need less memory."""

    optimizer: Literal["adam", "adamw", "adagrad", "sgd"] = "adam"
    """Sparse tables follow it lazily: only the rows of a batch move (adam and adamw become RowAdam)."""
    learning_rate: float = Field(1e-3, gt=0)
    """Largest learning rate; the schedule lowers it."""
    weight_decay: float = Field(0.0, ge=0)
    """L2 penalty of the optimizer (decoupled for adamw). Sparse tables are not decayed."""
    warmup_steps: int = Field(0, ge=0)
    """Steps in which the learning rate grows linearly from 0."""
    schedule: Literal["constant", "cosine"] = "constant"
    """What the learning rate does after the warm-up; cosine falls to what would be 0 one step after the last."""
    clip_norm: float | None = Field(None, gt=0)
    """Largest Euclidean norm of the whole gradient; a longer one is scaled down to it. Null for no limit."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 computes the loss in bfloat16 on a GPU that has it; weights, gradients and sums stay fp32."""

    patience: int | None = Field(None, ge=1)
    """Epochs without a better value of what is watched, after which training stops and the best weights are kept; null for never."""
    checkpoint_steps: int | None = Field(None, ge=1)
    """Steps between checkpoints within an epoch; one is always written at an epoch's end."""
    keep_checkpoints: int = Field(3, ge=1)
    """Latest checkpoints that stay."""

    pool_rows: int = Field(1_000_000, ge=1)
    """Rows that are shuffled together: a larger pool mixes better and takes more memory."""
    shards: int | None = Field(None, ge=1)
    """Streams that an epoch is dealt from; null for one per rank. The order depends on their number and not on that of the
    ranks, so that with a fixed number every number of ranks that divides it sees the same batches."""
    reader_threads: int = Field(2, ge=1)
    """Threads of a rank that read files."""

    tensorboard: bool = False
    """Write the epochs as TensorBoard files too, under `tensorboard` beside the weights."""
    answer_seconds: int = Field(40, ge=2, le=50)
    """Longest silence of a rank before the others give up, also while rank 0 writes a checkpoint."""
    memory_gb: float = Field(4.0, gt=0)
    """Memory that each rank may use (10^9 bytes); a plan that needs more is refused."""

    @model_validator(mode="after")
    def _batch_can_be_dealt(self) -> Self:
        streams = self.streams
        if streams % self.ranks:
            raise ValueError(f"shards = {streams} cannot be dealt to ranks = {self.ranks}: use a multiple")
        parts = streams * self.accumulation
        if self.batch_size % parts:
            raise ValueError(
                f"batch_size = {self.batch_size} is no multiple of {streams} shards x {self.accumulation} parts: "
                f"use {max(parts, self.batch_size // parts * parts)}"
            )
        return self

    @property
    def streams(self) -> int:
        """Streams that an epoch is dealt from."""
        return self.shards or self.ranks

    @property
    def identity(self) -> dict[str, object]:
        """What the course of a training depends on; a checkpoint is resumed only by equals."""
        found = self.model_dump(mode="json", exclude=_OPERATIONAL) | {"shards": self.streams}
        return found | ({"epochs": self.epochs} if self.schedule == "cosine" else {})  # whose steps the cosine is stretched over
