"""What a session of SQL is started with, and where its server listens; none is started here."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mapping_spark import sql
from mapping_spark.errors import ConfigError, EnvironmentFault
from mapping_spark.settings import Settings
from mapping_spark.sql import HOST, catalog_settings, server_settings


def test_a_shared_metastore_is_what_the_session_says_and_secrets_are_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "pa55-word")
    given = {"spark.master": "local[2]", "spark.hadoop.fs.s3a.secret.key": "${env:PLANTED}"}
    expected = given | {"spark.hadoop.fs.s3a.secret.key": "pa55-word"}
    assert catalog_settings(Settings(sources=[], spark=given)) == expected
    embedded = catalog_settings(Settings(sources=[], spark=given, sql={"metastore": "embedded"}))
    assert expected.items() <= embedded.items()


@pytest.mark.parametrize("root", ["warehouse", "warehouse/", "/data/warehouse"])
def test_an_embedded_metastore_lies_under_the_root_wherever_the_session_runs(root: str) -> None:
    found = catalog_settings(Settings(sources=[], store={"root": root}, sql={"metastore": "embedded"}))
    place = Path(root).absolute()
    assert found["spark.sql.warehouse.dir"] == f"{place}/sql"
    assert found["spark.hadoop.javax.jdo.option.ConnectionURL"] == f"jdbc:derby:;databaseName={place}/metastore_db;create=true"
    assert found["spark.sql.catalogImplementation"] == "hive"


@pytest.mark.parametrize("root", ["s3a://bucket/warehouse", "file:///data/warehouse"])
def test_an_embedded_metastore_is_refused_where_the_root_is_no_folder(root: str) -> None:
    with pytest.raises(ConfigError, match=f"^sql.metastore: embedded, with {root}; .*Set it to session"):
        catalog_settings(Settings(sources=[], store={"root": root}, sql={"metastore": "embedded"}))


def test_what_could_leave_its_place_in_the_address_of_the_metastore_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^store\.root: "):
        catalog_settings(Settings(sources=[], store={"root": "w;create=false"}, sql={"metastore": "embedded"}))


def test_a_free_port_is_listened_on_for_this_machine_only_and_one_in_use_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        port = int(taken.getsockname()[1])
        taken.listen()
        with pytest.raises(EnvironmentFault, match=rf"^sql\.port: 127\.0\.0\.1:{port}: .*--set sql\.port=<another>"):
            server_settings(port)
    assert server_settings(port) == {
        "spark.hadoop.hive.server2.thrift.bind.host": "127.0.0.1",
        "spark.hadoop.hive.server2.thrift.port": str(port),
    }


def test_without_the_jar_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "installed_delta_jar", lambda: None)
    with pytest.raises(EnvironmentFault, match="^sql: no Delta jar beside Spark; .*Run make setup"):
        server_settings(0)
