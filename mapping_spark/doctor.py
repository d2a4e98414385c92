"""Is this machine fit to run the project? Every check is independent, starts no Spark, and knows its own fix."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from mapping_spark.session import installed_delta_jar

JAVA_VERSIONS = (17, 21)
JAVA_MODULE = "jdk.incubator.vector"
_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, what was found, and what to do where it is not well (empty where it is)."""

    subject: str
    found: str
    fix: str = ""

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to do."""
        return not self.fix


def diagnose(folder: Path | None = None) -> list[Finding]:
    """All findings; `folder` is where the warehouse would be written (default: the working directory)."""
    return [check_python(), *check_java(), check_packages(), check_delta_jar(), check_horovod(), check_write_access(folder or Path.cwd())]


def check_python() -> Finding:
    """Python 3.11: petastorm imports distutils, which 3.12 dropped."""
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", found, "" if sys.version_info[:2] == (3, 11) else "Install Python 3.11 and run make setup.")


def java_command() -> str | None:
    """The java that Spark would start: $JAVA_HOME's, else the one on PATH."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else shutil.which("java")


def check_java() -> Iterator[Finding]:
    """Java's version and the module that Spark 4 loads at start."""
    fix = "Install a full JDK or JRE 17 (Debian: openjdk-17-jre-headless) and point JAVA_HOME to it."
    command = java_command()
    if command is None or not Path(command).exists():
        yield Finding("Java", f"none ({command or 'no java on PATH'})", fix)
        return
    printed = _output([command, "-version"])
    match = re.search(r'version "(\d+)', printed)
    number = int(match.group(1)) if match else 0
    yield Finding("Java", f"{number} ({command})", "" if number in JAVA_VERSIONS else fix)
    modules = _output([command, "--list-modules"])
    has_module = JAVA_MODULE in modules
    yield Finding(f"Java module {JAVA_MODULE}", "there" if has_module else "missing", "" if has_module else fix)


def check_packages() -> Finding:
    """Every pinned requirement of this package, at its pinned version."""
    wrong = []
    for requirement in requires("mapping_spark") or []:
        match = re.match(r"([A-Za-z0-9_.-]+)==([^;\s]+)\s*$", requirement)
        if not match:
            continue
        name, pinned = match.groups()
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "missing"
        if found != pinned:
            wrong.append(f"{name} {found}, pinned {pinned}")
    return Finding("Packages", "; ".join(wrong) or "as pinned", "Run make setup." if wrong else "")


def check_delta_jar() -> Finding:
    """The Delta jar inside pyspark, where `make setup` puts it."""
    jar = installed_delta_jar()
    return Finding("Delta jar", jar.name if jar else "missing", "" if jar else "Run make setup, or start Spark with network access.")


def check_horovod() -> Finding:
    """Horovod's native library for torch (found, not loaded: loading torch takes seconds)."""
    spec = importlib.util.find_spec("horovod")
    folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    built = [path.name for folder in folders for path in (folder / "torch").glob("mpi_lib*.so")]
    return Finding("Horovod for torch", built[0] if built else "not built", "" if built else "Run make setup (needs g++ and cmake).")


def check_write_access(folder: Path) -> Finding:
    """Whether the warehouse can be written."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as fault:
        return Finding("Write access", f"{folder}: {fault.strerror}", "Run in a folder you may write to, or set store.root.")
    return Finding("Write access", str(folder))


def _output(command: list[str]) -> str:
    """What a command says; nothing where it cannot be run or does not end."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
