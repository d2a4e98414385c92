"""What the executors have, compared with the driver before ranks start there. It loads no torch: that alone takes seconds."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version

import pyarrow as pa
from pyspark.sql import SparkSession

from mapping_spark.errors import EnvironmentFault
from mapping_spark.tables.runs import code_version

_PACKAGES = ("torch", "horovod", "petastorm", "pyarrow", "numpy", "safetensors")


def check_executors(spark: SparkSession, ranks: int, without: tuple[str, ...] = ()) -> None:
    """Compare Python, packages and this project's code between driver and executors. Raises `EnvironmentFault` naming both."""
    expected = _versions()
    tasks = spark.range(0, ranks, 1, ranks).mapInArrow(_facts, "host string, name string, version string")
    different = sorted(
        {
            f"{row.host}: {row.name} {row.version}, driver {expected[row.name]}"
            for row in tasks.collect()  # a few rows per rank
            if row.version != expected[row.name] and row.name not in without
        }
    )
    if different:
        fix = "Install this project's environment on every worker (make setup) and point PYSPARK_PYTHON to it."
        raise EnvironmentFault("the executors", "; ".join(different), "what the driver has", fix)


def _facts(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    host = os.uname().nodename
    for _ in batches:
        rows = [{"host": host, "name": name, "version": found} for name, found in _versions().items()]
        yield pa.RecordBatch.from_pylist(rows)


def _versions() -> dict[str, str]:
    found = {"Python": ".".join(map(str, sys.version_info[:3])), "mapping_spark": code_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found
