"""Where a training stands, and how it tells so."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Self, TypeVar

from mapping_spark.logs import LOGGER

Item = TypeVar("Item")
_SECONDS_BETWEEN_LINES = 10.0


@dataclass(frozen=True)
class EpochReport:
    """How an epoch went. Rates are of all ranks together, since this run started or resumed the epoch."""

    rank: int
    """Whose report it is: the loss is that of all ranks, the waiting its own."""
    epoch: int
    loss: float
    """Mean over all terms of all ranks."""
    learning_rate: float
    """Of the last step."""
    gradient_norm: float
    """Of the last step, before clipping."""
    seconds: float
    samples_per_second: float
    waiting_share: float
    """Share of the time that the rank waited for data."""

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch}: loss {self.loss:.5f}, {self.samples_per_second:,.0f} samples/s, "
            f"waited {self.waiting_share:.0%} of {self.seconds:.1f} s for data, learning rate {self.learning_rate:.2g}"
        )


@dataclass
class Progress:
    """Everything about the position of a training that a checkpoint keeps."""

    epoch: int = 0
    """Epoch to do next, or being done, from 0."""
    step: int = 0
    """Step of it to do next."""
    loss_sum: float = 0.0
    """Of this epoch, over all ranks."""
    n_terms: float = 0.0
    best: float | None = None
    """Smallest value so far of what is watched."""
    epochs_without_gain: int = 0
    reports: list[EpochReport] = field(default_factory=list)
    """Of the epochs done, over all runs."""

    @property
    def loss(self) -> float:
        """Mean loss of the epoch so far."""
        return self.loss_sum / max(self.n_terms, 1.0)

    def count(self, loss_sum: float, n_terms: float) -> None:
        """A step was done."""
        self.step += 1
        self.loss_sum += loss_sum
        self.n_terms += n_terms

    def end_epoch(self, watched: float) -> bool:
        """The epoch was done; returns whether `watched` (smaller is better) is the best so far."""
        no_number = self.best is not None and math.isnan(self.best) and not math.isnan(watched)  # any number is better
        is_best = self.best is None or watched < self.best or no_number
        self.best = watched if is_best else self.best
        self.epochs_without_gain = 0 if is_best else self.epochs_without_gain + 1
        self.epoch, self.step, self.loss_sum, self.n_terms = self.epoch + 1, 0, 0.0, 0.0
        return is_best

    def as_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """What `as_json` gave."""
        return cls(**found | {"reports": [EpochReport(**report) for report in found["reports"]]})


Report = Callable[[EpochReport], float | None]
"""Called on every rank at an epoch's end. It may measure the module and return what to watch instead of the loss (smaller is
better; the mean of the ranks that return one), for early stopping and for the best weights."""


def log(report: EpochReport) -> None:
    """Say how the epoch went, on rank 0; the loss is watched."""
    if report.rank == 0:
        LOGGER.info(str(report), extra=asdict(report))


@dataclass
class Meter:
    """Time of an epoch: in all, and waiting for data."""

    rank: int
    """Rank 0 writes a line now and then within an epoch."""
    began: float = field(default_factory=time.monotonic)
    waited: float = 0.0
    steps: int = 0
    spoke: float = field(default_factory=time.monotonic)

    def waiting(self, source: Iterator[Item]) -> Iterator[Item]:
        """The same elements, timed."""
        while True:
            asked = time.monotonic()
            item = next(source, None)
            self.waited += time.monotonic() - asked
            if item is None:
                return
            yield item
            self.steps += 1

    def tell(self, progress: Progress, batch_size: int, rate: float) -> None:
        """A line now and then, from rank 0."""
        if self.rank == 0 and time.monotonic() - self.spoke > _SECONDS_BETWEEN_LINES:
            self.spoke = time.monotonic()
            LOGGER.info(f"step {progress.step}: {self.report(progress, batch_size, rate, 0.0)}")

    def report(self, progress: Progress, batch_size: int, rate: float, norm: float) -> EpochReport:
        """How the epoch went so far."""
        seconds = max(time.monotonic() - self.began, 1e-9)
        samples = self.steps * batch_size / seconds
        return EpochReport(self.rank, progress.epoch, progress.loss, rate, norm, seconds, samples, self.waited / seconds)
