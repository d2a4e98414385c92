"""Files to records: text as delivered, one road for every format, strange names and strange lines included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.errors import SchemaDrift
from mapping_spark.ingest.records import csv_records, headers, json_records, parquet_records


def payloads(frame: DataFrame) -> list[str]:
    return [row["payload"] for row in frame.orderBy("source_file", "source_offset").collect()]


def as_csv(spark: SparkSession, *files: Path) -> list[str]:
    names = [str(file) for file in files]
    return payloads(csv_records(spark, headers(spark, names, "csv", ","), ","))


def test_json_lines_stay_as_they_are(spark: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "a [1] {x}*#%20 ü.json"
    file.write_bytes(b'{"a": 1}\r\n\n  \n{broken\n{"a":"\xff"}\n')
    found = json_records(spark, [str(file)]).orderBy("source_offset").collect()
    assert [row["payload"] for row in found] == ['{"a": 1}\r', "{broken", "eyJhIjoi/yJ9"]
    assert [row["payload_encoding"] for row in found] == ["utf-8", "utf-8", "base64"]
    assert len({(row["source_file"], row["source_offset"]) for row in found}) == 3


def test_a_csv_line_becomes_an_object_by_the_header_of_its_own_file(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_bytes('\ufeffid,name\r\n1,"a, ""b"""\r\n2,\r\n'.encode())
    (tmp_path / "2.csv").write_text("name,id,extra\nc,3,x\n")
    found = as_csv(spark, tmp_path / "1.csv", tmp_path / "2.csv")
    assert [json.loads(text) for text in found] == [{"id": "1", "name": 'a, "b"'}, {"id": "2"}, {"name": "c", "id": "3", "extra": "x"}]


def test_a_csv_line_that_does_not_fit_its_header_stays_as_it_is(spark: SparkSession, tmp_path: Path) -> None:
    broken = ["1", "1,2,3", "1," * 30_000, "1,\x00"]
    (tmp_path / "a.csv").write_text("\n".join(["id,name", *broken, "5,five"]))
    assert as_csv(spark, tmp_path / "a.csv") == [*broken, '{"id":"5","name":"five"}']


def test_a_csv_header_with_a_column_twice_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,ID\n1,2\n")
    with pytest.raises(SchemaDrift, match="twice"):
        headers(spark, [str(tmp_path / "a.csv")], "csv", ",")


def test_a_parquet_row_becomes_an_object_with_its_full_time(spark: SparkSession, tmp_path: Path) -> None:
    sql = "SELECT 1 AS id, TIMESTAMP'2024-05-01 12:00:00.123456' AS at, TIMESTAMP_NTZ'2024-05-01 12:00:00' AS shop_at, double('NaN') AS x"
    spark.sql(f"{sql}, CAST(NULL AS STRING) AS note").coalesce(1).write.parquet(str(tmp_path / "t"))
    files = [str(file) for file in (tmp_path / "t").glob("*.parquet")]
    (found,) = payloads(parquet_records(spark, headers(spark, files, "parquet", ",")))
    times = {"at": "2024-05-01T12:00:00.123456Z", "shop_at": "2024-05-01T12:00:00.000000"}
    assert json.loads(found) == {"id": 1, "x": "NaN"} | times


def test_a_file_that_is_not_parquet_is_named(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("not a footer")
    with pytest.raises(SchemaDrift, match=r"a\.parquet"):
        headers(spark, [str(tmp_path / "a.parquet")], "parquet", ",")
