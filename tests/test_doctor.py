"""Each check on a machine that lacks something: what is found, and that there is always a fix."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from mapping_spark import doctor
from mapping_spark.console import show_diagnosis
from mapping_spark.doctor import (
    JAVA_MODULE,
    Finding,
    check_delta_jar,
    check_java,
    check_packages,
    check_python,
    check_write_access,
    diagnose,
)


def java(home: Path, printed: str, modules: str = f"java.base@17\n{JAVA_MODULE}@17") -> None:
    """A made-up Java that says what it is on stderr, as the real one does."""
    (home / "bin").mkdir(parents=True)
    script = f"#!/bin/sh\ncase $1 in -version) echo '{printed}' >&2;; *) echo '{modules}';; esac\n"
    (home / "bin" / "java").write_text(script)
    (home / "bin" / "java").chmod(0o755)


@pytest.mark.parametrize(
    ("printed", "number", "is_well"),
    [
        ('openjdk version "17.0.9" 2023-10-17', 17, True),
        ('openjdk version "21" 2023-09-19', 21, True),
        ('openjdk version "21-ea" 2023-09-19', 21, True),
        ('java version "1.8.0_392"', 1, False),
        ('openjdk version "11.0.21" 2023-10-17', 11, False),
        ('openjdk version "24.0.1" 2025-04-15', 24, False),
        ("Error: could not create the Java Virtual Machine", 0, False),
    ],
)
def test_java_17_and_21_are_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, number: int, is_well: bool) -> None:
    java(tmp_path, printed)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    version, module = check_java()
    assert (version.found, version.is_well) == (f"{number} ({tmp_path}/bin/java)", is_well)
    assert module == Finding(f"Java module {JAVA_MODULE}", "there")


def test_a_java_without_the_module_that_spark_loads_is_not_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(tmp_path, 'openjdk version "17.0.9"', modules="java.base@17")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    version, module = check_java()
    assert (version.is_well, module.found, module.is_well) == (True, "missing", False)
    assert "Install a full JDK or JRE 17" in module.fix


def test_the_java_of_java_home_goes_before_the_one_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(tmp_path / "home", 'openjdk version "17.0.9"')
    java(tmp_path / "path", 'openjdk version "21.0.1"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'path' / 'bin'}:/bin")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert next(check_java()).found.startswith("17 ")
    monkeypatch.delenv("JAVA_HOME")
    assert next(check_java()).found.startswith("21 ")


@pytest.mark.parametrize(
    ("home", "found"), [("", "none (no java on PATH)"), ("/nowhere", "none (/nowhere/bin/java)")], ids=["no java", "a wrong JAVA_HOME"]
)
def test_no_java_is_one_finding(monkeypatch: pytest.MonkeyPatch, home: str, found: str) -> None:
    monkeypatch.setenv("JAVA_HOME", home)
    monkeypatch.setenv("PATH", "/nowhere")
    (finding,) = check_java()
    assert (finding.found, finding.is_well) == (found, False)


@pytest.mark.parametrize("mode", [0o644, 0o755], ids=["not executable", "no program"])
def test_a_java_that_cannot_be_started_is_a_finding_and_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").write_bytes(b"\x7fELF broken")
    (tmp_path / "bin" / "java").chmod(mode)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert [finding.is_well for finding in check_java()] == [False, False]


def test_packages_are_compared_with_their_pins_and_only_pins_count(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"right": "1.0", "late": "2.1", "ranged": "9"}

    def version(name: str) -> str:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    asked = ["right==1.0", "late==2.0", "gone==3", "ranged<9,>=8", 'extra==5; extra == "dev"']
    monkeypatch.setattr(doctor, "requires", lambda _: asked)
    monkeypatch.setattr(doctor, "version", version)
    assert check_packages() == Finding("Packages", "late 2.1, pinned 2.0; gone missing, pinned 3", "Run make setup.")
    monkeypatch.setattr(doctor, "requires", lambda _: asked[:1])
    assert check_packages() == Finding("Packages", "as pinned")


def test_python_3_11_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 12, 1, "final", 0))
    assert check_python() == Finding("Python", "3.12.1", "Install Python 3.11 and run make setup.")
    monkeypatch.setattr(sys, "version_info", (3, 11, 9, "final", 0))
    assert check_python().is_well


def test_a_missing_jar_is_told_with_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "installed_delta_jar", lambda: None)
    assert check_delta_jar() == Finding("Delta jar", "missing", "Run make setup, or start Spark with network access.")


def test_a_folder_that_can_be_written_to_is_left_as_it_was_and_another_is_named_with_the_reason(tmp_path: Path) -> None:
    assert check_write_access(tmp_path) == Finding("Write access", str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    for place, reason in ((tmp_path / "nowhere", "No such file or directory"), (tmp_path / "file", "Not a directory")):
        finding = check_write_access(place)
        assert (finding.found, finding.is_well) == (f"{place}: {reason}", False)


def test_every_check_is_made_whatever_the_others_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    found = diagnose(tmp_path / "nowhere")
    assert [finding.subject for finding in found] == ["Python", "Java", "Packages", "Delta jar", "Horovod for torch", "Write access"]
    assert {finding.subject for finding in found if not finding.is_well} >= {"Java", "Write access"}
    assert show_diagnosis(found) is False
    printed = capsys.readouterr().out
    assert printed.count("FAULT") == sum(not finding.is_well for finding in found)
    assert show_diagnosis([Finding("Python", "3.11.9")]) is True
