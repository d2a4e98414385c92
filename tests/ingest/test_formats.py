"""Every kind of source from every format: the same rows, whatever file they came in; and CSV as people write it."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.config import validated
from mapping_spark.errors import SchemaDrift
from mapping_spark.events.canonical import ORIGIN, judge
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.ingest.entities import ENTITY_TABLES, EntitySource, read_entities
from mapping_spark.ingest.records import csv_records, escaped, headers, json_records
from mapping_spark.ingest.source import EventSource
from mapping_spark.ingest.stream import IngestConfig, delivered
from mapping_spark.tables.frames import small

FORMATS = ("csv", "json", "parquet")
MARCH = dt.datetime(2024, 3, 1, 9)
ROWS: dict[str, list[dict[str, Any]]] = {
    "items": [
        dict(item_id="1", title="Milk", category="dairy", brand="own", price=Decimal("1.5000"), text="fresh, cold", is_available=True),
        dict(item_id="2", title='"Tea"', category="drinks", brand="own", price=None, text="dry", is_available=False),
    ],
    "users": [
        dict(user_id="u1", segment="young", has_marketing_consent=True),
        dict(user_id="u2", segment=None, has_marketing_consent=False),
    ],
    "campaigns": [
        dict(campaign_id="c1", campaign_type="A", channel="mail", start_at=MARCH, end_at=None, unit_cost=Decimal("0.5000")),
        dict(
            campaign_id="c2", campaign_type="B", channel="web", start_at=MARCH, end_at=dt.datetime(2024, 3, 2), unit_cost=Decimal("0.0000")
        ),
    ],
    "campaign_items": [dict(campaign_id="c1", item_id="1"), dict(campaign_id="c1", item_id="2")],
    "external_assignments": [
        dict(campaign_id="c1", user_id="u1", variant="letter", assigned_at=MARCH),
        dict(campaign_id="c1", user_id="u2", variant="control", assigned_at=MARCH),
    ],
    "currency_rates": [
        dict(currency="EUR", valid_from=dt.date(2024, 1, 1), valid_to=dt.date(2024, 2, 1), rate=Decimal("1.08000000")),
        dict(currency="EUR", valid_from=dt.date(2024, 2, 1), valid_to=None, rate=Decimal("0.00000001")),
    ],
}


def write(spark: SparkSession, folder: Path, file_format: str, rows: list[dict[str, Any]], types: str = "") -> str:
    """The rows as text (Parquet: as `types`, where given) in files of that format; null is an empty field, an absent key or a null."""
    texts = [{name: None if value is None else str(value) for name, value in row.items()} for row in rows]
    path = folder / f"data.{file_format}"
    if file_format == "parquet":
        frame = small(spark, [tuple(row.values()) for row in texts], ", ".join(f"{name} string" for name in texts[0]))
        typed = frame.selectExpr(*(f"CAST({part.split()[0]} AS {part.split()[1]})" for part in types.split(", "))) if types else frame
        typed.coalesce(1).write.parquet(str(path))
    elif file_format == "json":
        path.write_text("".join(json.dumps({k: v for k, v in row.items() if v is not None}) + "\n" for row in texts))
    else:  # RFC 4180: a quote within quotes is doubled
        cells = [["" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in row.values()] for row in texts]
        path.write_text("\n".join([",".join(texts[0]), *map(",".join, cells)]) + "\n")
    return str(path)


@pytest.mark.parametrize("kind", ENTITY_TABLES)
def test_rows_of_an_entity_are_the_same_from_csv_json_and_parquet(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    table, rows = ENTITY_TABLES[kind], ROWS[kind]
    columns = {name: f"`{name}`" for name in rows[0]}
    sources = [
        dict(name=file_format, kind=kind, format=file_format, path=write(spark, tmp_path, file_format, rows), columns=columns)
        for file_format in FORMATS
    ]
    found = read_entities(spark, [validated(EntitySource, source, "test") for source in sources], table)
    # Rows that are identical in every column are one row: three deliveries of the same are the rows once.
    shown = [{name: row[name] for name in rows[0]} for row in found.orderBy(*table.primary_key).collect()]
    assert shown == rows
    assert found.columns == list(table.column_names)


def event_source(file_format: str, **changes: Any) -> EventSource:
    declared: dict[str, Any] = dict(
        name="log",
        kind="events",
        format=file_format,
        path="never read",
        columns=dict(id="string", user="string", at="timestamp", price="decimal(18,4)", n="bigint", seen="boolean"),
        event=dict(event_id="id", user_id="user", event_type="if(seen, 'view', 'click')", event_at="at", value="price", quantity="n")
        | dict(currency="'EUR'"),
    )
    return validated(EventSource, declared | changes, "log.yml")


GOOD: list[dict[str, Any]] = [
    dict(id="e1", user="u, 1", at="2024-03-01 09:00:00", price="1.25", n="2", seen="true"),
    dict(id="e2", user='Zo\u00eb "Z"', at="2024-03-01T10:00:00+01:00", price=None, n="1", seen="false"),
]
BAD: dict[str, Any] = dict(id="e3", user=" ", at="2024-02-30", price="-1", n="0", seen="perhaps")


def candidates(spark: SparkSession, folder: Path, file_format: str, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What cleaning makes of the rows, by id."""
    source = event_source(file_format)
    path = Path(
        write(spark, folder, file_format, rows, "id string, user string, at timestamp, price decimal(18,4), n bigint, seen boolean")
    )
    files = [str(file) for file in path.glob("*.parquet")] if path.is_dir() else [str(path)]
    arrived = delivered(spark, source, files, IngestConfig())[0].withColumn("ingested_at", F.lit(dt.datetime(2024, 3, 2)))
    return [tuple(row) for row in judge(arrived, source, CleaningConfig()).drop(*ORIGIN).orderBy("event_id").collect()]


