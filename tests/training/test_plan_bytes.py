"""Bytes of a plan, each beside its arithmetic, and beside what optimisers really keep."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mapping_spark.errors import ConfigError
from mapping_spark.training import manifest as m
from mapping_spark.training.negatives import Negatives, Sampler
from mapping_spark.training.optimisers import Optimisers
from mapping_spark.training.plan import make_plan
from mapping_spark.training.settings import TrainingConfig

DENSE, TABLE = 8 * 4, 100 * 4 * 4  # a layer of 3 to 2 with its bias, and 100 rows of 4 numbers; 4 bytes each
ROW = 4 * 4 + 8  # of a sparse gradient: its numbers and its index


class Scorer(nn.Module):
    def __init__(self, negatives: Negatives | None = None) -> None:
        super().__init__()
        self.negatives = Sampler(negatives, 100) if negatives else None
        self.table = nn.Embedding(100, 4, sparse=True)
        self.layer = nn.Linear(3, 2)

    def loss(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = self.table(batch["item_idx"])
        return self.layer(rows[:, :3]).sum() + rows.sum(), torch.tensor(len(rows))


def manifest(n_files: int = 5, length: int = 0) -> m.Manifest:
    """Files of 5 rows."""
    files = [m.DataFile(path=f"{number}", rows=5, bytes=0, first_row=5 * number, footer="") for number in range(n_files)]
    facts = dict(shape="sequences" if length else "interactions", rows_per_group=5, n_users=9, n_items=100, length=length)
    return m.of_files(files, **facts, as_of="2017-12-01", versions={}, config={}, created_at="2017-12-01T00:00:00+00:00")


def config(**settings: object) -> TrainingConfig:
    return TrainingConfig.model_validate({"ranks": 2, "batch_size": 10, "pool_rows": 10, "reader_threads": 1} | settings)


@pytest.mark.parametrize(("kind", "per_weight"), [("adam", 2), ("adamw", 2), ("adagrad", 1), ("sgd", 0)])
def test_the_optimiser_keeps_what_the_plan_says(kind: str, per_weight: int) -> None:
    module, how = Scorer(), config(optimizer=kind)
    plan = make_plan(module, manifest(), how)
    assert (plan.n_parameters, plan.weights, plan.optimiser) == (8 + 400, DENSE + TABLE, per_weight * (DENSE + TABLE))
    optimisers = Optimisers(module, how, 1)
    module.loss({"item_idx": torch.tensor([1, 2])})[0].backward()  # type: ignore[no-untyped-call]
    optimisers.sparse[0].grad = optimisers.sparse[0].grad.coalesce()  # type: ignore[union-attr]
    optimisers.step(0)
    assert sum(kept.numel() * kept.element_size() for kept in optimisers.state().values() if kept.dim()) == plan.optimiser


@pytest.mark.parametrize(
    ("negatives", "length", "batch_size", "rows"),
    [
        (None, 0, 10, 5),  # one item for each of a rank's 5 rows
        (Negatives(n=2, per="row"), 0, 10, 5 + 5 * 2),
        (Negatives(n=2, per="row"), 3, 10, 5 * 3 + 5 * 2),
        (Negatives(n=2, per="position"), 3, 10, 5 * 3 + 5 * 3 * 2),
        (Negatives(n=2, per="batch"), 3, 10, 5 * 3 + 2),
        (Negatives(n=50, per="position"), 3, 10, 100),  # no more than the table has
        (Negatives(n=1, per="batch"), 0, 2, 1 + 1),
    ],
)
def test_a_step_touches_at_most_so_many_rows_of_a_table(negatives: Negatives | None, length: int, batch_size: int, rows: int) -> None:
    plan = make_plan(Scorer(negatives), manifest(length=length), config(batch_size=batch_size))
    assert plan.gradients == DENSE + rows * ROW


@pytest.mark.parametrize(
    ("ranks", "sent"),
    [
        (1, 0),  # to nobody
        (2, DENSE + 12 * ROW),  # half of the dense ones out, half of the sums back; the own rows to one other
        (4, 2 * DENSE * 3 // 4 + 3 * 6 * ROW),
    ],
)
def test_what_a_rank_sends_is_a_rings_share_and_its_own_rows_to_each_other(ranks: int, sent: int) -> None:
    assert make_plan(Scorer(), manifest(), config(ranks=ranks, batch_size=24)).sent_per_step == sent


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ({}, 2 * 10),  # one pool in use, one being filled
        ({"pool_rows": 1000}, 2 * 10),  # an epoch has 2 steps of 5 rows a rank
        ({"pool_rows": 1}, 2 * 5),  # no less than a step
        ({"shards": 4, "batch_size": 4, "pool_rows": 3}, 2 * 2 * 3),  # two streams a rank
        ({"ranks": 1}, 2 * 10),
        ({"ranks": 1, "pool_rows": 1000}, 2 * 20),
    ],
)
def test_two_pools_and_what_the_readers_hold(settings: dict[str, object], rows: int) -> None:
    plan = make_plan(Scorer(), manifest(), config(**settings))
    assert plan.pools == (rows + 5) * 36  # bytes of a pair: four of 8 and a weight of 4; one reader holds a file of 5
    assert make_plan(Scorer(), manifest(), config(**settings, reader_threads=3)).pools == (rows + 3 * 5) * 36


def test_a_row_of_sequences_is_as_wide_as_its_lists() -> None:
    assert make_plan(Scorer(), manifest(length=3), config()).pools == (2 * 10 + 5) * (8 + 8 + 4 + 2 * 3 * 8)


def test_a_plan_is_refused_from_one_byte_too_many_on() -> None:
    plan = make_plan(Scorer(), manifest(), config())
    assert plan.memory == plan.weights + plan.gradients + plan.optimiser + plan.pools
    make_plan(Scorer(), manifest(), config(memory_gb=(plan.memory + 1) / 1e9))
    with pytest.raises(
        ConfigError, match=r"^training.memory_gb: .* before activations .*; expected a plan that fits. Give ranks more memory"
    ):
        make_plan(Scorer(), manifest(), config(memory_gb=(plan.memory - 1) / 1e9))


def test_a_snapshot_smaller_than_a_batch_has_no_plan() -> None:
    with pytest.raises(ConfigError, match="30 for 25 rows; expected at most 25"):
        make_plan(Scorer(), manifest(), config(batch_size=30))


def test_a_plan_reads_as_lines_with_its_numbers() -> None:
    lines = str(make_plan(Scorer(), manifest(), config())).splitlines()
    assert lines[0] == "408 parameters"
    assert lines[2:4] == [
        "25 rows in 5 row groups over 2 ranks",
        "2 steps of 10 rows an epoch, on each rank 5 rows a step; 5 rows left out, others in each epoch",
    ]
