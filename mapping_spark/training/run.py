"""One training from a snapshot's folder to saved weights: the function that every rank runs, whoever started it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from mapping_spark.training import checkpoint
from mapping_spark.training import manifest as manifests
from mapping_spark.training.collective import Collective
from mapping_spark.training.feed import Feed
from mapping_spark.training.loop import train
from mapping_spark.training.plan import Plan, make_plan
from mapping_spark.training.progress import Report, log
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.snapshot import agreed, item_counts
from mapping_spark.training.trainable import Sizes, as_trainable

WEIGHTS = "weights"


@dataclass(frozen=True)
class Training:
    """What to train on what. It travels to the ranks, so `make` and `report` are functions of a module, not lambdas."""

    snapshot: str
    """Folder or URI of the snapshot."""
    make: Callable[[Sizes], nn.Module]
    """Builds the module, the same on every rank."""
    config: TrainingConfig
    folder: str
    """For checkpoints and weights; a folder that rank 0 sees, also after it moved to another host."""
    report: Report = log

    def plan(self) -> Plan:
        """What it will take, without taking it. Raises `ConfigError` with the numbers where it cannot fit."""
        manifest = manifests.read(self.snapshot)
        counts = torch.ones(manifest.n_items, dtype=torch.int64)
        with torch.device("meta"):  # tables without memory
            module = self.make(Sizes(manifest.n_users, manifest.n_items, manifest.length, counts))
        return make_plan(module, manifest, self.config)

    def __call__(self, collective: Collective) -> dict[str, Any]:
        """Train as one of the ranks; returns the summary, as JSON can hold it. Rank 0 leaves the weights in `folder`."""
        manifest = agreed(self.snapshot, collective)
        counts = item_counts(self.snapshot, manifest, collective)
        module = self.make(Sizes(manifest.n_users, manifest.n_items, manifest.length, counts))
        if torch.cuda.is_available():
            module = module.to(torch.device("cuda", collective.local_rank % torch.cuda.device_count()))
        feed = Feed(manifest, self.snapshot, self.config, collective.rank, as_trainable(module).negatives)
        summary = asdict(train(module, feed, collective, self.config, f"{self.folder}/checkpoints", self.report))
        if collective.rank == 0:
            sizes = {"n_users": manifest.n_users, "n_items": manifest.n_items, "length": manifest.length}
            facts = {"snapshot": manifest.digest, **sizes, "epochs": summary["reports"]}
            checkpoint.write(f"{self.folder}/{WEIGHTS}", {WEIGHTS: module.state_dict()}, facts)
        collective.barrier()
        return summary
