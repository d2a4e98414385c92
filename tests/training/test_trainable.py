"""What counts as trainable, and which of its weights have sparse gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mapping_spark.errors import ConfigError
from mapping_spark.training.trainable import Batch, as_trainable, embedding_table, sparse_tables


class Losing(nn.Module):
    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return batch["weight"].sum(), torch.tensor(len(batch["weight"]))


class Complete(Losing):
    negatives = None


def test_a_module_with_loss_and_negatives_is_itself_trainable() -> None:
    module: Any = Complete()
    assert as_trainable(module) is module


@pytest.mark.parametrize(("module", "lacks"), [(nn.Linear(1, 1), "Linear: no loss and no negatives;"), (Losing(), "Losing: no negatives;")])
def test_what_a_module_lacks_is_named(module: nn.Module, lacks: str) -> None:
    with pytest.raises(ConfigError, match=lacks):
        as_trainable(module)


@pytest.mark.parametrize(
    ("n_rows", "sparse_rows", "is_sparse"), [(9, 10, False), (10, 10, True), (11, 10, True), (10, None, False), (1, 0, True)]
)
def test_a_table_is_sparse_from_so_many_rows_on(n_rows: int, sparse_rows: int | None, is_sparse: bool) -> None:
    table = embedding_table(n_rows, 3, sparse_rows)
    assert (table.sparse, tuple(table.weight.shape)) == (is_sparse, (n_rows, 3))


def test_sparse_tables_are_found_at_any_depth_in_order() -> None:
    first, dense, second = nn.Embedding(2, 1, sparse=True), nn.Embedding(3, 1), nn.Embedding(4, 1, sparse=True)
    found = sparse_tables(nn.Sequential(nn.Sequential(first, nn.Linear(1, 1)), dense, second))
    assert [table.shape[0] for table in found] == [2, 4]
    assert found[0] is first.weight
    assert sparse_tables(nn.Linear(2, 2)) == []
