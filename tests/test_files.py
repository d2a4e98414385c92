"""Who opens a root, and what pyarrow's S3 client is told. No store is asked: `docs/operations.md` says what was run against one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyarrow import fs
from pyspark.sql import SparkSession

from mapping_spark.errors import ConfigError
from mapping_spark.files import S3_VARIABLE, filesystem, is_local, s3_options
from mapping_spark.session import build_session

MINIO = {"endpoint": "http://minio:9000/", "path.style.access": "true", "access.key": "reader", "secret.key": "pa55-word"}


def test_a_folder_is_opened_as_it_is(tmp_path: Path) -> None:
    for place in (str(tmp_path), tmp_path.as_uri()):
        files, path = filesystem(place)
        assert (is_local(files), path) == (True, str(tmp_path))


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_hadoops_names_of_s3_are_opened_by_pyarrow(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(S3_VARIABLE, json.dumps(s3_options(MINIO.get)))
    files, path = filesystem(f"{scheme}://bucket/some/root")
    assert isinstance(files, fs.S3FileSystem)
    assert (is_local(files), path) == (False, "bucket/some/root")


def test_a_region_that_was_set_is_taken_without_asking_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(S3_VARIABLE, json.dumps({"region": "eu-central-1"}))
    assert filesystem("s3a://bucket/root")[0].region == "eu-central-1"
    monkeypatch.delenv(S3_VARIABLE)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert filesystem("s3a://bucket/root")[0].region == "eu-west-3"


@pytest.mark.parametrize("scheme", ["abfss", "dbfs", "wasbs"])
def test_a_scheme_that_only_spark_can_open_is_refused_with_what_to_do(scheme: str) -> None:
    with pytest.raises(ConfigError, match=rf"store.root: {scheme}:// in .*one of s3, s3a, .*Mount the store as a folder"):
        filesystem(f"{scheme}://container@account/root")


def test_what_hadoop_was_told_becomes_what_pyarrow_is_told() -> None:
    keys = {"access_key": "reader", "secret_key": "pa55-word"}
    assert s3_options(MINIO.get) == {"endpoint_override": "minio:9000", "scheme": "http"} | keys
    assert s3_options({"endpoint": "oss.example", "path.style.access": "false"}.get) == {
        "endpoint_override": "oss.example",
        "scheme": "https",
        "force_virtual_addressing": True,
    }
    plain = {"endpoint": "minio:9000", "connection.ssl.enabled": "false", "endpoint.region": "us-east-1"}
    assert s3_options(plain.get) == {"endpoint_override": "minio:9000", "scheme": "http", "region": "us-east-1"}


def test_a_token_counts_with_its_keys_only_and_nothing_set_leaves_the_usual_chain() -> None:
    token = {"session.token": "t0ken"}
    assert s3_options(token.get) == s3_options(lambda _: None) == {}
    assert s3_options((MINIO | token).get).items() >= {"access_key": "reader", "session_token": "t0ken"}.items()


def test_python_tasks_are_told_what_the_session_was_told_and_no_more_than_that(spark: SparkSession) -> None:
    set_ = {f"spark.hadoop.fs.s3a.{name}": value for name, value in MINIO.items()}
    for key, value in set_.items():
        spark.conf.set(key, value)
    try:
        assert build_session("test") is spark
        (told,) = spark.sparkContext.parallelize([0], 1).map(_told).collect()
        assert json.loads(told or "{}") == s3_options(MINIO.get)
    finally:
        for key in set_:
            spark.conf.unset(key)
    build_session("test")
    assert spark.sparkContext.parallelize([0], 1).map(_told).collect() == [None]


def _told(_: int) -> str | None:
    import os

    return os.environ.get(S3_VARIABLE)
