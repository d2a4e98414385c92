"""Submitted to a cluster: prints where Python and this package lie on the workers, after comparing their code with the driver's."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator

import pyarrow as pa

import mapping_spark
from mapping_spark.session import build_session
from mapping_spark.training.executors import check_executors


def facts(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One row per batch of the worker that reads it."""
    for _ in batches:
        yield pa.RecordBatch.from_pylist([{"program": sys.executable, "prefix": sys.prefix, "package": mapping_spark.__file__}])


if __name__ == "__main__":
    spark = build_session("worker facts")
    check_executors(spark, 2, without=("torch", "horovod", "petastorm"))
    found = spark.range(0, 8, 1, 8).mapInArrow(facts, "program string, prefix string, package string")
    print(json.dumps([row.asDict() for row in found.collect()]))
    spark.stop()
