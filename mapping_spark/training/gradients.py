"""The gradient of one step: computed in parts, added over ranks, refused where it is no number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mapping_spark.errors import TrainingFault
from mapping_spark.training.collective import Collective
from mapping_spark.training.optimisers import Optimisers
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.trainable import Batch, as_trainable


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of a step over all ranks."""

    loss_sum: float
    n_terms: float
    faulty_ranks: tuple[int, ...] = ()
    """Ranks whose own loss is infinite or no number."""


def backward(module: nn.Module, batch: Batch, config: TrainingConfig) -> tuple[Tensor, float]:
    """Add this rank's gradient of the summed loss to the weights; returns (loss sum, number of terms) of its rows."""
    trainable = as_trainable(module)
    device = next(module.parameters()).device
    loss_sum, n_terms = torch.zeros((), dtype=torch.float64, device=device), 0.0
    share_negatives = trainable.negatives is not None and trainable.negatives.spec.per == "batch"
    for part in parts(batch, config.accumulation, share_negatives=share_negatives):
        on_device = {name: column.to(device, non_blocking=True) for name, column in part.items()}
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=config.precision == "bf16"):
            loss, terms = trainable.loss(on_device)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        loss_sum += loss.detach()
        n_terms += float(terms)
    return loss_sum, n_terms


def seed_dropout(module: nn.Module, seed: int, step: int, rank: int) -> None:
    """Make what the module draws a function of the step, so that a resumed training draws what it would have drawn."""
    own = (seed * 1_000_003 + step) * 4096 + rank
    # Not torch.manual_seed: without a GPU in use it keeps a record of every call, with its stack.
    torch.default_generator.manual_seed(own)
    if next(module.parameters()).is_cuda:
        torch.cuda.manual_seed(own)


def parts(batch: Batch, n: int, *, share_negatives: bool) -> Iterator[Batch]:
    """The batch in `n` parts of equal rows; negatives of the whole batch are in every part."""
    if n == 1:
        yield batch
        return
    cut = {name: column.chunk(n) for name, column in batch.items() if name != "negatives" or not share_negatives}
    for part in range(n):
        yield {name: cut[name][part] if name in cut else column for name, column in batch.items()}


def reduce(optimisers: Optimisers, loss_sum: Tensor, n_terms: float, collective: Collective) -> Totals:
    """Replace every gradient by its sum over ranks, and add up loss and terms."""
    facts = torch.zeros(2 + collective.size, dtype=torch.float64)
    facts[0], facts[1] = loss_sum, n_terms
    facts[2 + collective.rank] = float(not torch.isfinite(facts[0]))
    # A rank whose rows have no term takes part with a gradient of zeros.
    dense = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in optimisers.dense]
    sparse = [_no_rows(table) if table.grad is None else table.grad for table in optimisers.sparse]
    collective.sum_([facts, *dense])
    summed = collective.sum_sparse(sparse) if sparse else []
    for weight, gradient in zip((*optimisers.dense, *optimisers.sparse), (*dense, *summed), strict=True):
        weight.grad = gradient
    return Totals(float(facts[0]), float(facts[1]), tuple(facts[2:].nonzero()[:, 0].tolist()))


def _no_rows(table: Tensor) -> Tensor:
    rows, values = torch.empty((1, 0), dtype=torch.int64, device=table.device), table.new_empty((0, table.shape[1]))
    return torch.sparse_coo_tensor(rows, values, table.shape, check_invariants=False)


def refuse_no_number(totals: Totals, norm: float, where: str) -> None:
    """Raise `TrainingFault`, on every rank alike, where a loss or the gradient is infinite or no number."""
    if not totals.faulty_ranks and math.isfinite(norm):
        return
    found = f"the loss of rank {', '.join(map(str, totals.faulty_ranks))}" if totals.faulty_ranks else "the gradient"
    raise TrainingFault(
        where,
        f"{found} is no finite number",
        "finite losses and gradients",
        "Nothing of this step was kept. Lower training.learning_rate or set training.clip_norm; look at the step's rows.",
    )
