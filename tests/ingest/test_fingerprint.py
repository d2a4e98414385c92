"""A fingerprint stays while the files stay, and changes with any of them: names, lengths, times of change."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from mapping_spark.config import validated
from mapping_spark.errors import MissingInput
from mapping_spark.ingest.entities import EntitySource
from mapping_spark.ingest.fingerprint import fingerprint
from mapping_spark.tables.silver import CAMPAIGN_ITEMS, ITEMS

CHANGES: dict[str, Callable[[Path], object]] = {
    "longer": lambda folder: (folder / "a.csv").write_text("campaign_id,item_id\nc1,10\n"),
    "same length, later": lambda folder: os.utime(folder / "a.csv", (2_000, 2_000)),
    "another file": lambda folder: (folder / "b.csv").write_text("campaign_id,item_id\n"),
    "renamed": lambda folder: (folder / "a.csv").rename(folder / "c.csv"),
}


def source(name: str, path: Path | str) -> EntitySource:
    columns = dict(campaign_id="campaign_id", item_id="item_id")
    return validated(EntitySource, dict(name=name, kind="campaign_items", format="csv", path=str(path), columns=columns), name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("campaign_id,item_id\nc1,1\n")
    os.utime(tmp_path / "a.csv", (1_000, 1_000))
    return tmp_path


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_a_file_changes_it(spark: SparkSession, folder: Path, change: Callable[[Path], object]) -> None:
    before = fingerprint(spark, [source("plan", folder)], CAMPAIGN_ITEMS)
    assert fingerprint(spark, [source("plan", folder)], CAMPAIGN_ITEMS) == before
    change(folder)
    assert fingerprint(spark, [source("plan", folder)], CAMPAIGN_ITEMS).keys() == {"plan"}
    assert fingerprint(spark, [source("plan", folder)], CAMPAIGN_ITEMS) != before


def test_only_the_sources_of_the_table_are_looked_at(spark: SparkSession, folder: Path) -> None:
    sources = [source("plan", folder / "a.csv"), source("more", folder)]
    found = fingerprint(spark, sources, CAMPAIGN_ITEMS)
    assert set(found) == {"plan", "more"}
    assert found == fingerprint(spark, sources[::-1], CAMPAIGN_ITEMS)
    assert fingerprint(spark, sources, ITEMS) == {}


def test_files_that_are_not_there_are_no_state(spark: SparkSession, folder: Path) -> None:
    with pytest.raises(MissingInput, match="source plan: no 'x.csv' in the package 'no_such_package'"):
        fingerprint(spark, [source("plan", "package://no_such_package/x.csv")], CAMPAIGN_ITEMS)
    with pytest.raises(MissingInput, match=r"source plan: .*nowhere.*expected files at .*nowhere. Deliver them or mend `path`"):
        fingerprint(spark, [source("plan", folder / "nowhere")], CAMPAIGN_ITEMS)
