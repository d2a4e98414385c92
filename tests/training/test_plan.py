"""Numbers of a plan that a reader can add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mapping_spark.config import validated
from mapping_spark.errors import ConfigError
from mapping_spark.models.mf_bpr import MfBpr, MfBprConfig
from mapping_spark.models.sasrec import SasRec, SasRecConfig
from mapping_spark.training.negatives import Negatives
from mapping_spark.training.plan import make_plan
from mapping_spark.training.run import Training
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.trainable import Sizes
from tests.training.proofs import Pairs
from tests.training.snapshots import interactions, sequences, write_snapshot

POPULAR = Negatives("popularity", 4, "batch")
CONFIG = TrainingConfig(ranks=2, batch_size=10, pool_rows=10, reader_threads=1)


def test_a_plan_counts_what_each_rank_holds_and_sends(tmp_path: Path) -> None:
    manifest = write_snapshot(
        tmp_path, "interactions", interactions(np.arange(25), np.arange(25)), rows_per_group=5, n_users=25, n_items=30
    )
    plan = make_plan(Pairs(Sizes(25, 30), sparse=False), manifest, CONFIG)
    assert plan.n_parameters == (25 + 30) * 4 + 2
    assert (plan.weights, plan.gradients, plan.optimiser) == (888, 888, 2 * 888)
    assert plan.pools == 2 * 10 * 36 + 5 * 36  # two pools of 10 rows and a file of 5, 36 bytes a row
    assert plan.sent_per_step == 888  # a ring of two sends every number once
    assert "2 steps of 10 rows an epoch, on each rank 5 rows a step; 5 rows left out" in str(plan)
    sparse = make_plan(Pairs(Sizes(25, 30), sparse=True), manifest, CONFIG)
    # 5 rows a rank and 2 negatives each: 15 rows of each table at most, of 4 floats and an index.
    assert sparse.gradients == 8 + 2 * 15 * (4 * 4 + 8)
    assert sparse.sent_per_step == 8 + 2 * 15 * (4 * 4 + 8)


def test_what_cannot_fit_is_refused_with_numbers_before_memory_is_taken(tmp_path: Path) -> None:
    manifest = write_snapshot(
        tmp_path, "interactions", interactions(np.arange(25), np.arange(25)), rows_per_group=5, n_users=25, n_items=25
    )
    with torch.device("meta"):
        module = Pairs(Sizes(10**9, 30), sparse=False)
    with pytest.raises(ConfigError, match=r"4 GB for a rank that needs 64\.00 GB .*weights 16\.00, gradients 16\.00, optimiser 32\.00"):
        make_plan(module, manifest, CONFIG)


def test_batches_that_ranks_cannot_share_are_refused() -> None:
    with pytest.raises(ConfigError, match="batch_size = 10 is no multiple of 4 shards x 1 parts: use 8"):
        validated(TrainingConfig, {"ranks": 4, "batch_size": 10}, "training")
    with pytest.raises(ConfigError, match="shards = 3 cannot be dealt to ranks = 2"):
        validated(TrainingConfig, {"ranks": 2, "shards": 3}, "training")


def test_a_training_is_planned_without_its_memory(tmp_path: Path) -> None:
    write_snapshot(
        tmp_path / "pairs", "interactions", interactions(np.arange(20), np.arange(20)), rows_per_group=5, n_users=10**9, n_items=10**3
    )
    write_snapshot(tmp_path / "lists", "sequences", sequences([[1, 2, 3]] * 20), rows_per_group=5, n_users=10**9, n_items=10**3)
    config = CONFIG.model_copy(update={"memory_gb": 10**6})
    sasrec = SasRec(SasRecConfig(negatives=POPULAR, loss="gbce"), 7).module
    planned = [
        Training(str(tmp_path / snapshot), make, config, str(tmp_path)).plan().n_parameters
        for snapshot, make in (("pairs", MfBpr(MfBprConfig(), 7).module), ("lists", sasrec))
    ]
    assert planned[0] == (10**9 + 10**3) * 64 + 10**3  # users, items and the items' bias
    assert 10**3 * 65 < planned[1] < 10**6  # no table of users
