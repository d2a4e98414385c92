from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.ingest.ids import canonical_id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a1", "a1"),
        ("  a 1 ", "a 1"),
        ("cafe\u0301", "caf\u00e9"),  # e and an accent become one letter
        ("\ufeff\u00a0caf\u00e9\u200b", "caf\u00e9"),  # byte order mark, spaces that do not break, have no width
        ("  ", None),
        ("\u00a0", None),
        (None, None),
    ],
)
def test_canonical_form_of_an_id(spark: SparkSession, text: str | None, expected: str | None) -> None:
    found = spark.range(1).select(canonical_id(F.lit(text).cast("string")).alias("id")).collect()[0].id
    assert found == expected
