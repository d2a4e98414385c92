"""One contender of `make bench-metrics` in a process of its own, whichever environment it lives in: what it found, took and held."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import psutil
from pyspark.sql import SparkSession

from mapping_spark.memory import PeakMemory


@dataclass(frozen=True, slots=True)
class Task:
    """What every contender is given."""

    folder: str
    """Parquet under `recommendations`, `relevant` and `interactions`."""
    ks: list[int]
    spark: dict[str, str]
    """Settings of the session, the same for all."""
    metrics: list[str]
    """Those asked of RePlay, by its names."""
    n_replicates: int
    seed: int


def cpu_seconds() -> float:
    """Processor time of this process and all below it so far, that of finished workers included."""
    process = psutil.Process()
    return float(sum(sum(member.cpu_times()[:4]) for member in (process, *process.children(recursive=True))))


def measure(contender: Callable[[SparkSession, Task], dict[str, float]], packages: tuple[str, ...]) -> None:
    """Run a contender on the task of the command line; prints values, seconds after the start of Spark, and memory as JSON."""
    task = Task(**json.loads(sys.argv[1]))
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.appName("benchmark")
    for key, value in task.spark.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    with PeakMemory() as memory:
        began, spent = time.perf_counter(), cpu_seconds()
        values = contender(spark, task)
        seconds, cpu = time.perf_counter() - began, cpu_seconds() - spent
    spark.stop()
    versions = {name: version(name) for name in ("pyspark", *packages)}
    print(json.dumps({"values": values, "seconds": seconds, "cpu_seconds": cpu, "peak_mb": memory.peak_mb, "packages": versions}))
