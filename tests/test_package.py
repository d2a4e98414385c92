"""The wheel and the archive of Python: what is in them, a worker that has nothing else, and archives that cannot be used."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from mapping_spark.errors import EnvironmentFault
from tools import cluster, package

ELSEWHERE = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "", "HOME": "/nonexistent"}
"""The environment of a worker: no way from it leads to this project or its packages."""
PYTHON = {"spark.pyspark.python": "./env/bin/python", "spark.pyspark.driver.python": sys.executable}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package.build_wheel(tmp_path_factory.mktemp("wheel"))


def submitted(script: Path | str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(cluster.SPARK_HOME / "bin" / "spark-submit"), *options, str(script)]
    env = os.environ | {"SPARK_HOME": str(cluster.SPARK_HOME), "SPARK_LOCAL_IP": cluster.LOOPBACK, "PYTHONPATH": str(package.PROJECT)}
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=400, check=False)


def configured(conf: dict[str, str]) -> list[str]:
    return [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]


def test_the_wheel_holds_settings_and_page_and_is_the_same_each_time(wheel: Path, tmp_path: Path) -> None:
    assert package.build_wheel(tmp_path).read_bytes() == wheel.read_bytes()
    with zipfile.ZipFile(wheel) as zipped:
        zipped.extractall(tmp_path / "site")  # noqa: S202  our own
        names = set(zipped.namelist())
    page = {f"mapping_spark/report/page.{kind}" for kind in ("html", "css", "js")}
    assert names > page | {"mapping_spark/conf/base.yml", "mapping_spark/conf/sources/products.yml", "jobs/recommend.py"}
    asked = "from mapping_spark.settings import load_settings; print(load_settings('demo').store.root)"
    installed = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, env=installed, cwd=tmp_path, check=False)
    assert done.stdout == "warehouse\n", done.stderr


def test_what_the_packages_ask_for_comes_along_but_not_what_is_left_out() -> None:
    found = package.needed(["pandas>=2", "altair", "colorama; sys_platform == 'win32'"])
    assert found == ["numpy", "pandas", "python-dateutil", "pytz", "tzdata"]
    with pytest.raises(EnvironmentFault, match=r"no package not-there.*make setup"):
        package.needed(["not-there"])


def test_an_archive_is_the_same_each_time_whole_and_without_paths_of_this_machine(tmp_path: Path) -> None:
    files: dict[str, bytes | Path] = {"lib/b": b"bb", "bin/a": b"a", "lib/c": b"c"}
    first, second = tmp_path / "first.tar.gz", tmp_path / "second.tar.gz"
    assert package.write(first, files) == package.write(second, dict(reversed(files.items()))) == 4
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as tar:
        assert [(m.name, m.mode & 0o111 > 0, m.uid, m.uname) for m in tar] == [
            ("bin/a", True, 0, ""), ("lib/b", False, 0, ""), ("lib/c", False, 0, ""),
        ]  # fmt: skip
    with pytest.raises(EnvironmentFault, match="lib/d: a path of this machine in it"):
        package.write(tmp_path / "third.tar.gz", files | {"lib/d": f"#!{sys.prefix}/bin/python".encode()})
    assert not (tmp_path / "third.tar.gz").exists()


def test_workers_with_nothing_but_the_archive_run_this_code(wheel: Path, tmp_path: Path) -> None:
    """The archive of fewer packages than `make package` takes: what an Arrow task over this package loads."""
    archive, asked = tmp_path / "env.tar.gz", ["delta-spark", "pandas", "pyarrow", "pydantic", "pyyaml", "safetensors"]
    package.write(archive, package.contents(wheel, package.needed(asked)))
    conf = cluster.driver_conf(tmp_path) | PYTHON | {"spark.executor.memory": "700m", "spark.driver.memory": "700m"}
    with cluster.cluster(tmp_path, memory="1g", env=ELSEWHERE) as started:
        options = ["--master", started.master, "--archives", f"{archive}#env", *configured(conf)]
        done = submitted(package.PROJECT / "tests" / "worker_facts.py", *options)
    assert done.returncode == 0, done.stderr
    workers = json.loads(done.stdout.splitlines()[-1])
    folders = [Path(worker["prefix"]) for worker in workers]
    assert {folder.relative_to(tmp_path).parts[0] for folder in folders} == {"worker1", "worker2"}
    for folder, worker in zip(folders, workers, strict=True):
        assert Path(worker["program"]) == folder / "bin" / "python"
        assert Path(worker["package"]) == folder / package.PACKAGES / "mapping_spark" / "__init__.py"


@pytest.mark.parametrize("content", [None, gzip.compress(b"no tar", mtime=0)[:-9]], ids=["missing", "broken"])
def test_an_archive_that_is_missing_or_broken_is_told_before_anything_is_read(tmp_path: Path, content: bytes | None) -> None:
    archive = tmp_path / "env.tar.gz"
    if content is not None:
        archive.write_bytes(content)
    job = package.PROJECT / "jobs" / "build_campaigns.py"
    options = ["--archives", f"{archive}#env", *configured(PYTHON)]
    done = submitted(job, "--master", "local[1]", *options)
    assert done.returncode == 3, done.stderr
    said = done.stdout + done.stderr  # spark-submit joins a Python job's streams
    assert "env.tar.gz" in said
    assert "Traceback" not in said
