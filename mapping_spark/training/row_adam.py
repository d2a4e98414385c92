"""Adam for tables of which a step touches few rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class RowAdam(torch.optim.Optimizer):
    """Lazy Adam: the rows of a coalesced sparse gradient move, and their moments; all others stay (Kingma, Ba, ICLR 2015).

    The same numbers as `torch.optim.SparseAdam` up to rounding, and the same state; it reads and writes each row once instead of
    building five sparse tensors of them.
    """

    def __init__(self, tables: Sequence[Tensor], lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> None:
        super().__init__(tables, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move the rows with a gradient."""
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is not None:
                    self._move(table, self.state[table], group["lr"], group["betas"], group["eps"])

    @staticmethod
    def _move(table: Tensor, state: dict[str, Any], rate: float, betas: tuple[float, float], eps: float) -> None:
        if not state:
            state.update(step=0, exp_avg=torch.zeros_like(table), exp_avg_sq=torch.zeros_like(table))
        state["step"] += 1
        (rows,), values = table.grad.indices(), table.grad.values()  # type: ignore[union-attr]
        # index_select, index_copy_ and index_add_ take whole rows; table[rows] goes number by number.
        mean_RD = state["exp_avg"].index_select(0, rows).lerp_(values, 1 - betas[0])
        square_RD = state["exp_avg_sq"].index_select(0, rows).mul_(betas[1]).addcmul_(values, values, value=1 - betas[1])
        state["exp_avg"].index_copy_(0, rows, mean_RD)
        state["exp_avg_sq"].index_copy_(0, rows, square_RD)
        corrected = rate * math.sqrt(1 - betas[1] ** state["step"]) / (1 - betas[0] ** state["step"])
        table.index_add_(0, rows, mean_RD.div_(square_RD.sqrt_().add_(eps)), alpha=-corrected)
