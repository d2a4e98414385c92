"""The only builder of a Spark session. A session that exists is used as it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mapping_spark.errors import EnvironmentFault

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DELTA_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"
DELTA_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
_REQUIRED = {
    "spark.sql.extensions": DELTA_EXTENSION,
    "spark.sql.catalog.spark_catalog": DELTA_CATALOG,
    "spark.sql.session.timeZone": "UTC",
}


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


def build_session(app_name: str, settings: Mapping[str, str] | None = None) -> SparkSession:
    """Return the active session untouched, or build one with Delta and the given Spark settings.

    Where $SPARK_REMOTE names a Spark Connect server, the session is one of that server, with the server's own settings.
    Raises `EnvironmentFault` where the session lacks Delta's extension or catalog, or tells time in a zone other
    than UTC (every `*_at` column is UTC, and text is parsed by the session's zone).
    """
    from pyspark.sql import SparkSession  # here, so that the doctor can look for the jar where pyspark is broken

    session = SparkSession.getActiveSession()
    if session is None and "SPARK_REMOTE" in os.environ:
        session = SparkSession.builder.appName(app_name).getOrCreate()
    if session is None:
        chosen = {**_REQUIRED, **(settings or {})}
        if chosen.get("spark.master", "local").startswith("local"):
            # Workers on this machine need the packages of this environment, activated or not.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
            if class_archive().exists():  # Java goes on without it where it does not fit, silently
                os.environ.setdefault("SPARK_SUBMIT_OPTS", f'"-XX:SharedArchiveFile={class_archive()}" -Xlog:cds=off -Xlog:cds+dynamic=off')
        builder = SparkSession.builder.appName(app_name)
        if installed_delta_jar() is None:
            builder = builder.config("spark.jars.packages", delta_coordinates())
        for key, value in chosen.items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
    check_session(session)
    return session


def check_session(session: SparkSession) -> None:
    """Refuse a session that cannot write Delta or would read times in another zone, naming the setting to add."""
    for key, expected in _REQUIRED.items():
        found = session.conf.get(key, "") or ""
        if expected not in found.split(","):
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
