"""Workers find what they need already imported."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import psutil
import pyarrow as pa
from pyspark.sql import SparkSession


def test_a_worker_is_forked_from_a_process_that_has_imported_what_it_needs(spark: SparkSession) -> None:
    def look(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            parent = psutil.Process().parent()
            found = {"parent": " ".join(parent.cmdline() if parent else ()), "is_imported": "mapping_spark.models.item_knn" in sys.modules}
            yield pa.RecordBatch.from_pylist([found])

    (row,) = spark.range(1).coalesce(1).mapInArrow(look, "parent string, is_imported boolean").collect()
    assert "-m mapping_spark.workers pyspark.worker" in row.parent
    assert row.is_imported
