"""The gradient of a step: the same in parts as at once, zeros where there is no term, refused where it is no number."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from mapping_spark.errors import TrainingFault
from mapping_spark.training.collective import One
from mapping_spark.training.gradients import Totals, backward, parts, reduce, refuse_no_number, seed_dropout
from mapping_spark.training.negatives import Negatives, Sampler
from mapping_spark.training.optimisers import Optimisers
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.trainable import Batch

NAN, INF = math.nan, math.inf


class Squares(nn.Module):
    """Squared distance of one number to each row's; a row below 0 is padding and has no term."""

    def __init__(self, negatives: Sampler | None = None) -> None:
        super().__init__()
        self.negatives = negatives
        self.w = nn.Parameter(torch.tensor(0.0))
        self.seen: list[Batch] = []

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        self.seen.append(batch)
        known = batch["x"][batch["x"] >= 0]
        return (self.w - known).square().sum(), torch.tensor(len(known))


class Tables(nn.Module):
    """A sparse table and a weight that nothing has touched yet."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(3, 2, sparse=True)
        self.dense = nn.Linear(2, 1)


def config(**settings: object) -> TrainingConfig:
    return TrainingConfig.model_validate({"ranks": 1, "batch_size": 12, "optimizer": "sgd"} | settings)


@pytest.mark.parametrize("accumulation", [1, 2, 4])
def test_parts_add_up_to_the_whole(accumulation: int) -> None:
    module = Squares()
    total, terms = backward(module, {"x": torch.tensor([1.0, 2.0, -1.0, 5.0])}, config(accumulation=accumulation))
    assert (total.item(), terms) == (1 + 4 + 25, 3)
    assert module.w.grad is not None
    assert module.w.grad.item() == -2 * (1 + 2 + 5)
    assert len(module.seen) == accumulation


def test_rows_of_padding_alone_have_neither_loss_nor_gradient() -> None:
    module = Squares()
    total, terms = backward(module, {"x": torch.full((4,), -1.0)}, config(accumulation=2))
    totals = reduce(Optimisers(module, config(), 1), total, terms, One())
    assert totals == Totals(0.0, 0.0, ())
    assert module.w.grad == 0


@pytest.mark.parametrize(("per", "seen"), [("row", [[[0, 1]], [[2, 3]]]), ("batch", [[[0, 1], [2, 3]]] * 2)])
def test_negatives_of_a_row_go_with_it_and_those_of_the_batch_into_every_part(per: str, seen: list[object]) -> None:
    module = Squares(Sampler(Negatives("uniform", 2, per), 4))  # type: ignore[arg-type]
    backward(module, {"x": torch.ones(2), "negatives": torch.tensor([[0, 1], [2, 3]])}, config(accumulation=2))
    assert [part["negatives"].tolist() for part in module.seen] == seen


def test_parts_have_equal_rows_and_keep_columns_together() -> None:
    batch = {"x": torch.arange(6), "items": torch.arange(12).view(6, 2)}
    found = [(part["x"].tolist(), part["items"][:, 0].tolist()) for part in parts(batch, 3, share_negatives=False)]
    assert found == [([0, 1], [0, 2]), ([2, 3], [4, 6]), ([4, 5], [8, 10])]


def test_what_no_row_touched_gets_zeros_or_no_rows_and_stays() -> None:
    module = Tables()
    before = [weight.detach().clone() for weight in module.parameters()]
    optimisers = Optimisers(module, config(), 1)
    totals = reduce(optimisers, torch.tensor(0.0, dtype=torch.float64), 0.0, One())
    (gradient,) = [table.grad for table in optimisers.sparse]
    assert gradient is not None
    assert gradient.is_sparse
    assert gradient._nnz() == 0
    assert optimisers.scale(max(totals.n_terms, 1.0)) == 0
    optimisers.step(0)
    assert all(torch.equal(one, other) for one, other in zip(before, module.parameters(), strict=True))


@pytest.mark.parametrize(("loss", "faulty"), [(3.0, ()), (NAN, (0,)), (INF, (0,)), (-INF, (0,))])
def test_a_rank_whose_loss_is_no_number_is_named(loss: float, faulty: tuple[int, ...]) -> None:
    assert reduce(Optimisers(Squares(), config(), 1), torch.tensor(loss, dtype=torch.float64), 2.0, One()).faulty_ranks == faulty


@pytest.mark.parametrize(
    ("totals", "norm", "found"),
    [
        (Totals(NAN, 4.0, (0, 2)), NAN, "the loss of rank 0, 2 is no finite number"),
        (Totals(1.0, 4.0), INF, "the gradient is no finite number"),
        (Totals(1.0, 4.0), NAN, "the gradient is no finite number"),
    ],
)
def test_a_step_without_a_finite_number_is_refused_with_what_to_do(totals: Totals, norm: float, found: str) -> None:
    with pytest.raises(TrainingFault, match=rf"^epoch 1, step 2: {found}; expected .* Nothing of this step was kept. Lower training"):
        refuse_no_number(totals, norm, "epoch 1, step 2")
    refuse_no_number(Totals(1.0, 4.0), 0.0, "epoch 1, step 2")


def test_what_a_module_draws_depends_on_seed_step_and_rank_alone() -> None:
    module = Squares()

    def drawn(seed: int, step: int, rank: int) -> float:
        torch.rand(1 + rank)  # whatever was drawn before
        seed_dropout(module, seed, step, rank)
        return torch.rand(()).item()

    assert drawn(7, 3, 1) == drawn(7, 3, 1)
    assert len({drawn(*key) for key in ((7, 3, 1), (8, 3, 1), (7, 4, 1), (7, 3, 2), (2**32 - 1, 10**9, 4095))}) == 5
