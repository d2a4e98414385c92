"""SQL for BI tools: the session with its metastore, and Spark's Thrift server (JDBC, ODBC, DB-API) on loopback.

The server runs inside the session that published the tables, not as a process of its own: the embedded metastore takes
one process, and when this one ends, however it ends, the server ends with it.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError

from mapping_spark.errors import ConfigError, EnvironmentFault
from mapping_spark.secrets import resolved
from mapping_spark.session import build_session, installed_delta_jar
from mapping_spark.settings import Settings
from mapping_spark.tables.store import Store, checked_root

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HOST = "127.0.0.1"


def catalog_settings(settings: Settings) -> Mapping[str, str]:
    """The session's settings, secrets resolved, with those of the metastore that `sql.metastore` names."""
    given = resolved(settings.spark)
    if settings.sql.metastore == "session":
        return given
    root = checked_root(settings.store.root)
    if "://" in root:
        raise ConfigError("sql.metastore", f"embedded, with {root}", "a root on this machine", "Set it to session; use a shared metastore.")
    return {
        **given,
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": f"{root}/sql",
        # Delta keeps columns in its log; JDBC clients that list them ask the metastore.
        "spark.databricks.delta.catalog.update.enabled": "true",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={root}/metastore_db;create=true",
    }


def open_catalog(settings: Settings, more: Mapping[str, str] | None = None) -> Store:
    """The store, on a session that knows the catalog to publish in."""
    session = build_session("mapping_spark sql", {**catalog_settings(settings), **(more or {})})
    if settings.sql.metastore == "embedded":
        log = f"{checked_root(settings.store.root)}/metastore_db.log"
        session._jvm.java.lang.System.setProperty("derby.stream.error.file", log)  # type: ignore[union-attr]
    return Store(session, settings.store.root, settings.store.catalog)


def server_settings(port: int) -> dict[str, str]:
    """Where the server listens: this machine only, as it asks for no password. Raises where something else listens there."""
    if installed_delta_jar() is None:
        raise EnvironmentFault("sql", "no Delta jar beside Spark", "the jar on the driver's class path", "Run make setup.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: a port just left is free
        try:
            probe.bind((HOST, port))
        except OSError as fault:
            fix = "Stop what listens there, or say --set sql.port=<another>."
            raise EnvironmentFault("sql.port", f"{HOST}:{port}: {fault.strerror}", "a free port", fix) from None
    return {"spark.hadoop.hive.server2.thrift.bind.host": HOST, "spark.hadoop.hive.server2.thrift.port": str(port)}


def serve(session: SparkSession, port: int, ready: Callable[[], None]) -> None:
    """Answer SQL until SIGINT or SIGTERM, then stop the server and the session. `ready` is called once it listens.

    The session has `server_settings(port)`. Raises `EnvironmentFault` where the server's process ends by itself.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    context = session.sparkContext
    process = context._gateway.proc  # type: ignore[union-attr]
    try:
        server = context._jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2  # type: ignore[union-attr]
        server.startWithContext(session._jsparkSession.sqlContext())
        is_told = False
        while not stopped.wait(timeout=1):
            if not is_told and _listens(port):
                ready()
                is_told = True
            if process.poll() is not None:
                fix = "Its last lines stand above; give it more spark.driver.memory if it ran out, and start it again."
                raise EnvironmentFault("sql", f"the server's process ended with {process.returncode}", "a server that answers", fix)
    finally:
        with suppress(Py4JError, OSError):  # a signal to the whole group ends the JVM as well, perhaps first
            session.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
