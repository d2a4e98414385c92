"""The entity file of a source (CSV: test_clean.py): the same from every format, each key once, and what is said where it is not so."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.config import validated
from mapping_spark.errors import ContractError, MissingInput, SchemaDrift
from mapping_spark.events.canonical import KEY
from mapping_spark.events.lookup import read_lookup
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.ingest.source import EventSource
from mapping_spark.tables.frames import small

CONFIG = CleaningConfig()
DAYS = {"c1": dt.date(2024, 3, 1), "c2": None, "c 3": dt.date(9998, 12, 31)}


def source(path: Path, file_format: str = "csv", **columns: str) -> EventSource:
    lookup = dict(path=str(path), format=file_format, key="campaign", columns=columns or dict(day="date"))
    declared: dict[str, Any] = dict(name="sends", kind="events", format="json", path="never read", lookup=lookup)
    declared |= dict(columns=dict(id="string", campaign="string"))
    declared |= dict(event=dict(event_id="id", user_id="id", event_type="'campaign_send'", event_at="day"))
    return validated(EventSource, declared, "sends.yml")


def days(spark: SparkSession, of: EventSource) -> dict[str, dt.date | None]:
    found = read_lookup(spark, of, CONFIG)
    assert found is not None
    return {row[KEY]: row["day"] for row in found.collect()}


def test_the_entities_are_the_same_from_json_and_parquet(spark: SparkSession, tmp_path: Path) -> None:
    lines = ['{"campaign": " c1 ", "day": "2024-03-01"}', '{"campaign": "c2", "more": 1}', '{"campaign": "c 3", "day": "9998-12-31"}']
    (tmp_path / "days.json").write_text("\n".join(lines))
    small(spark, list(DAYS.items()), "campaign string, day date").write.parquet(str(tmp_path / "parquet"))
    assert days(spark, source(tmp_path / "days.json", "json")) == days(spark, source(tmp_path / "parquet", "parquet")) == DAYS


def test_a_source_without_a_lookup_reads_nothing(spark: SparkSession, tmp_path: Path) -> None:
    assert read_lookup(spark, source(tmp_path / "nowhere").model_copy(update=dict(lookup=None)), CONFIG) is None


def entities(folder: Path, *values: tuple[str, ...]) -> Path:
    """A file of JSON lines: key, day, and what was paid."""
    path = folder / "days.json"
    path.write_text("".join(json.dumps(dict(zip(("campaign", "day", "paid"), value, strict=False))) + "\n" for value in values))
    return path


def test_a_value_of_another_type_is_null_with_its_fault(spark: SparkSession, tmp_path: Path) -> None:
    path = entities(tmp_path, ("c1", "2024-02-30", "1.5"), ("c2", "2024-02-29", "much"))
    found = read_lookup(spark, source(path, "json", day="date", paid="double"), CONFIG)
    assert found is not None
    rows = {row[KEY]: (row["day"], row["__fault:day"], row["paid"], row["__fault:paid"]) for row in found.collect()}
    assert rows == {"c1": (None, "unparsable", 1.5, None), "c2": (dt.date(2024, 2, 29), None, None, "bad_type")}


def test_a_key_that_stands_twice_is_refused_even_with_one_value_and_a_space_is_no_other_key(spark: SparkSession, tmp_path: Path) -> None:
    path = entities(tmp_path, ("c1", "2024-03-01"), (" c1 ", "2024-03-01"))
    with pytest.raises(ContractError, match=r"source sends, lookup: campaign = 'c1' in 2 rows; expected each key once. Mend the file"):
        read_lookup(spark, source(path, "json"), CONFIG)


def test_a_file_that_is_not_there_or_empty_is_told_with_where_it_was_looked_for(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="source sends, lookup: .*nowhere.*expected csv files. Deliver them or mend `path`"):
        read_lookup(spark, source(tmp_path / "nowhere"), CONFIG)
    (tmp_path / "days.csv").touch()
    for place in (tmp_path, tmp_path / "days.csv"):
        with pytest.raises(MissingInput, match=f"no file with records at {place}"):
            read_lookup(spark, source(place), CONFIG)


def test_a_column_that_is_gone_is_told_before_anything_is_joined(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "days.csv").write_text("campaign,days\nc1,2024-03-01\n")
    with pytest.raises(SchemaDrift, match=r"days\.csv: no 'day' \(it has 'days'\)"):
        read_lookup(spark, source(tmp_path / "days.csv"), CONFIG)
