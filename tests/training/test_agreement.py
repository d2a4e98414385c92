"""What ranks say to each other, as real processes, and how they agree on a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mapping_spark.errors import ContractError, MappingSparkError, MissingInput
from mapping_spark.training import manifest as manifests
from mapping_spark.training.checkpoint import Checkpoints
from mapping_spark.training.collective import Collective, One
from mapping_spark.training.optimisers import Optimisers
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.snapshot import agreed, item_counts
from mapping_spark.training.state import State
from tests.training.ranks import Backend, start
from tests.training.snapshots import interactions, sequences, write_snapshot

HISTORIES = [[-1, 1, 1], [0, 1, 2], [-1, -1, 4], [2, 2, 2], [-1, 0, 4]]


@dataclass(frozen=True)
class Talks:
    """Every kind of call, on what only this rank has."""

    snapshot: str

    def __call__(self, collective: Collective) -> dict[str, Any]:
        own = collective.rank + 1
        turned = (torch.arange(6.0) * own).view(2, 3).t()
        dense = [torch.tensor([1.0, 2.0]) * own, torch.full((2, 2), 10 * own), turned, torch.tensor(0.5 * own), torch.empty(0)]
        collective.sum_(dense)
        alone = [torch.arange(4).view(2, 2).t() * own]
        collective.sum_(alone)
        sent = [torch.tensor([own, 7]), torch.full((2,), own / 3, dtype=torch.float64)]
        collective.broadcast_(sent)
        sums = collective.sum_sparse([_sparse([3, 1, 3] if own == 1 else []), _sparse([own])])
        state = State(nn.Linear(1, 1), Optimisers(nn.Linear(1, 1), TrainingConfig(), 1), Checkpoints("unused"), collective)
        collective.barrier()
        return {
            "dense": [tensor.tolist() for tensor in (*dense, *alone)],
            "sent": [tensor.tolist() for tensor in sent],
            "sparse": [[each.indices()[0].tolist(), each.values().tolist()] for each in sums],
            "gathered": collective.gather({"rank": collective.rank, "text": "é" * own, "none": None}),
            "watched": [state.agreed(*told) for told in ((None, 9.0), (2.0 * own, 9.0), (5.0 if own == 1 else None, 9.0))],
            "counts": item_counts(self.snapshot, agreed(self.snapshot, collective), collective).tolist(),
        }


def _sparse(rows: list[int]) -> Tensor:
    values = torch.ones(len(rows), 2)
    return torch.sparse_coo_tensor(torch.tensor([rows], dtype=torch.int64), values, (5, 2), check_invariants=True)


@pytest.mark.parametrize("backend", ["horovod", "torch"])
def test_two_ranks_come_to_the_same(tmp_path: Path, backend: Backend) -> None:
    write_snapshot(tmp_path / "lists", "sequences", sequences(HISTORIES), rows_per_group=2, n_users=5, n_items=6)
    first, second = start(backend, 2, tmp_path / "told", Talks(str(tmp_path / "lists"))).end(120)
    assert first == second
    assert first["dense"] == [
        [1 + 2, 2 + 4],
        [[30, 30], [30, 30]],
        [[0, 9], [3, 12], [6, 15]],  # [[0, 3], [1, 4], [2, 5]] once and twice
        1.5,
        [],
        [[0, 6], [3, 9]],
    ]
    assert first["sent"] == [[1, 7], [1 / 3] * 2]
    assert first["sparse"] == [[[1, 3], [[1, 1], [2, 2]]], [[1, 2], [[1, 1], [1, 1]]]]
    assert first["gathered"] == [{"rank": 0, "text": "é", "none": None}, {"rank": 1, "text": "éé", "none": None}]
    assert first["watched"] == [9, (2 + 4) / 2, 5]  # the loss where nobody tells, the mean of those who do
    assert first["counts"] == [2, 3, 4, 0, 2, 0]


@dataclass(frozen=True)
class AgreesOnCopies:
    """Each rank looks at a copy of its own."""

    folder: str

    def __call__(self, collective: Collective) -> list[str]:
        try:
            return [agreed(f"{self.folder}/{collective.rank}", collective).digest]
        except MappingSparkError as fault:
            return [type(fault).__name__, fault.found]


def test_the_ranks_that_differ_are_named_and_no_others(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    for rank, items in enumerate(([0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 1, 1])):  # the last row lies in the second file
        write_snapshot(copies / str(rank), "interactions", interactions([0, 1, 2], items), rows_per_group=2, n_users=3, n_items=3)
    third = manifests.read(str(copies / "2")).model_copy(update={"created_at": "2018-01-01T00:00:00+00:00"})
    manifests.write(str(copies / "2"), third)
    found = ["rank 2 differs from rank 0 in the facts beside the files", "rank 3 differs from rank 0 in data/part-00001.parquet"]
    told = start("torch", 4, tmp_path / "told", AgreesOnCopies(str(copies))).end(120)
    assert told == [["ContractError", "; ".join(found)]] * 4


def test_one_rank_counts_what_every_file_holds(tmp_path: Path) -> None:
    columns = interactions([0, 0, 1, 2, 2], [3, 1, 3, 3, 0])
    manifest = write_snapshot(tmp_path, "interactions", columns, rows_per_group=2, n_users=3, n_items=5)
    counts = item_counts(str(tmp_path), manifest, One())
    assert (counts.dtype, counts.tolist()) == (torch.int64, [1, 1, 0, 3, 0])


def test_a_fault_that_all_ranks_see_is_raised_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"no manifest.json; expected a finished snapshot. Run build_snapshot.$"):
        agreed(str(tmp_path), One())
    manifest = write_snapshot(tmp_path, "interactions", interactions([0], [0]), rows_per_group=1, n_users=1, n_items=1)
    assert agreed(str(tmp_path), One()) == manifest
    (tmp_path / manifest.files[0].path).unlink()
    with pytest.raises(ContractError, match="part-00000.parquet is missing"):
        agreed(str(tmp_path), One())


def test_one_process_keeps_what_it_has_and_adds_up_what_it_touched_twice() -> None:
    one, dense = One(), torch.tensor([1.0, 2.0])
    one.sum_([dense])
    one.broadcast_([dense])
    (summed,) = one.sum_sparse([_sparse([3, 1, 3])])
    assert (dense.tolist(), summed.indices()[0].tolist(), summed.values().tolist()) == ([1, 2], [1, 3], [[1, 1], [2, 2]])
    assert one.gather({"a": [1, None]}) == [{"a": [1, None]}]
    one.barrier()
