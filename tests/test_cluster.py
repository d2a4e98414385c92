"""Jobs on a real standalone cluster of two workers, and what is said where it cannot be had."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from mapping_spark import pipeline
from mapping_spark.config import CONF_VARIABLE
from mapping_spark.errors import EnvironmentFault
from mapping_spark.session import check_master
from mapping_spark.tables.gold import TRAINING_EPOCHS
from mapping_spark.tables.ops import SNAPSHOTS
from mapping_spark.tables.silver import INTERACTIONS
from mapping_spark.tables.store import Store
from tools import cluster
from tools.compare_warehouses import differences

from . import golden

BEFORE = ("ingest_events", "clean_events", "build_user_ids", "build_item_ids")
ON_CLUSTER = ("build_interactions", "build_snapshot", "train_deep")


def run_here(names: tuple[str, ...], root: str) -> Store:
    settings, as_of, store = pipeline.open_environment("golden", None, [f"store.root={root}"])
    pipeline.run_all(settings, as_of, store, [job for job in pipeline.all_jobs() if job.name in names])
    return store


def test_two_workers_and_two_ranks_make_the_tables_of_one_process(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONF_VARIABLE, str(golden.write(tmp_path)))
    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    run_here(BEFORE, there)
    local = run_here((*BEFORE, *ON_CLUSTER), here)
    with cluster.cluster(tmp_path / "cluster", memory="1g") as started:
        conf = cluster.driver_conf(tmp_path / "cluster") | {"spark.executor.memory": "700m", "spark.driver.memory": "700m"}
        cluster.submit_all(started, ON_CLUSTER, ["--env", "golden", "--set", f"store.root={there}"], conf)
    assert all(process.poll() is not None for process in started.processes.values())
    assert any((tmp_path / "cluster" / "events").iterdir())
    found = differences(local, Store(spark, there), (INTERACTIONS.name, SNAPSHOTS.name, TRAINING_EPOCHS.name))
    assert [(one.table, one.is_equal) for one in found] == [(t.name, True) for t in (INTERACTIONS, TRAINING_EPOCHS, SNAPSHOTS)], found
    assert Store(spark, there).read(TRAINING_EPOCHS).where("ranks = 2").count() == 2


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
    child = int((tmp_path / "log").read_text())
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(child)], capture_output=True, text=True, check=False).stdout.strip()
    assert state[:1] in ("", "Z")


def test_the_program_says_what_it_can_do() -> None:
    done = subprocess.run([sys.executable, "tools/cluster.py", "--help"], capture_output=True, text=True, cwd=cluster.PROJECT, check=False)
    assert "--from JOB" in done.stdout, done.stderr
