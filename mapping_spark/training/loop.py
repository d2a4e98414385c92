"""The training loop, for one process and for many: every decision is taken on sums over all ranks, so all take the same."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from mapping_spark.training.checkpoint import Checkpoints
from mapping_spark.training.collective import Collective
from mapping_spark.training.feed import Feed
from mapping_spark.training.gradients import backward, reduce, refuse_no_number, seed_dropout
from mapping_spark.training.optimisers import Optimisers
from mapping_spark.training.progress import EpochReport, Meter, Report, log
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.state import State


@dataclass(frozen=True, slots=True)
class Summary:
    """How a training went."""

    epochs: int
    """Epochs done over all runs of it."""
    best: float | None
    """Smallest value of what was watched."""
    reports: tuple[EpochReport, ...]
    """Of all of them."""


def train(module: nn.Module, feed: Feed, collective: Collective, config: TrainingConfig, folder: str, report: Report = log) -> Summary:
    """Train `module` (a `Trainable`) in place, resuming from the newest checkpoint under `folder`.

    All ranks call it alike; only rank 0 touches `folder`. With `patience` the module ends with its best weights, else with
    the last. Raises `TrainingFault` on every rank where a loss is no number or a rank does not answer.
    """
    optimisers = Optimisers(module, config, feed.steps_per_epoch * config.epochs)
    state = State(module, optimisers, Checkpoints(folder, config.keep_checkpoints), collective)
    progress = state.resume({"snapshot": feed.manifest.digest, "training": config.identity})
    module.train()
    while progress.epoch < config.epochs and (config.patience is None or progress.epochs_without_gain < config.patience):
        meter, norm, rate = Meter(collective.rank), 0.0, 0.0
        for batch in meter.waiting(feed.epoch(progress.epoch, progress.step)):
            step = progress.epoch * feed.steps_per_epoch + progress.step
            seed_dropout(module, config.seed, step, collective.rank)
            rate = optimisers.rate(step)
            totals = reduce(optimisers, *backward(module, batch, config), collective)
            norm = optimisers.scale(max(totals.n_terms, 1.0))
            refuse_no_number(totals, norm, f"epoch {progress.epoch}, step {progress.step}, learning rate {rate:.3g}")
            optimisers.step(step)
            progress.count(totals.loss_sum, totals.n_terms)
            meter.tell(progress, config.batch_size, rate)
            if config.checkpoint_steps and progress.step % config.checkpoint_steps == 0:
                state.save(progress)
        progress.reports.append(meter.report(progress, config.batch_size, rate, norm))
        if progress.end_epoch(state.agreed(report(progress.reports[-1]), progress.loss)) and config.patience is not None:
            state.keep_best(progress)
        state.save(progress)
        module.train()
    if config.patience is not None:
        state.take_best()
    return Summary(progress.epoch, progress.best, tuple(progress.reports))
