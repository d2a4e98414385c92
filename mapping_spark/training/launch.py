"""Start the same plain function as ranks: in this process, on Horovod over Spark, or on torch.distributed over Spark.

A function for ranks takes a `Collective` and returns what JSON can hold. It is pickled by reference, so this package must be
installed where the ranks run; that is checked first.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from typing import Any, TextIO, cast

import torch
from pyspark.sql import SparkSession

from mapping_spark import logs
from mapping_spark.errors import MappingSparkError, TrainingFault
from mapping_spark.training.collective import Collective, Horovod, One, RankLost, TorchDistributed
from mapping_spark.training.executors import check_executors

Work = Callable[[Collective], Any]
_SECONDS_AFTER_A_FAULT = 3
"""What the other ranks have to end by themselves and to tell why."""
_FAULT = "mapping_spark.training fault "
"""Begins the line by which a rank tells the driver why it stops."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def in_one_process(work: Work) -> Any:
    """Run `work` here, as the only rank."""
    return work(One())


def on_horovod(spark: SparkSession, work: Work, ranks: int, answer_seconds: int) -> list[Any]:
    """Run `work` as `ranks` Spark tasks with Horovod; returns what each rank returned.

    Needs that many task slots at once. Raises `EnvironmentFault` where executors lack what the driver has, and
    `TrainingFault` (or the fault of the rank) with the first cause where a rank stopped.
    """
    import horovod.spark
    from horovod.spark.driver import job_id

    check_executors(spark, ranks)
    group = f"horovod.spark.run.{job_id.next_job_id() + 1}"  # as `run` will name its Spark jobs
    # Horovod waits for every rank to end by itself, which one that stands still never does.
    end = threading.Timer(_SECONDS_AFTER_A_FAULT, spark.sparkContext.cancelJobGroup, [group])
    heard = _Heard(sys.stdout, at_fault=end.start)
    try:
        with _signals_given_back():
            results = horovod.spark.run(
                _HorovodRank(work, answer_seconds), num_proc=ranks, use_gloo=True, verbose=0, stdout=heard, stderr=heard, env=_environment()
            )
    except Exception as fault:
        raise heard.cause(" ".join(str(fault).split())) from fault
    finally:
        end.cancel()
    return list(results)


def on_torch_distributed(spark: SparkSession, work: Work, ranks: int, answer_seconds: int) -> Any:
    """Run `work` as `ranks` Spark tasks with torch.distributed, for platforms without Horovod; returns what rank 0 returned."""
    from pyspark.ml.torch.distributor import TorchDistributor

    check_executors(spark, ranks, without=("horovod",))
    distributor = TorchDistributor(num_processes=ranks, local_mode=False, use_gpu=torch.cuda.is_available())
    context, tag = spark.sparkContext, f"mapping_spark.torch_distributed.{uuid.uuid4().hex}"
    # Spark would start the ranks anew up to three times, and wait for one that stands still.
    end = threading.Timer(_SECONDS_AFTER_A_FAULT, context.cancelJobsWithTag, [tag])
    heard = _Heard(sys.stderr, at_fault=end.start)
    context.addJobTag(tag)
    try:
        with redirect_stderr(cast(TextIO, heard)):  # where the distributor writes what the ranks say
            return distributor.run(_TorchRank(work, answer_seconds))
    except Exception as fault:
        if not heard.told:  # the ranks could not reach the driver: what Spark says holds their last lines
            heard.write(str(fault))
        raise heard.cause(" ".join(str(fault).split())) from fault
    finally:
        end.cancel()
        context.removeJobTag(tag)


@dataclass(frozen=True)
class _HorovodRank:
    work: Work
    answer_seconds: int

    def __call__(self) -> Any:
        return run_rank(lambda: Horovod(self.answer_seconds), self.work)


@dataclass(frozen=True)
class _TorchRank:
    work: Work
    answer_seconds: int

    def __call__(self) -> Any:
        _end_with_the_parent()
        return run_rank(lambda: TorchDistributed(self.answer_seconds), self.work)


def _end_with_the_parent() -> None:
    """Where Spark ends a task, torchrun is killed; a rank that hangs would stay behind. Linux only, as are Spark's clusters."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run_rank(join: Callable[[], Collective], work: Work) -> Any:
    """Join the ranks and work as one of them. Whatever stops it is told to the driver in one line before it is raised."""
    rank = -1
    logs.configure()
    try:
        collective = join()
        rank = collective.rank
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // collective.local_size))
        result = work(collective)
    except Exception as fault:
        _tell(rank, fault)
        raise
    collective.close()
    return result


def _tell(rank: int, fault: Exception) -> None:
    parts = (fault.where, fault.found, fault.expected, fault.fix) if isinstance(fault, MappingSparkError) else ()
    told = {"rank": rank, "at": time.time(), "kind": type(fault).__name__, "parts": parts, "text": str(fault)}
    print(_FAULT + json.dumps(told), file=sys.stderr, flush=True)


@dataclass
class _Heard:
    """What the ranks wrote: passed on (on a terminal, of a log line its message), but for the lines that tell why they stop."""

    out: TextIO
    at_fault: Callable[[], object] = bool
    """Called when the first rank tells a fault."""
    told: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, text: str) -> int:
        """Called by the threads that listen to the ranks."""
        for line in text.splitlines(keepends=True):
            fault = re.search(re.escape(_FAULT) + r"(\{.*\})", line)
            if fault:
                with self.lock:
                    self.told.append(json.loads(fault.group(1)))
                    is_first = len(self.told) == 1
                if is_first:
                    self.at_fault()
            else:
                logged = re.search(r'\{"at": .*"message": .*\}', line) if self.out.isatty() else None
                self.out.write(f"{json.loads(logged.group())['message']}\n" if logged else line)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""
        self.out.flush()

    def cause(self, launcher: str) -> MappingSparkError:
        """The first fault that was no consequence of another rank's; else what ranks and launcher say together."""
        told = sorted(self.told, key=lambda fault: (fault["kind"] == RankLost.__name__, fault["at"]))
        if not told:
            return TrainingFault("the launch of the ranks", launcher, "every rank to end by itself", "See the executors' logs.")
        first = told[0]
        if first["kind"] == RankLost.__name__:
            where, found, expected, fix = first["parts"]
            return RankLost(where, f"{found}. {launcher}", expected, fix)
        kinds: dict[str, type[MappingSparkError]] = {kind.__name__: kind for kind in _all_kinds(MappingSparkError)}
        if first["kind"] in kinds:
            return kinds[first["kind"]](*first["parts"])
        found = f"{first['kind']}: {first['text']}"
        return TrainingFault(f"rank {first['rank']}", found, "no fault of its own", "See the executors' logs for the traceback.")


def _all_kinds(kind: type[MappingSparkError]) -> Iterator[type[MappingSparkError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _all_kinds(below)


@contextmanager
def _signals_given_back() -> Iterator[None]:
    """Horovod takes SIGINT and SIGTERM to end its ranks and keeps them: after a training nothing would end the driver but SIGKILL."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _environment() -> dict[str, str]:
    """The ranks' environment: this process's, which `horovod.spark.run` would else leave to the executors; Horovod's settings among it."""
    kept = ("PYTHONPATH", "PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
    return {name: value for name, value in os.environ.items() if name in kept or name.startswith("HOROVOD_")}
