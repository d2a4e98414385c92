"""Logging: one JSON object per line where a machine reads, short lines where a person does."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
import traceback
from types import TracebackType

from mapping_spark.secrets import hide

LOGGER = logging.getLogger("mapping_spark")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """A record as one JSON object: time, level, logger, message, and whatever was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{key: value for key, value in vars(record).items() if key not in _STANDARD},
        }
        return hide(json.dumps(entry, default=str))


class ShortLines(logging.Formatter):
    """A record's message, with the traceback it brings."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return hide(super().format(record))


def configure() -> None:
    """Log to stderr: JSON lines, or warnings only and in plain text on a terminal (progress is shown there instead)."""
    handler = logging.StreamHandler(sys.stderr)
    on_terminal = sys.stderr.isatty()
    handler.setFormatter(ShortLines() if on_terminal else JsonLines())
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.WARNING if on_terminal else logging.INFO)
    LOGGER.propagate = False
    sys.excepthook = _tell_unexpected


def _tell_unexpected(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
    """An unexpected failure, as Python tells it but without secrets: a message of Spark may quote a setting."""
    sys.stderr.write(hide("".join(traceback.format_exception(kind, fault, trace))))
