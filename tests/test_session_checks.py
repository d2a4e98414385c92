"""Sessions and masters that are refused, each with what to set."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from mapping_spark.errors import EnvironmentFault
from mapping_spark.session import DELTA_CATALOG, DELTA_EXTENSION, build_session, check_master, check_session, delta_coordinates, task_slots

GOOD = {
    "spark.sql.extensions": DELTA_EXTENSION,
    "spark.sql.catalog.spark_catalog": DELTA_CATALOG,
    "spark.sql.session.timeZone": "UTC",
}


def session(**conf: str) -> SparkSession:
    """As much of a session as is looked at: its settings."""
    return cast(SparkSession, SimpleNamespace(conf=GOOD | {key.replace("_", "."): value for key, value in conf.items()}))


@pytest.mark.parametrize("extensions", [f"io.other.Extension,{DELTA_EXTENSION}", f"io.other.Extension, {DELTA_EXTENSION} "])
def test_delta_may_stand_among_other_extensions(extensions: str) -> None:
    check_session(session(spark_sql_extensions=extensions))
    check_session(session())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("spark.sql.extensions", ""),
        ("spark.sql.extensions", f"{DELTA_EXTENSION}2"),
        ("spark.sql.catalog.spark_catalog", "org.other.Catalog"),
        ("spark.sql.session.timeZone", "Europe/Berlin"),
    ],
)
def test_a_session_without_delta_or_utc_is_refused_with_the_setting_to_add(key: str, value: str) -> None:
    given: Any = SimpleNamespace(conf=GOOD | {key: value})
    with pytest.raises(
        EnvironmentFault, match=f"^the Spark session: {key} = '{value}'; expected '{GOOD[key]}'. Start it with --conf {key}="
    ):
        check_session(given)


def test_a_session_that_tells_another_time_is_refused_and_taken_once_it_does_not(spark: SparkSession) -> None:
    spark.conf.set("spark.sql.session.timeZone", "Europe/Berlin")
    try:
        with pytest.raises(EnvironmentFault, match="timeZone = 'Europe/Berlin'"):
            build_session("test")
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    assert build_session("test") is spark


def test_as_many_tasks_run_at_once_as_the_master_has_slots(spark: SparkSession) -> None:
    assert task_slots(spark) == 2  # local[2]


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield int(server.getsockname()[1])


def closed() -> int:
    """A port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_one_master_that_answers_is_enough_and_other_kinds_are_left_to_spark(listening: int) -> None:
    for master in (
        f"spark://127.0.0.1:{listening}",
        f"spark://127.0.0.1:{closed()},127.0.0.1:{listening}",
        "local[2]",
        "yarn",
        "k8s://x:1",
    ):
        check_master(master)


@pytest.mark.parametrize("address", ["127.0.0.1:{closed}", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:{closed},127.0.0.1:{closed}", ""])
def test_a_master_that_does_not_answer_is_refused_at_once(address: str) -> None:
    master = f"spark://{address.format(closed=closed())}"
    with pytest.raises(EnvironmentFault, match="^spark.master: no answer at spark://.*; expected spark://host:port of a running master"):
        check_master(master)


def test_the_delta_jar_is_that_of_the_installed_package() -> None:
    name, version = delta_coordinates().rsplit(":", 1)
    assert name == "io.delta:delta-spark_2.13"
    assert version.startswith("4.")
