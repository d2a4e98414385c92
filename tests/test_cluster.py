"""What is said where a standalone cluster cannot be had; test_golden_day.py runs jobs on one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mapping_spark.errors import EnvironmentFault
from mapping_spark.session import check_master
from tools import cluster


def test_a_port_in_use_and_a_master_that_is_not_there_are_told_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EnvironmentFault, match=rf"port {port}: in use.*--port 0"), cluster.cluster(tmp_path, port=port):
            pass
    with pytest.raises(EnvironmentFault, match=f"no answer at spark://127.0.0.1:{port}"):
        check_master(f"spark://127.0.0.1:{port}")
    with pytest.raises(EnvironmentFault, match=r"spark\.master: no answer"):
        check_master("spark://nonsense")


def test_a_worker_that_dies_ends_the_run_with_its_name_and_log(tmp_path: Path) -> None:
    with cluster.process(["false"], tmp_path / "worker1.log", os.environ) as worker:
        worker.wait()
        with pytest.raises(EnvironmentFault, match=r"worker1: ended with code 1 during train_deep.*worker1\.log"):
            cluster.Cluster("spark://127.0.0.1:1", {"worker1": worker}, tmp_path).check("train_deep")


def test_processes_end_with_their_block_also_those_they_started(tmp_path: Path) -> None:
    with cluster.process(["sh", "-c", "sleep 300 & echo $!; wait"], tmp_path / "log", os.environ) as shell:
        while not (tmp_path / "log").read_text().strip():
            time.sleep(0.05)
    assert shell.returncode == -signal.SIGTERM
    child, deadline = int((tmp_path / "log").read_text()), time.monotonic() + 20
    while _state(child) not in ("", "Z"):  # the signal was sent with the shell's; on a loaded machine it takes a moment
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _state(process: int) -> str:
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False)
    return found.stdout.strip()[:1]


def test_the_program_says_what_it_can_do() -> None:
    done = subprocess.run([sys.executable, "tools/cluster.py", "--help"], capture_output=True, text=True, cwd=cluster.PROJECT, check=False)
    assert "--from JOB" in done.stdout, done.stderr
