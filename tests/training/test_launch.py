"""The same plain function as Spark tasks: what ranks return, and what the driver hears when one stops."""

from __future__ import annotations

import io
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from pyspark.sql import SparkSession

from mapping_spark.errors import TrainingFault
from mapping_spark.training import launch
from mapping_spark.training.collective import RankLost
from mapping_spark.training.run import Training
from mapping_spark.training.settings import TrainingConfig
from tests.training.proofs import Make, introduced
from tests.training.snapshots import interactions, write_snapshot

# Horovod's own thread, when its Spark job is cancelled.
CANCELLED = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
CONFIG = TrainingConfig(ranks=2, batch_size=4, epochs=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("launch")
    write_snapshot(
        root / "pairs", "interactions", interactions(np.arange(20) % 5, np.arange(20) % 3), rows_per_group=5, n_users=5, n_items=3
    )
    return root


def training(folder: Path, name: str, **accident: Any) -> Training:
    return Training(str(folder / "pairs"), Make(**accident), CONFIG, str(folder / name))


@CANCELLED
def test_the_driver_hears_the_first_cause(spark: SparkSession, folder: Path) -> None:
    with pytest.raises(TrainingFault, match="step 2, learning rate 0.001: the loss of rank 1 is no finite number"):
        launch.on_horovod(spark, training(folder, "nan", accident="nan", at_loss=3), 2, 20)


def test_ranks_have_the_drivers_settings_of_horovod_and_leave_its_signals(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOROVOD_CYCLE_TIME", "7")
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert launch.on_horovod(spark, introduced, 2, 20) == [[0, 2, "7"], [1, 2, "7"]]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@CANCELLED
@pytest.mark.parametrize("launched", [launch.on_horovod, launch.on_torch_distributed])
def test_a_rank_that_stands_still_ends_the_job(spark: SparkSession, folder: Path, launched: Callable[..., Any]) -> None:
    stopped = training(folder, f"stopped-{launched.__name__}", accident="SIGSTOP", at_loss=7)  # in the second epoch
    with pytest.raises(RankLost, match="rank 0 of 2: no answer from another rank in"):
        launched(spark, stopped, 2, 4)
    last_sign_of_life = max(path.stat().st_mtime for path in Path(stopped.folder).rglob("*"))  # the first epoch's checkpoint
    assert time.time() - last_sign_of_life < 60
    while any(p.info["status"] == psutil.STATUS_STOPPED and _is_rank(p) for p in psutil.process_iter(["status", "cmdline"])):
        assert time.time() - last_sign_of_life < 100  # torchrun asks a rank to end, and kills it 30 s later
        time.sleep(1)


def _is_rank(process: psutil.Process) -> bool:
    """Of the launchers here; ranks of other tests run at the same time."""
    return any(part.endswith(("train.py", "gloo_exec_fn")) for part in process.info["cmdline"] or ())


def test_torch_distributed_ranks_on_spark(spark: SparkSession, folder: Path) -> None:
    assert launch.on_torch_distributed(spark, training(folder, "torch"), 2, 20)["epochs"] == 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "shown"), [(Terminal(), "epoch 0: loss 1\n"), (io.StringIO(), '[0]{"at": "now", "message": "epoch 0: loss 1"}\n')]
)
def test_a_terminal_shows_the_message_of_a_rank_and_a_file_the_line(out: io.StringIO, shown: str) -> None:
    launch._Heard(out).write('[0]{"at": "now", "message": "epoch 0: loss 1"}\n')
    assert out.getvalue() == shown
