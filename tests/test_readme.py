"""What the README shows is run, and what it lists is what there is."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from pyspark.sql import SparkSession

from mapping_spark.errors import EXIT_CODES
from mapping_spark.models.base import TrainingData
from mapping_spark.models.registry import available
from mapping_spark.tables.frames import rows
from mapping_spark.tables.silver import INTERACTIONS, ITEM_IDS

PROJECT = Path(__file__).resolve().parent.parent
README = (PROJECT / "README.md").read_text()
NOON = dt.datetime(2017, 11, 30, 12)


def test_the_python_example_runs(spark: SparkSession) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    pairs = [(0, 0), (0, 1), (1, 1)]
    interactions = rows(
        spark, INTERACTIONS, *(dict(user_idx=u, item_idx=i, user_id=f"u{u}", item_id=f"i{i}", weight=1.0, last_at=NOON) for u, i in pairs)
    )
    items = rows(spark, ITEM_IDS, dict(item_id="i0", item_idx=0), dict(item_id="i1", item_idx=1)).selectExpr("item_idx", "item_id AS text")
    names = {"data": TrainingData(interactions, items, dt.date(2017, 12, 1))}
    exec(block, names)  # noqa: S102
    lists = names["lists"].orderBy("user_idx", "rank").collect()  # type: ignore[attr-defined]
    assert [(row.user_idx, row.item_idx) for row in lists] == [(0, 1), (0, 0), (1, 1), (1, 0)]  # two users chose item 1, one item 0


def test_exit_codes_models_and_files_are_the_real_ones() -> None:
    assert all(f"| {code} | {meaning} |" in README for code, meaning in EXIT_CODES.items())
    assert all(f"| `{name}` |" in README for name in available())
    for path in re.findall(r"`((?:mapping_spark|conf|jobs)/[\w./]+\.\w+)`", README):
        assert (PROJECT / path).exists(), path


def test_the_make_targets_it_names_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"(?:`| {4})make ([a-z-]+)", README)) <= targets
