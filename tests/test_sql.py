"""The SQL server as a BI tool meets it: a real process, JDBC by beeline, DB-API by impyla; it stops when told and leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from impala.dbapi import connect
from impala.hiveserver2 import HiveServer2Cursor
from pyspark.sql import SparkSession

from mapping_spark.config import CONF_VARIABLE
from mapping_spark.errors import EnvironmentFault
from mapping_spark.sql import HOST, server_settings

from . import golden, small_gold
from .conftest import SMALL

PROJECT = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`mapping-spark sql` over the small tables, and its port."""
    folder, port = tmp_path_factory.mktemp("sql"), free_port()
    conf = golden.write(folder)
    small_gold.write(spark, str(folder / "warehouse"))
    settings = ["--set", "sql.metastore=embedded", "--set", f"sql.port={port}", "--set", f"spark={json.dumps(SMALL)}"]
    command = [sys.executable, "-m", "mapping_spark.cli", "sql", "--env", "golden", *settings]
    environment = os.environ | {CONF_VARIABLE: str(conf)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT, env=environment, text=True) as process:
        try:
            yield process, port
        finally:
            process.kill()


@pytest.fixture(scope="module")
def cursor(server: tuple[subprocess.Popen[str], int]) -> HiveServer2Cursor:
    """A DB-API cursor, once the server has said that it listens."""
    process, port = server
    assert process.stdout is not None
    assert any(f"on {HOST}:{port}" in line for line in process.stdout)
    return connect(HOST, port, auth_mechanism="PLAIN", user="me").cursor()


def test_measures_and_counts_are_those_of_the_tables(cursor: HiveServer2Cursor) -> None:
    cursor.execute("SELECT campaign_id, roi, redemption_rate FROM gold.campaign_kpis_by_campaign_id_v ORDER BY campaign_id")
    assert cursor.fetchall() == [("c1", (160 / 4 - 20) / 20, 4 / 10), ("c2", (40 / 4 - 20) / 20, 0.0)]
    names = [table.name for table in small_gold.ROWS]
    cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in names))  # noqa: S608
    assert dict(cursor.fetchall()) == {table.name: len(records) for table, records in small_gold.ROWS.items()}


def test_jdbc_clients_are_given_columns_with_their_comments(cursor: HiveServer2Cursor, server: tuple[subprocess.Popen[str], int]) -> None:
    options = ["--silent=true", "--outputformat=tsv2", "-u", f"jdbc:hive2://{HOST}:{server[1]}/gold"]
    asked = ["-e", "!columns campaign_kpis", "-e", "DESCRIBE campaign_kpis_v"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told = subprocess.run(
        ["beeline", *options, *asked], capture_output=True, text=True, env=os.environ | {"PATH": path}, check=False
    ).stdout
    assert (
        "Sales of the campaign's items to its audience while it ran; a sale may be revenue of several campaigns. [currency]" in told
    )  # of the table, by JDBC's metadata
    assert "sum(n_converted_users) / sum(n_users); 95 % Wilson interval." in told  # of the view


def test_a_port_in_use_is_told_before_spark_starts(cursor: HiveServer2Cursor, server: tuple[subprocess.Popen[str], int]) -> None:
    with pytest.raises(EnvironmentFault, match=r"in use.*sql\.port=<another>"):
        server_settings(server[1])


def test_it_stops_when_told_and_leaves_the_port_free(cursor: HiveServer2Cursor, server: tuple[subprocess.Popen[str], int]) -> None:
    process, port = server
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return
        time.sleep(0.5)
    pytest.fail(f"something still listens on {port}")
