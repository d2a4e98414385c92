"""A planted secret reaches Spark and nothing else: no error, no log line, no event log, no table."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mapping_spark.config import CONF_VARIABLE, flat
from mapping_spark.errors import ConfigError
from mapping_spark.logs import JsonLines
from mapping_spark.secrets import HIDDEN, hide, resolve
from mapping_spark.settings import load_settings

from . import golden

PLANTED = "pa55-planted-c0ffee"
KEY, ACCESS_KEY = "spark.hadoop.fs.s3a.secret.key", "spark.hadoop.fs.s3a.access.key"


def test_a_reference_is_resolved_from_a_variable_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", PLANTED)
    (tmp_path / "secret").write_text(PLANTED + "\n")
    assert resolve(KEY, "${env:PLANTED}") == resolve(KEY, f"${{file:{tmp_path / 'secret'}}}") == PLANTED
    assert resolve("spark.master", "local[2]") == "local[2]"
    assert hide(f"denied for {PLANTED}.") == f"denied for {HIDDEN}."
    record = logging.makeLogRecord({"msg": "denied", "url": f"https://u:{PLANTED}@host"})
    assert json.loads(JsonLines().format(record))["url"] == f"https://u:{HIDDEN}@host"


def test_a_secret_in_plain_text_and_an_empty_reference_are_refused_without_quoting_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONF_VARIABLE, str(golden.write(tmp_path)))
    with pytest.raises(ConfigError, match="secret in plain text") as caught:
        load_settings("golden", [f"spark.{KEY}={PLANTED}"])
    assert PLANTED not in str(caught.value)
    with pytest.raises(ConfigError, match="environment variable NOWHERE holds no secret"):
        load_settings("golden", [f"spark.{KEY}=${{env:NOWHERE}}"])


def test_settings_do_not_show_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONF_VARIABLE, str(golden.write(tmp_path)))
    monkeypatch.setenv("PLANTED", PLANTED)
    settings = load_settings("golden", [f"spark.{KEY}=${{env:PLANTED}}"])
    assert PLANTED not in repr(settings) + settings.model_dump_json()
    assert settings.spark["spark.sql.shuffle.partitions"] == "2"


def test_a_setting_of_spark_can_be_set_on_the_command_line() -> None:
    assert flat({"spark.a.b": 1, "spark": {"a": {"b": 2}}}) == {"spark.a.b": 2}


def test_a_submitted_job_writes_it_nowhere(tmp_path: Path) -> None:
    """Every file that the job left is searched: tables, ledger, event log."""
    events = tmp_path / "events"
    events.mkdir()
    conf = golden.write(tmp_path)
    logged = [
        "--conf",
        "spark.eventLog.enabled=true",
        "--conf",
        "spark.eventLog.compress=false",
        "--conf",
        f"spark.eventLog.dir={events.as_uri()}",
    ]
    job = [str(Path(__file__).parents[1] / "jobs" / "build_campaigns.py"), "--env", "golden"]
    job += [part for key in (KEY, ACCESS_KEY) for part in ("--set", f"spark.{key}=${{env:PLANTED}}")]  # both: then Python is told too
    environment = os.environ | {CONF_VARIABLE: str(conf), "PLANTED": PLANTED, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["spark-submit", *logged, *job]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=240, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert PLANTED not in done.stdout + done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.is_relative_to(events) for path in written)
    assert any("job_runs" in str(path) for path in written)
    assert not [path for path in written if PLANTED.encode() in path.read_bytes()]
