"""Lines for machines and for people, and a traceback that nobody expected."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from mapping_spark import logs, secrets
from mapping_spark.logs import LOGGER, JsonLines, ShortLines
from mapping_spark.secrets import HIDDEN, resolve


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The logger and the hook as other tests have left them."""
    handlers, level, propagate = LOGGER.handlers[:], LOGGER.level, LOGGER.propagate
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(secrets, "_known", set())
    yield
    LOGGER.handlers[:], LOGGER.level, LOGGER.propagate = handlers, level, propagate


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_is_an_object_with_its_time_in_utc_and_whatever_was_given() -> None:
    record = logging.makeLogRecord(
        {"msg": "read %d rows", "args": (3,), "levelno": logging.WARNING, "levelname": "WARNING", "name": "mapping_spark.job"}
        | {"created": dt.datetime(2024, 3, 10, 12, tzinfo=dt.UTC).timestamp() + 0.25, "as_of": dt.date(2024, 3, 10), "rows": {"in": 3}}
    )
    assert json.loads(JsonLines().format(record)) == {
        "at": "2024-03-10T12:00:00.250+00:00",
        "level": "warning",
        "logger": "mapping_spark.job",
        "message": "read 3 rows",
        "as_of": "2024-03-10",
        "rows": {"in": 3},
    }


@pytest.mark.parametrize("message", ["two\nlines", 'a "quoted" one', "ключ", "100 %"])
def test_a_message_is_one_line_and_comes_back_as_it_was(message: str) -> None:
    line = JsonLines().format(logging.makeLogRecord({"msg": message}))
    assert "\n" not in line
    assert json.loads(line)["message"] == message


def test_a_machine_is_told_progress_and_a_person_warnings_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, lines in ((io.StringIO(), ["started", "late"]), (Terminal(), ["late"])):
        monkeypatch.setattr(sys, "stderr", stream)
        logs.configure()
        LOGGER.debug("detail")
        LOGGER.info("started")
        logging.getLogger("mapping_spark.tables").warning("late")
        written = stream.getvalue().splitlines()
        assert [json.loads(line)["message"] if line.startswith("{") else line for line in written] == lines


def test_configured_twice_it_says_things_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure()
    logs.configure()
    LOGGER.warning("late")
    assert len(stream.getvalue().splitlines()) == 1


def test_tracebacks_are_told_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "pa55-word")
    resolve("spark.x", "${env:PLANTED}")
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure()
    try:
        raise RuntimeError("refused: pa55-word")
    except RuntimeError as fault:
        sys.excepthook(RuntimeError, fault, fault.__traceback__)
        short = ShortLines().format(logging.makeLogRecord({"msg": "stopped", "exc_info": (RuntimeError, fault, fault.__traceback__)}))
    assert stream.getvalue().startswith("Traceback (most recent call last):\n")
    assert stream.getvalue().endswith(f"RuntimeError: refused: {HIDDEN}\n")
    assert short.startswith("stopped\nTraceback")
    assert "pa55-word" not in stream.getvalue() + short
