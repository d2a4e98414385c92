"""A standalone Spark master and two workers on loopback, and the jobs submitted to it: `python tools/cluster.py --help`.

All of it comes from the installed pyspark. Every process is ended with the program, also after a failure or a signal; what they
wrote lies under `build/cluster/`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyspark

from mapping_spark import console, pipeline
from mapping_spark.errors import ConfigError, EnvironmentFault, MappingSparkError
from mapping_spark.job import guarded
from mapping_spark.session import fast_start

PROJECT = Path(__file__).resolve().parent.parent
SPARK_HOME = Path(pyspark.__file__).parent
LOOPBACK = "127.0.0.1"
N_WORKERS = 2
_START_SECONDS = 240
_END_SECONDS = 15
_SECONDS_BETWEEN_LOOKS = 0.2
_PACKAGE = "org.apache.spark.deploy"


class JobFailed(MappingSparkError):
    """A submitted job ended with another code than 0, which becomes this program's."""

    def __init__(self, job: str, code: int, log: Path, last: str) -> None:
        self.exit_code = code if 0 < code < 128 else 1
        super().__init__(job, f"exit code {code}: {last}", "0", f"All it said lies in {log}; run again to go on where it stopped.")


@dataclass(frozen=True)
class Cluster:
    """A running cluster: its address, its processes by name, and the folder of their logs."""

    master: str
    processes: Mapping[str, subprocess.Popen[bytes]]
    logs: Path

    def check(self, during: str) -> None:
        """Raise `EnvironmentFault` where the master or a worker has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise EnvironmentFault(
                    name, f"ended with code {process.returncode} during {during}", "a running process",
                    f"Read {self.logs / name}.log and run again: tables hold whole commits only, finished jobs are skipped.",
                )  # fmt: skip


@contextmanager
def process(command: Sequence[str], log: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in a process group of its own, which is ended with the block: politely, then not."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        # A session of its own, so that a signal to this program reaches its children by this block only.
        started = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=PROJECT, start_new_session=True)  # noqa: S603
    try:
        yield started
    finally:
        _end(started)


def _end(started: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(started.pid, sign)  # the whole group, also where its first process has ended
            started.wait(_END_SECONDS)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


@contextmanager
def cluster(folder: Path, *, port: int = 0, memory: str = "2g", env: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """A master and two workers of one core and `memory` each; `port` is the master's, 0 for any free one.

    `env` replaces the environment of the workers. Raises `EnvironmentFault` where the port is in use or they do not start.
    """
    port, page = _free_port(port), _free_port(0)
    url = f"spark://{LOOPBACK}:{port}"
    spark_class = [str(SPARK_HOME / "bin" / "spark-class")]
    here = dict(os.environ) | {"SPARK_HOME": str(SPARK_HOME), "SPARK_LOCAL_IP": LOOPBACK, "SPARK_NO_DAEMONIZE": "1"}
    # A port in use is a fault instead of the next free one.
    here |= {"SPARK_DAEMON_JAVA_OPTS": "-Dspark.port.maxRetries=0", "SPARK_DAEMON_MEMORY": "512m"}
    commands = {"master": [*spark_class, f"{_PACKAGE}.master.Master", "--host", LOOPBACK, "--port", str(port), "--webui-port", str(page)]}
    for number in range(1, N_WORKERS + 1):
        place = ["--webui-port", "0", "-c", "1", "-m", memory, "-d", str(folder / f"worker{number}")]
        commands[f"worker{number}"] = [*spark_class, f"{_PACKAGE}.worker.Worker", "--host", LOOPBACK, *place, url]
    with ExitStack() as stack:
        processes = {}
        for name, command in commands.items():
            own = here if name == "master" or env is None else dict(env) | {key: here[key] for key in here if key.startswith("SPARK_")}
            processes[name] = stack.enter_context(process(command, folder / "logs" / f"{name}.log", own))
            started = Cluster(url, processes, folder / "logs")
            if name == "master":  # a worker that finds none waits for seconds before it looks again
                _await(started, page, 0)
        _await(started, page, N_WORKERS)
        yield started


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError:
            fix = "End what listens there, or say --port 0 for any free one."
            raise EnvironmentFault(f"port {wanted}", "in use", "a free port", fix) from None
        return int(probe.getsockname()[1])


def _await(started: Cluster, page: int, n_workers: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        started.check("its start")
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{page}/json/", timeout=5) as answer:
                state: dict[str, Any] = json.load(answer)
        except (OSError, ValueError):
            state = {}
        if state.get("aliveworkers") == n_workers:
            return
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    raise EnvironmentFault(started.master, f"not up within {_START_SECONDS} s", f"{n_workers} workers", f"Read {started.logs}.")


def submit(on: Cluster, job: str, arguments: Sequence[str], conf: Mapping[str, str], env: Mapping[str, str] | None = None) -> str:
    """Submit `jobs/<job>.py` and wait for it; returns its line of result. Raises `JobFailed`, or the fault of a worker that died."""
    settings = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", on.master, "--properties-file", "conf/spark-defaults.conf"]
    here = dict(os.environ) | {"SPARK_HOME": str(SPARK_HOME), "SPARK_LOCAL_IP": LOOPBACK, "PYSPARK_PYTHON": sys.executable}
    here |= fast_start() | {"PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))} | dict(env or {})
    log = on.logs / f"{job}.log"
    with process([*command, *settings, f"jobs/{job}.py", *arguments], log, here) as running:
        while running.poll() is None:
            on.check(job)
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        code = running.returncode
    said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    if code:
        raise JobFailed(job, code, log, said[-1] if said else "nothing said")
    return next((line for line in reversed(said) if line.startswith(f"{job}: ")), f"{job}: done")


def submit_all(on: Cluster, jobs: Sequence[str], arguments: Sequence[str], conf: Mapping[str, str]) -> None:
    """Submit the jobs one after the other, with a line of progress each."""
    for number, job in enumerate(jobs, start=1):
        began = time.monotonic()
        with console.waiting(f"{number}/{len(jobs)} {job}"):
            said = submit(on, job, arguments, conf)
        console.say(f"{number:2d}/{len(jobs)} {said} (with its start {time.monotonic() - began:.0f} s)")


def driver_conf(folder: Path) -> dict[str, str]:
    """Settings of a driver beside this cluster, on top of conf/spark-defaults.conf."""
    events = folder / "events"
    events.mkdir(parents=True, exist_ok=True)
    return {
        "spark.driver.host": LOOPBACK,
        "spark.driver.memory": "2g",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={PROJECT / 'conf' / 'log4j2.properties'}",
        "spark.executor.memory": "1500m",
        "spark.executor.extraJavaOptions": fast_start().get("SPARK_SUBMIT_OPTS", ""),
        "spark.eventLog.dir": events.as_uri(),
    }


def _raise_on_signal(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def demo(options: argparse.Namespace) -> None:
    """All jobs, or those between two, on a cluster of its own."""
    folder = Path(options.folder).resolve()
    jobs = [job.name for job in pipeline.choose("all")]
    wrong = [name for name in (options.first, options.last) if name and name not in jobs]
    if wrong:
        raise ConfigError("--from, --to", f"no job {wrong}", f"jobs among {jobs}", "See mapping-spark jobs.")
    first, last = jobs.index(options.first or jobs[0]), jobs.index(options.last or jobs[-1])
    root = options.root or str(folder / "warehouse")
    arguments = ["--env", options.env, "--set", f"store.root={root}"] + (["--as-of", options.as_of] if options.as_of else [])
    began = time.monotonic()
    with cluster(folder, port=options.port) as started:
        console.say(f"{started.master}: two workers; logs under {started.logs}")
        submit_all(started, jobs[first : last + 1], arguments, driver_conf(folder))
    console.say(f"{last + 1 - first} jobs in {time.monotonic() - began:.0f} s; tables under {root}")
    console.say(f"Compare with the local demo: {shlex.join([sys.executable, 'tools/compare_warehouses.py', 'warehouse', root])}")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Submit the jobs, in their declared order, to a Spark cluster on this machine.")
    parser.add_argument("--env", default="demo", help="settings overlay: conf/<env>.yml")
    parser.add_argument("--as-of", help="YYYY-MM-DD")
    parser.add_argument("--from", dest="first", metavar="JOB", help="first job")
    parser.add_argument("--to", dest="last", metavar="JOB", help="last job")
    parser.add_argument("--port", type=int, default=0, help="the master's; any free one where not given")
    parser.add_argument("--folder", default="build/cluster", help="logs, work and event logs")
    parser.add_argument("--root", help="where tables lie; FOLDER/warehouse where not given")
    options = parser.parse_args(arguments)
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, _raise_on_signal)
    sys.exit(guarded(lambda: demo(options)))


if __name__ == "__main__":
    main()
