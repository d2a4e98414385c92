"""A Spark Connect server on this machine, from the installed pyspark and its Delta jar."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark

from mapping_spark.session import DELTA_CATALOG, DELTA_EXTENSION

from .conftest import SMALL

_START_SECONDS = 120
_OWN = {
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.sql.extensions": DELTA_EXTENSION,
    "spark.sql.catalog.spark_catalog": DELTA_CATALOG,
    "spark.sql.session.timeZone": "UTC",
}


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a server that lives as long as the block; its log lies in `folder`."""
    port = _free_port()
    settings = SMALL | _OWN | {"spark.connect.grpc.binding.port": str(port), "spark.checkpoint.dir": str(folder / "checkpoints")}
    options = [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
    submit = str(Path(pyspark.__file__).parent / "bin" / "spark-submit")
    command = [submit, "--class", "org.apache.spark.sql.connect.service.SparkConnectServer", *options, "spark-internal"]
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable}
    with (folder / "connect.log").open("w") as log:
        started = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True)
        try:
            _wait(started, port, folder / "connect.log")
            yield f"sc://127.0.0.1:{port}"
        finally:
            os.killpg(started.pid, signal.SIGTERM)
            started.wait(timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(started: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and started.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise AssertionError(f"no Spark Connect server: {log.read_text()[-2_000:]}")
