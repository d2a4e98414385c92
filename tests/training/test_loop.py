"""The loop in one process, step by step in plain Python: its numbers, when it stops, what it keeps and from where it goes on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mapping_spark.errors import ConfigError, TrainingFault
from mapping_spark.training.collective import One
from mapping_spark.training.feed import Feed
from mapping_spark.training.loop import Summary, train
from mapping_spark.training.manifest import Manifest
from mapping_spark.training.progress import EpochReport
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.trainable import Batch
from tests.training.snapshots import interactions, write_snapshot

ITEMS = (3, 1, 4, 1, 5, 9, 2, 6, 5, 3)


class Nearest(nn.Module):
    """One number, moved towards the items of the rows by the square of its distance."""

    def __init__(self) -> None:
        super().__init__()
        self.negatives = None
        self.w = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return (self.w - batch["item_idx"]).square().sum(), torch.tensor(len(batch["item_idx"]))


class Spoilt(Nearest):
    """Its second step has a loss, or a gradient, that is no number."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what, self.calls = what, 0

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        total, terms = super().loss(batch)
        self.calls += 1
        if self.calls == 2:
            total = total * math.nan if self.what == "loss" else total + (self.w - self.w.detach()).sqrt()  # its slope at 0 is infinite
        return total, terms


class Watch:
    """A report that tells what was written down for each epoch, and sees the weight at its end."""

    def __init__(self, module: Nearest, told: Sequence[float | None]) -> None:
        self.module, self.told = module, told
        self.weights: list[float] = []
        self.epochs: list[int] = []

    def __call__(self, report: EpochReport) -> float | None:
        self.weights.append(self.module.w.item())
        self.epochs.append(report.epoch)
        return self.told[report.epoch]


@pytest.fixture
def snapshot(tmp_path: Path) -> Manifest:
    columns = interactions(list(range(len(ITEMS))), ITEMS)
    return write_snapshot(tmp_path / "snapshot", "interactions", columns, rows_per_group=3, n_users=len(ITEMS), n_items=10)


def config(**settings: object) -> TrainingConfig:
    given = {"ranks": 1, "batch_size": 4, "epochs": 3, "optimizer": "sgd", "learning_rate": 0.1, "reader_threads": 1}
    return TrainingConfig.model_validate(given | settings)


def trained(folder: Path, manifest: Manifest, how: TrainingConfig, module: Nearest | None = None, **more: Any) -> Summary:
    chosen = module or Nearest()
    return train(chosen, Feed(manifest, str(folder / "snapshot"), how), One(), how, str(folder / "checkpoints"), **more)


def test_its_numbers_are_those_of_gradient_descent(tmp_path: Path, snapshot: Manifest) -> None:
    how, module, w = config(schedule="cosine", warmup_steps=1, clip_norm=3.0), Nearest(), 0.0
    summary, feed = trained(tmp_path, snapshot, how, module), Feed(snapshot, str(tmp_path / "snapshot"), how)
    for epoch in range(3):
        losses, norm = [], 0.0
        for step, batch in enumerate(feed.epoch(epoch), start=2 * epoch):  # 10 rows are 2 steps of 4
            xs = batch["item_idx"].tolist()
            losses += [(w - x) ** 2 for x in xs]
            slope = sum(2 * (w - x) for x in xs) / len(xs)
            norm = abs(slope)
            rate = 0.1 if step == 0 else 0.1 * (1 + math.cos(math.pi * (step - 1) / 5)) / 2
            w -= rate * slope * min(1.0, 3.0 / norm)
        report = summary.reports[epoch]
        assert report.loss == pytest.approx(sum(losses) / 8)
        assert [report.gradient_norm, report.learning_rate] == pytest.approx([norm, rate])
    assert module.w.item() == pytest.approx(w)
    assert (summary.epochs, summary.best) == (3, min(report.loss for report in summary.reports))


