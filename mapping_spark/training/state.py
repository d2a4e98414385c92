"""What is saved and taken back: weights, what the optimisers remember, and where the training stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from mapping_spark.errors import ConfigError
from mapping_spark.training import checkpoint
from mapping_spark.training.checkpoint import Checkpoint, Checkpoints
from mapping_spark.training.collective import Collective
from mapping_spark.training.optimisers import Optimisers
from mapping_spark.training.progress import Progress

_BEST = "best"


@dataclass
class State:
    """The state of a training on all ranks; only rank 0 sees the checkpoints."""

    module: nn.Module
    optimisers: Optimisers
    checkpoints: Checkpoints
    collective: Collective
    identity: Mapping[str, Any] = field(default_factory=dict)
    """What the training depends on: its snapshot and settings."""

    def resume(self, identity: Mapping[str, Any]) -> Progress:
        """Take the newest whole checkpoint, or rank 0's fresh weights. Raises `ConfigError` for one of another training."""
        self.identity = identity
        found = self.checkpoints.latest() if self.collective.rank == 0 else None
        facts = self.collective.gather(found.facts if found else None)[0]
        if facts is None:
            self._broadcast_weights()
            return Progress()
        differing = _differences(facts["identity"], identity)
        if differing:
            fix = "Train in another folder, or with the settings and the snapshot of before."
            raise ConfigError(f"checkpoints in {self.checkpoints.folder}", f"of another training: {differing}", "the same one", fix)
        self._take(found)
        return Progress.from_json(facts["progress"])

    def save(self, progress: Progress) -> None:
        """Write a checkpoint."""
        if self.collective.rank == 0:
            tensors = {"weights": self.module.state_dict(), "optimisers": self.optimisers.state()}
            facts = {"identity": self.identity, "progress": progress.as_json()}
            self.checkpoints.save(tensors, facts, epoch=progress.epoch, step=progress.step)

    def keep_best(self, progress: Progress) -> None:
        """Keep these weights as the best so far."""
        if self.collective.rank == 0:
            facts = {"identity": self.identity, "progress": progress.as_json()}
            checkpoint.write(f"{self.checkpoints.folder}/{_BEST}", {"weights": self.module.state_dict()}, facts)

    def take_best(self) -> None:
        """Load the best weights."""
        if self.collective.rank == 0:
            self.module.load_state_dict(checkpoint.read(f"{self.checkpoints.folder}/{_BEST}").tensors["weights"])
        self._broadcast_weights()

    def agreed(self, watched: float | None, loss: float) -> float:
        """What all ranks watch: the mean of what ranks returned, or the loss, which all know, where none did."""
        values = [value for value in self.collective.gather(watched) if value is not None]
        return sum(values) / len(values) if values else loss

    def _take(self, found: Checkpoint | None) -> None:
        """Load rank 0's checkpoint on every rank."""
        if found is not None:
            self.module.load_state_dict(found.tensors["weights"])
        self._broadcast_weights()
        memory = found.tensors["optimisers"] if found is not None else {}
        layout = self.collective.gather({name: [list(t.shape), str(t.dtype).removeprefix("torch.")] for name, t in memory.items()})[0]
        if found is None:
            memory = {name: torch.empty(shape, dtype=getattr(torch, dtype)) for name, (shape, dtype) in layout.items()}
        self.collective.broadcast_([memory[name] for name in sorted(memory)])
        self.optimisers.load(memory)

    def _broadcast_weights(self) -> None:
        tensors: list[Tensor] = [*self.module.parameters(), *self.module.buffers()]
        self.collective.broadcast_([tensor.detach() for tensor in tensors])


def _differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """Settings that differ, and whether the snapshot does."""
    was, now = found["training"], expected["training"]
    differing = [f"{key} was {was.get(key)!r}, is {now.get(key)!r}" for key in sorted({*was, *now}) if was.get(key) != now.get(key)]
    return "; ".join(differing + ["another snapshot"] * (found["snapshot"] != expected["snapshot"]))
