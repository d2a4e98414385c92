"""The only builder of a Spark session. A session that exists is used as it is."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mapping_spark.errors import EnvironmentFault
from mapping_spark.files import S3_VARIABLE, s3_options

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DELTA_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"
DELTA_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
_REQUIRED = {
    "spark.sql.extensions": DELTA_EXTENSION,
    "spark.sql.catalog.spark_catalog": DELTA_CATALOG,
    "spark.sql.session.timeZone": "UTC",
}
_MASTER_SECONDS = 5
_WORKERS = {"spark.python.daemon.module": "mapping_spark.workers"}


def delta_coordinates() -> str:
    """Maven coordinates of the Delta jar that fits the installed Python package."""
    return f"io.delta:delta-spark_2.13:{version('delta-spark')}"


def installed_delta_jar() -> Path | None:
    """The Delta jar inside the installed pyspark, where `make setup` puts it; None where it is not."""
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        return None
    jars = sorted((Path(spec.origin).parent / "jars").glob(f"*delta-spark_2.13-{version('delta-spark')}.jar"))
    return jars[0] if jars else None


def class_archive() -> Path:
    """Where `make setup` keeps the classes that Spark loads, unpacked and verified: Java then starts in half the time."""
    return Path(sys.prefix) / "spark.jsa"


def fast_start() -> dict[str, str]:
    """Environment with which a JVM maps those classes; empty where there are none. Java ignores an archive that does not fit."""
    if not class_archive().exists():
        return {}
    return {"SPARK_SUBMIT_OPTS": f'"-XX:SharedArchiveFile={class_archive()}" -Xlog:cds=off -Xlog:cds+dynamic=off'}


def build_session(app_name: str, settings: Mapping[str, str] | None = None) -> SparkSession:
    """Return the active session untouched, or build one with Delta and the given Spark settings.

    What spark-submit was given (`--master`, `--conf`, `--properties-file`) wins over `settings`. Where $SPARK_REMOTE names a
    Spark Connect server, the session is one of that server, with the server's own settings.
    Raises `EnvironmentFault` where no session can be had, where it lacks Delta's extension or catalog, or tells time in a
    zone other than UTC (every `*_at` column is UTC, and text is parsed by the session's zone).
    """
    from pyspark.sql import SparkSession  # here, so that the doctor can look for the jar where pyspark is broken

    session = SparkSession.getActiveSession()
    if session is None and "SPARK_REMOTE" in os.environ:
        session = SparkSession.builder.appName(app_name).getOrCreate()
    if session is None:
        session = _start(app_name, {**_REQUIRED, **(settings or {}), **_submitted()})
    check_session(session)
    _share_s3(session)
    return session


def _share_s3(session: SparkSession) -> None:
    """Tell this process, the Python tasks of the session and the ranks that they start what its S3 client was told."""
    from pyspark.sql.utils import is_remote

    options = s3_options(lambda name: session.conf.get(f"spark.hadoop.fs.s3a.{name}", None))
    for environment in (os.environ,) if is_remote() else (os.environ, session.sparkContext.environment):
        environment.pop(S3_VARIABLE, None)
        if options:
            environment[S3_VARIABLE] = json.dumps(options)


def _start(app_name: str, chosen: Mapping[str, str]) -> SparkSession:
    from pyspark.sql import SparkSession

    master = chosen.get("spark.master", "local")
    if master.startswith("local"):
        # Workers on this machine need the packages of this environment, activated or not.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        for name, value in fast_start().items():
            os.environ.setdefault(name, value)
        chosen = _WORKERS | dict(chosen)  # elsewhere the package may come with a task, after its worker has begun
    check_master(master)
    builder = SparkSession.builder.appName(app_name)
    if installed_delta_jar() is None:
        builder = builder.config("spark.jars.packages", delta_coordinates())
    for key, value in chosen.items():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except Exception as fault:  # of Java, of the master, of a file that Spark was told to ship: Spark's first line says which
        found = str(getattr(fault, "java_exception", fault)).splitlines()[0]
        fix = "Check the setting it names, --master and the files given by --jars or --archives; mapping-spark doctor checks this machine."
        raise EnvironmentFault(f"Spark at {master}", found, "a session", fix) from fault


def _submitted() -> dict[str, str]:
    """What spark-submit was given; nothing where Python itself starts Spark."""
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        return {}
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()  # before it, a SparkConf does not know the JVM that spark-submit started
    given = dict(SparkConf().getAll())
    if given.get("spark.master") == "local[*]":  # what spark-submit says where nobody named a master
        del given["spark.master"]
    return given


def check_master(master: str) -> None:
    """Refuse a standalone master (`spark://host:port,...`) of which no address answers; Spark itself would try for a minute."""
    if not master.startswith("spark://"):
        return
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=_MASTER_SECONDS):
                return
        except (OSError, ValueError):
            continue
    raise EnvironmentFault("spark.master", f"no answer at {master}", "spark://host:port of a running master", "Start it, or mend --master.")


def check_session(session: SparkSession) -> None:
    """Refuse a session that cannot write Delta or would read times in another zone, naming the setting to add."""
    for key, expected in _REQUIRED.items():
        found = session.conf.get(key, "") or ""
        if expected not in (part.strip() for part in found.split(",")):
            raise EnvironmentFault(
                "the Spark session",
                f"{key} = {found!r}",
                f"{expected!r}",
                f"Start it with --conf {key}={expected}, or let mapping_spark.session.build_session make it.",
            )


def task_slots(session: SparkSession) -> int:
    """Tasks that can run at once; over Spark Connect, which does not tell, the partitions of a shuffle."""
    from pyspark.sql.utils import is_remote

    return int(session.conf.get("spark.sql.shuffle.partitions") or 1) if is_remote() else session.sparkContext.defaultParallelism
