"""Schedule, clipping and what optimisers remember."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mapping_spark.training.optimisers import Optimisers, learning_rate
from mapping_spark.training.row_adam import RowAdam
from mapping_spark.training.settings import TrainingConfig


def config(**settings: object) -> TrainingConfig:
    return TrainingConfig.model_validate({"ranks": 1, "learning_rate": 1.0} | settings)


def test_the_rate_warms_up_and_falls_by_half_a_cosine() -> None:
    cosine = config(warmup_steps=4, schedule="cosine")
    assert [learning_rate(cosine, step, 8) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert [round(learning_rate(cosine, step, 8), 6) for step in (4, 6, 8)] == [1.0, 0.5, 0.0]
    assert learning_rate(config(), 7, 8) == 1.0


@pytest.mark.parametrize(("limit", "moved"), [(None, [6.0, 8.0]), (5.0, [3.0, 4.0])])
def test_the_mean_gradient_is_clipped_to_the_limit(limit: float | None, moved: list[float]) -> None:
    layer = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(layer.weight)
    optimisers = Optimisers(layer, config(optimizer="sgd", clip_norm=limit), 1)
    layer.weight.grad = torch.tensor([[12.0, 16.0]])  # summed over 2 terms: the mean is (6, 8), of norm 10
    assert optimisers.scale(2) == 10
    optimisers.step(0)
    assert (-layer.weight[0]).tolist() == pytest.approx(moved)


@pytest.mark.parametrize("kind", ["adam", "adamw", "adagrad", "sgd"])
def test_what_is_remembered_continues_alike(kind: str) -> None:
    def trained(pause: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        module = nn.Sequential(nn.Embedding(4, 2, sparse=True), nn.Linear(2, 1))
        optimisers = Optimisers(module, config(optimizer=kind, learning_rate=0.1), 4)
        for step in range(4):
            if pause and step == 2:
                kept, optimisers = optimisers.state(), Optimisers(module, config(optimizer=kind, learning_rate=0.1), 4)
                optimisers.load(kept)
            module(torch.tensor([step % 2, 2])).sum().backward()
            for table in optimisers.sparse:
                table.grad = table.grad.coalesce() if table.grad is not None else None
            optimisers.scale(2)
            optimisers.step(step)
        return [weight.detach() for weight in module.parameters()]

    for one, other in zip(trained(pause=False), trained(pause=True), strict=True):
        assert torch.equal(one, other)


def test_rows_move_as_by_sparse_adam() -> None:
    def moved(kind: type[torch.optim.Optimizer]) -> torch.Tensor:
        table = torch.arange(8.0).view(4, 2).requires_grad_()
        optimiser = kind([table], lr=0.1)  # type: ignore[call-arg]
        for row, value in ((0, 1.0), (2, -3.0), (0, 0.5)):  # rows 1 and 3 stay, row 0 rests for a step
            rows, values = torch.tensor([[row, 2]]), torch.tensor([[value, 2.0], [1.0, value]])
            table.grad = torch.sparse_coo_tensor(rows, values, (4, 2), check_invariants=True).coalesce()
            optimiser.step()
        return table.detach()

    assert torch.allclose(moved(RowAdam), moved(torch.optim.SparseAdam), atol=1e-6)
    assert moved(RowAdam)[1::2].tolist() == [[2, 3], [6, 7]]
