"""Optimisers beside torch's own, rates beside a closed form, and one norm for all gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mapping_spark.training.optimisers import Optimisers, learning_rate
from mapping_spark.training.row_adam import RowAdam
from mapping_spark.training.settings import TrainingConfig

Make = Callable[[Sequence[Tensor]], torch.optim.Optimizer]


def config(**settings: object) -> TrainingConfig:
    return TrainingConfig.model_validate({"ranks": 1, "learning_rate": 1.0} | settings)


@pytest.mark.parametrize(
    ("warmup", "schedule", "n_steps", "rates"),
    [
        (0, "constant", 3, [1, 1, 1]),
        (2, "constant", 4, [1 / 2, 1, 1, 1]),
        (4, "cosine", 3, [1 / 4, 2 / 4, 3 / 4]),  # a training shorter than its warm-up
        (0, "cosine", 1, [1]),
        (0, "cosine", 3, [1, 3 / 4, 1 / 4]),  # (1 + cos(pi t)) / 2 at 0, 1/3, 2/3
        (1, "cosine", 3, [1, 1, 1 / 2]),
    ],
)
def test_rates_by_hand(warmup: int, schedule: str, n_steps: int, rates: list[float]) -> None:
    how = config(warmup_steps=warmup, schedule=schedule)
    assert [learning_rate(how, step, n_steps) for step in range(n_steps)] == pytest.approx(rates)


@settings(deadline=None)
@given(warmup=st.integers(0, 20), n_steps=st.integers(1, 60), rate=st.floats(1e-6, 10))
def test_a_rate_rises_to_the_largest_and_falls_from_it(warmup: int, n_steps: int, rate: float) -> None:
    how = config(warmup_steps=warmup, schedule="cosine", learning_rate=rate)
    rates = [learning_rate(how, step, n_steps) for step in range(n_steps)]
    rising, falling = rates[:warmup], rates[warmup:]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert all(0 < each <= rate * (1 + 1e-12) for each in rates)
    assert not falling or falling[0] == rate


def test_the_cosine_is_that_of_torch() -> None:
    weight = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.SGD([weight], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=9)
    for step in range(9):
        assert learning_rate(config(schedule="cosine", learning_rate=0.3), step, 9) == pytest.approx(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("adam", lambda weights: torch.optim.Adam(weights, lr=0.1, weight_decay=0.2)),
        ("adamw", lambda weights: torch.optim.AdamW(weights, lr=0.1, weight_decay=0.2)),
        ("adagrad", lambda weights: torch.optim.Adagrad(weights, lr=0.1, weight_decay=0.2)),
        ("sgd", lambda weights: torch.optim.SGD(weights, lr=0.1, weight_decay=0.2)),
    ],
)
def test_dense_weights_move_as_by_torch(kind: str, make: Make) -> None:
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    optimisers, reference = (
        Optimisers(ours, config(optimizer=kind, learning_rate=0.1, weight_decay=0.2), 4),
        make(list(theirs.parameters())),
    )
    for step in range(4):
        rows = torch.arange(6.0).view(2, 3) - step
        ours(rows).square().sum().backward()
        theirs(rows).square().mean().backward()  # 2 rows of 2 numbers: the sum over 4 terms
        optimisers.scale(4)
        optimisers.step(step)
        reference.step()
        reference.zero_grad()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("adam", lambda weights: torch.optim.SparseAdam(list(weights), lr=0.1)),
        ("adamw", lambda weights: torch.optim.SparseAdam(list(weights), lr=0.1)),
        ("adagrad", lambda weights: torch.optim.Adagrad(weights, lr=0.1)),
        ("sgd", lambda weights: torch.optim.SGD(weights, lr=0.1)),
    ],
)
def test_sparse_rows_move_as_by_torch_and_are_not_decayed(kind: str, make: Make) -> None:
    ours, theirs = nn.Embedding(4, 2, sparse=True), nn.Embedding(4, 2, sparse=True)
    theirs.load_state_dict(ours.state_dict())
    before = ours.weight.detach().clone()
    optimisers, reference = Optimisers(ours, config(optimizer=kind, learning_rate=0.1, weight_decay=0.2), 3), make([theirs.weight])
    for step, rows in enumerate(([0, 2], [2, 2, 0], [2])):
        for table in (ours, theirs):
            table(torch.tensor(rows)).square().sum().backward()
            assert table.weight.grad is not None
            table.weight.grad = table.weight.grad.coalesce()
        optimisers.scale(1)
        optimisers.step(step)
        reference.step()
        reference.zero_grad()
    assert torch.allclose(ours.weight, theirs.weight, atol=1e-5)
    assert torch.equal(ours.weight[[1, 3]], before[[1, 3]])
    assert not torch.equal(ours.weight[[0, 2]], before[[0, 2]])


@settings(deadline=None)
@given(slopes=st.lists(st.lists(st.integers(-50, 50).map(float), min_size=4, max_size=4), min_size=1, max_size=5))
def test_rows_that_move_every_time_move_as_by_adam(slopes: list[list[float]]) -> None:
    lazy, plain = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2, requires_grad=True)
    by_row, by_torch = RowAdam([lazy], lr=0.1), torch.optim.Adam([plain], lr=0.1)
    for slope in slopes:
        plain.grad = torch.tensor(slope).view(2, 2)
        lazy.grad = torch.sparse_coo_tensor(torch.tensor([[0, 1]]), plain.grad.clone(), (2, 2), check_invariants=True).coalesce()
        by_row.step()
        by_torch.step()
    assert torch.allclose(lazy, plain, atol=1e-5)


class Both(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Parameter(torch.zeros(1))
        self.table = nn.Embedding(3, 1, sparse=True, _weight=torch.zeros(3, 1))
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)


@pytest.mark.parametrize(("limit", "scale"), [(None, 1.0), (5.0, 1.0), (2.5, 0.5), (0.5, 0.1)])
def test_dense_and_sparse_gradients_are_clipped_by_their_common_norm(limit: float | None, scale: float) -> None:
    module = Both()
    optimisers = Optimisers(module, config(optimizer="sgd", clip_norm=limit), 1)
    module.dense.grad = torch.tensor([6.0])
    module.table.weight.grad = torch.sparse_coo_tensor(torch.tensor([[2]]), torch.tensor([[8.0]]), (3, 1), check_invariants=True).coalesce()
    assert optimisers.scale(2) == 5  # of (3, 4)
    optimisers.step(0)
    assert module.dense.tolist() == pytest.approx([-3 * scale])
    assert module.table.weight[:, 0].tolist() == pytest.approx([0, 0, -4 * scale])
    assert module.dense.grad is None


def test_a_frozen_weight_is_nobodys() -> None:
    module = Both()
    module.table.weight.requires_grad_(False)
    optimisers = Optimisers(module, config(), 1)
    assert (len(optimisers.dense), optimisers.sparse) == (1, [])
