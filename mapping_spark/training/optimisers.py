"""Optimisers with their schedule and clipping: everything between a summed gradient and new weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mapping_spark.training.row_adam import RowAdam
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.trainable import sparse_tables

_DENSE = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adagrad": torch.optim.Adagrad, "sgd": torch.optim.SGD}
_SPARSE = {"adam": RowAdam, "adamw": RowAdam, "adagrad": torch.optim.Adagrad, "sgd": torch.optim.SGD}


def learning_rate(config: TrainingConfig, step: int, n_steps: int) -> float:
    """Rate of step `step` (from 0) of `n_steps`: linear warm-up, then constant or half a cosine down to 0
    (Loshchilov, Hutter, ICLR 2017, without restarts)."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return config.learning_rate
    done = (step - config.warmup_steps) / max(1, n_steps - config.warmup_steps)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


class Optimisers:
    """One optimiser for the dense weights and one for the sparse tables of a module."""

    def __init__(self, module: nn.Module, config: TrainingConfig, n_steps: int) -> None:
        """`n_steps`: steps of the whole training, for the schedule."""
        self._config, self._n_steps = config, n_steps
        self.sparse = [table for table in sparse_tables(module) if table.requires_grad]
        tables = {id(table) for table in self.sparse}
        self.dense: list[Tensor] = [weight for weight in module.parameters() if weight.requires_grad and id(weight) not in tables]
        self._optimisers: list[torch.optim.Optimizer] = []
        if self.dense:
            fused = {"fused": True} if config.optimizer in ("adam", "adamw") else {}
            kind = _DENSE[config.optimizer]
            self._optimisers.append(kind(self.dense, lr=config.learning_rate, weight_decay=config.weight_decay, **fused))
        if self.sparse:
            self._optimisers.append(_SPARSE[config.optimizer](self.sparse, lr=config.learning_rate))

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        return learning_rate(self._config, step, self._n_steps)

    def scale(self, n_terms: float) -> float:
        """Turn summed gradients (sparse ones coalesced) into those of the mean, clip them, and return their norm before clipping."""
        gradients = [weight.grad for weight in (*self.dense, *self.sparse) if weight.grad is not None]
        values = [gradient.values() if gradient.is_sparse else gradient for gradient in gradients]
        norms = torch.stack(torch._foreach_norm(values))
        norm = float(torch.linalg.vector_norm(norms)) / n_terms
        limit = self._config.clip_norm
        torch._foreach_mul_(values, (limit / norm if limit is not None and norm > limit else 1.0) / n_terms)
        return norm

    def step(self, step: int) -> None:
        """Move the weights with the rate of step `step`, and forget the gradients."""
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.rate(step)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Everything the optimisers remember, by name; a number as a tensor of shape ()."""
        found: dict[str, Tensor] = {}
        for which, optimiser in enumerate(self._optimisers):
            for weight, state in optimiser.state_dict()["state"].items():
                found |= {f"{which}.{weight}.{key}": torch.as_tensor(value) for key, value in state.items()}
        return found

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave."""
        for which, optimiser in enumerate(self._optimisers):
            remembered: dict[int, dict[str, Tensor | int]] = {}
            for name, value in state.items():
                of, weight, key = name.split(".", 2)
                if int(of) == which:  # RowAdam counts its steps in a plain integer
                    remembered.setdefault(int(weight), {})[key] = int(value) if value.dtype == torch.int64 and value.dim() == 0 else value
            optimiser.load_state_dict({"state": remembered, "param_groups": optimiser.state_dict()["param_groups"]})