@pytest.mark.parametrize(
    ("told", "patience", "epochs", "best"),
    [
        ([3.0, 2.0, 5.0, 4.0, 1.0], 2, 4, 1),  # the better one would have come too late
        ([3.0, 2.0, 5.0, 1.0, 4.0], 2, 5, 3),
        ([2.0, 2.0, 2.0, 1.0, 1.0], 1, 2, 0),  # as good is no gain
        ([5.0, 4.0, 3.0, 2.0, 1.0], 1, 5, 4),
        ([3.0, 2.0, 5.0, 4.0, 1.0], None, 5, 4),  # all of them, and the last weights whatever they were worth
        ([1.0, 2.0, 5.0, 4.0, 3.0], None, 5, 4),
    ],
)
def test_patience_ends_with_the_best_weights(
    tmp_path: Path, snapshot: Manifest, told: list[float], patience: int | None, epochs: int, best: int
) -> None:
    module = Nearest()
    watch = Watch(module, told)
    summary = trained(tmp_path, snapshot, config(epochs=5, patience=patience), module, report=watch)
    assert (summary.epochs, summary.best) == (epochs, min(told[:epochs]))
    assert module.w.item() == watch.weights[best]


def test_where_nothing_is_told_the_loss_is_watched(tmp_path: Path, snapshot: Manifest) -> None:
    module = Nearest()
    summary = trained(tmp_path, snapshot, config(), module, report=Watch(module, [None] * 3))
    assert summary.best == min(report.loss for report in summary.reports)


def test_what_was_done_is_not_done_again(tmp_path: Path, snapshot: Manifest) -> None:
    told, runs = [3.0, 2.0, 5.0, 4.0, 1.0], []
    for name, epochs, done in (("once", 5, [0, 1, 2, 3]), ("parts", 2, [0, 1]), ("parts", 5, [2, 3]), ("parts", 5, [])):
        module, how = Nearest(), config(epochs=epochs, patience=2)  # the fourth is the second in vain, also over a restart
        watch = Watch(module, told)
        summary = train(module, Feed(snapshot, str(tmp_path / "snapshot"), how), One(), how, str(tmp_path / name), watch)
        assert watch.epochs == done
        runs.append(([report.loss for report in summary.reports], module.w.item()))
    assert runs[0] == runs[2] == runs[3]


def test_checkpoints_of_another_training_are_refused_with_what_differs(tmp_path: Path, snapshot: Manifest) -> None:
    trained(tmp_path, snapshot, config(epochs=1))
    with pytest.raises(ConfigError, match=r"checkpoints: of another training: learning_rate was 0\.1, is 0\.2; seed was 7, is 8; expected"):
        trained(tmp_path, snapshot, config(epochs=1, learning_rate=0.2, seed=8))
    other = snapshot.model_copy(update={"created_at": "2018-01-01T00:00:00+00:00"})
    with pytest.raises(ConfigError, match="of another training: another snapshot; expected the same one. Train in another folder"):
        trained(tmp_path, other, config(epochs=1))


@pytest.mark.parametrize(("what", "found"), [("loss", "the loss of rank 0"), ("gradient", "the gradient")])
def test_a_step_that_is_no_number_moves_nothing(tmp_path: Path, snapshot: Manifest, what: str, found: str) -> None:
    module = Spoilt(what)
    with pytest.raises(TrainingFault, match=rf"^epoch 0, step 1, learning rate 0\.1: {found} is no finite number"):
        trained(tmp_path, snapshot, config(checkpoint_steps=1), module)
    first = next(iter(Feed(snapshot, str(tmp_path / "snapshot"), config()).epoch(0)))["item_idx"].double()
    assert module.w.item() == pytest.approx(0.1 * 2 * first.mean().item())
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000-000000001"]


def test_so_many_checkpoints_stay_and_the_best_beside_them(tmp_path: Path, snapshot: Manifest) -> None:
    trained(tmp_path, snapshot, config(keep_checkpoints=2, checkpoint_steps=1, patience=3))
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["best", "step-00002-000000002", "step-00003-000000000"]  # the last step, and the end of its epoch
