"""The commits of a Delta table in a folder, read from its log as files: its version and what a write did, without a Spark job.

The format is Delta's protocol (PROTOCOL.md, "Delta Log Entries"): `_delta_log/<version, 20 digits>.json`, a JSON object per line, of which
`commitInfo` names the operation and its metrics.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pyarrow import fs

from mapping_spark.files import filesystem

_NAME = re.compile(r"(\d{20})\.json")
_ROWS = ("numTargetRowsInserted", "numOutputRows")
"""Metrics that count the rows a commit wrote: of a merge the new ones, of another write all."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One version of a table: the operation that made it, and the rows it wrote (0 where it says nothing of rows)."""

    version: int
    operation: str
    rows: int

    @classmethod
    def of(cls, version: int, operation: str, metrics: dict[str, str]) -> Commit:
        """From the names and texts of Delta's history."""
        return cls(version, operation, next((int(metrics[name]) for name in _ROWS if name in metrics), 0))


def newest_first(folder: str) -> Iterator[Commit]:
    """The commits that the log still holds, each read when it is asked for; none where no table is."""
    files, path = filesystem(folder)
    found = files.get_file_info(fs.FileSelector(f"{path}/_delta_log", allow_not_found=True))
    versions = (match.group(1) for info in found if (match := _NAME.fullmatch(PurePosixPath(info.path).name)))
    for version in sorted(versions, reverse=True):
        with files.open_input_stream(f"{path}/_delta_log/{version}.json") as file:
            info = _commit_info(file.read())
        yield Commit.of(int(version), info.get("operation", ""), info.get("operationMetrics") or {})


def _commit_info(text: bytes) -> dict[str, Any]:
    """What the commit says of itself; nothing where the writer left it out, which the protocol allows."""
    actions = (json.loads(line) for line in text.splitlines() if b'"commitInfo"' in line)
    return next((dict(action["commitInfo"]) for action in actions if "commitInfo" in action), {})
