"""Spark jobs that do not need each other, two at a time: while one is planned on the driver, the other keeps the cores busy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from pyspark import inheritable_thread_target
from pyspark.sql import SparkSession

T = TypeVar("T")

_AT_ONCE = 2  # more would only share the same cores, and the memory of all of them would add up


def as_finished(spark: SparkSession, steps: Iterable[Callable[[], T]]) -> Iterator[T]:
    """The results of `steps` as they are finished, in no fixed order.

    Steps are begun in their order; those that run keep the caller's local properties and tags. What a step
    raises is raised here once the step beside it has ended; the others are not begun.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="side-by-side") as pool:
        inherits = inheritable_thread_target(spark)
        running = [pool.submit(inherits(step)) for step in steps]
        try:
            for step in as_completed(running):
                yield step.result()
        finally:
            for step in running:
                step.cancel()