def test_good_records_of_a_source_are_the_same_events_from_csv_json_and_parquet(spark: SparkSession, tmp_path: Path) -> None:
    from_csv, from_json, from_parquet = (candidates(spark, tmp_path, file_format, GOOD) for file_format in FORMATS)
    assert from_csv == from_json == from_parquet
    nine = dt.datetime(2024, 3, 1, 9)
    assert [row[:5] for row in from_csv] == [("e1", "u, 1", None, "view", nine), ("e2", 'Zo\u00eb "Z"', None, "click", nine)]
    assert [row[-1] for row in from_csv] == ["", ""]


def test_bad_records_have_the_same_reasons_from_csv_and_json(spark: SparkSession, tmp_path: Path) -> None:
    from_csv, from_json = (candidates(spark, tmp_path, file_format, [BAD]) for file_format in ("csv", "json"))
    assert from_csv == from_json
    assert from_csv[0][-1] == "bad_type_seen,event_at_unparsable,quantity_not_positive,user_id_missing,value_negative"


def payloads(spark: SparkSession, path: Path, text: str, delimiter: str = ",") -> list[str]:
    path.write_text(text)
    frame = csv_records(spark, headers(spark, [str(path)], "csv", delimiter), delimiter)
    return [row["payload"] for row in frame.orderBy("source_offset").collect()]


@pytest.mark.parametrize("delimiter", [";", "|", "\t"])
def test_another_delimiter_splits_header_and_lines(spark: SparkSession, tmp_path: Path, delimiter: str) -> None:
    text = f'id{delimiter}name\n1{delimiter}a,b\n2{delimiter}"x{delimiter}y"\n'
    found = [json.loads(payload) for payload in payloads(spark, tmp_path / "a.csv", text, delimiter)]
    assert found == [{"id": "1", "name": "a,b"}, {"id": "2", "name": f"x{delimiter}y"}]


def test_a_header_that_is_repeated_is_no_record_and_one_that_is_part_of_a_line_is(spark: SparkSession, tmp_path: Path) -> None:
    text = 'id,name\n1,a\nid,name\n"id", name \nid,id\nid,\n2,name\n'
    found = [json.loads(payload) for payload in payloads(spark, tmp_path / "a.csv", text)]
    assert found == [{"id": "1", "name": "a"}, {"id": "id", "name": "id"}, {"id": "id"}, {"id": "2", "name": "name"}]


def test_columns_without_a_name_are_numbered_and_names_are_trimmed(spark: SparkSession, tmp_path: Path) -> None:
    (found,) = payloads(spark, tmp_path / "a.csv", ",id , na`me\n7,1,x\n")
    assert json.loads(found) == {"_c0": "7", "id": "1", "na`me": "x"}


def test_a_file_with_a_header_only_and_one_of_blank_lines_have_no_records(spark: SparkSession, tmp_path: Path) -> None:
    assert payloads(spark, tmp_path / "a.csv", "id,name\n") == []
    assert payloads(spark, tmp_path / "b.csv", "id,name\n\r\n \t \n\n") == []
    (tmp_path / "c.json").write_text("\ufeff\n\r\n \t\n")
    assert json_records(spark, [str(tmp_path / "c.json")]).collect() == []


def test_every_file_of_a_delivery_must_have_the_declared_columns(spark: SparkSession, tmp_path: Path) -> None:
    for name, header in (("1", "id,user,at,price,n,seen"), ("2", "seen,n,price,at,user,id,shop"), ("3", "id,user,at,price,n")):
        (tmp_path / f"{name}.csv").write_text(header + "\n")
    files = [str(tmp_path / f"{name}.csv") for name in "123"]
    frame, new = delivered(spark, event_source("csv"), files[:2], IngestConfig())
    assert (frame.collect(), new) == ([], ["shop"])
    with pytest.raises(SchemaDrift, match=r"source log, file .*3\.csv: no 'seen'.*Nothing was written"):
        delivered(spark, event_source("csv"), files, IngestConfig())


def test_a_large_sample_of_json_without_a_mandatory_key_is_refused_and_a_small_one_is_not(spark: SparkSession, tmp_path: Path) -> None:
    for n_records in (99, 100):
        lines = [json.dumps(dict(id=str(n), usr="u", at="2024-03-01", seen=True)) for n in range(n_records)]
        (tmp_path / f"{n_records}.json").write_text("\n".join(lines))
    assert delivered(spark, event_source("json"), [str(tmp_path / "99.json")], IngestConfig())[1] == ["usr"]
    with pytest.raises(SchemaDrift, match=r"no 'user' in 100 records \(it has 'usr'\)"):
        delivered(spark, event_source("json"), [str(tmp_path / "100.json")], IngestConfig())
    few = IngestConfig(sampled_records=99)
    assert delivered(spark, event_source("json"), [str(tmp_path / "100.json")], few)[1] == ["usr"]


def test_a_name_with_signs_of_a_pattern_is_one_file(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a*.json").write_text('{"n": 1}\n')
    (tmp_path / "ab.json").write_text('{"n": 2}\n')
    assert [row.payload for row in json_records(spark, [str(tmp_path / "a*.json")]).collect()] == ['{"n": 1}']
    assert escaped("a[1]{2}*?\\") == "a\\[1\\]\\{2\\}\\*\\?\\\\"
