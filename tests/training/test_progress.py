"""Where a training stands: means over terms, the best so far, and the same after a round trip through JSON."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterator

import pytest

from mapping_spark.training.progress import EpochReport, Meter, Progress, log

REPORT = EpochReport(0, 3, 0.123456, 0.001, 2.0, 61.26, 12345.6, 0.257)


def test_the_loss_is_the_mean_over_terms_not_over_steps() -> None:
    progress = Progress()
    assert progress.loss == 0
    progress.count(6.0, 2.0)
    progress.count(2.0, 8.0)
    assert (progress.step, progress.loss) == (2, (6 + 2) / (2 + 8))


@pytest.mark.parametrize(
    ("watched", "is_best", "best", "without_gain"),
    [
        ([3.0], [True], 3.0, 0),
        ([3.0, 2.0], [True, True], 2.0, 0),
        ([3.0, 3.0], [True, False], 3.0, 1),  # as good is no gain
        ([3.0, 4.0, 5.0, 2.9], [True, False, False, True], 2.9, 0),
        ([3.0, math.nan, 3.5], [True, False, False], 3.0, 2),
        ([math.nan, math.nan, 3.0, 4.0], [True, False, True, False], 3.0, 1),  # any number is better than none
        ([-math.inf, -1.0], [True, False], -math.inf, 1),
    ],
)
def test_the_smallest_watched_number_is_the_best(watched: list[float], is_best: list[bool], best: float, without_gain: int) -> None:
    progress = Progress()
    assert [progress.end_epoch(value) for value in watched] == is_best
    assert (progress.best, progress.epochs_without_gain, progress.epoch) == (best, without_gain, len(watched))


def test_a_new_epoch_begins_with_nothing_counted() -> None:
    progress = Progress()
    progress.count(6.0, 2.0)
    progress.end_epoch(3.0)
    assert (progress.epoch, progress.step, progress.loss_sum, progress.n_terms) == (1, 0, 0.0, 0.0)


def test_it_comes_back_from_json_as_it_was() -> None:
    progress = Progress(epoch=4, step=2, loss_sum=1.5, n_terms=3.0, best=0.25, epochs_without_gain=1, reports=[REPORT])
    assert Progress.from_json(json.loads(json.dumps(progress.as_json()))) == progress
    assert Progress.from_json(json.loads(json.dumps(Progress().as_json()))) == Progress()


def test_a_report_reads_as_a_line() -> None:
    assert str(REPORT) == "epoch 3: loss 0.12346, 12,346 samples/s, waited 26% of 61.3 s for data, learning rate 0.001"


def test_only_rank_0_says_how_an_epoch_went_and_the_loss_is_watched(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="mapping_spark"):
        for rank in (0, 1):
            log(EpochReport(**vars(REPORT) | {"rank": rank}))
    assert [record.getMessage() for record in caplog.records] == [str(REPORT)]


def test_a_meter_counts_what_was_used_and_how_long_it_came_late() -> None:
    def late() -> Iterator[str]:
        for item in "abc":
            time.sleep(0.02)
            yield item

    meter, progress = Meter(rank=1), Progress(epoch=2)
    assert list(meter.waiting(late())) == ["a", "b", "c"]
    report = meter.report(progress, batch_size=10, rate=0.5, norm=1.5)
    assert (report.rank, report.epoch, report.learning_rate, report.gradient_norm) == (1, 2, 0.5, 1.5)
    assert report.samples_per_second * report.seconds == pytest.approx(3 * 10)
    assert report.waiting_share * report.seconds == pytest.approx(meter.waited)
    assert meter.waited >= 3 * 0.02


def test_within_an_epoch_rank_0_speaks_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    long_ago = time.monotonic() - 60
    with caplog.at_level(logging.INFO, logger="mapping_spark"):
        for meter in (Meter(0, spoke=long_ago), Meter(1, spoke=long_ago), Meter(0)):
            for _ in range(2):
                meter.tell(Progress(step=7), batch_size=1, rate=0.1)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("step 7: epoch 0: loss 0.00000")
