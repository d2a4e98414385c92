"""A lock per table and date: a second run of the same job is told who holds it instead of doing the same work beside it.

A lock is a small JSON file, `_locks/<table>/<date>.json` under the store's root, that its holder renews while it runs; one that was not
renewed for `EXPIRES_SECONDS` is taken over, and that is logged. Locks save work and tell people; that tables stay whole does not
depend on them, but on Delta's own commits, each of which happens or does not (on S3 among several drivers: with a log store that sees
to it, docs/operations.md).
"""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from mapping_spark.errors import LockHeld
from mapping_spark.files import filesystem, is_local
from mapping_spark.logs import LOGGER
from mapping_spark.tables.contract import Table

FOLDER = "_locks"
EXPIRES_SECONDS = 120
RENEW_SECONDS = 20
_WRITING_SECONDS = 1
"""What a run needs at most between opening its lock and having written it."""


@contextmanager
def locked(root: str, tables: Sequence[Table], as_of: dt.date, holder: str) -> Iterator[None]:
    """Hold the locks of `tables` for the date. Raises `LockHeld` where another run holds one of them."""
    with ExitStack() as stack:
        for table in sorted(tables, key=lambda table: table.name):
            stack.enter_context(_Lock(root, table, as_of, holder))
        yield


class _Lock:
    """One lock, renewed by a thread while it is held."""

    def __init__(self, root: str, table: Table, as_of: dt.date, holder: str) -> None:
        self._files, folder = filesystem(root)
        self._where = f"{table.name} as of {as_of}"
        self._path = f"{folder}/{FOLDER}/{table.name}/{as_of}.json"
        self._me = {"holder": holder, "host": os.uname().nodename, "pid": os.getpid(), "since": _now().isoformat(timespec="seconds")}
        self._released = threading.Event()
        self._renewal = threading.Thread(target=self._renew, daemon=True, name=f"lock {self._where}")

    def __enter__(self) -> None:
        self._files.create_dir(self._path.rpartition("/")[0])
        if not self._create():
            self._take_over_or_refuse()
        self._renewal.start()

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._renewal.join()
        if self._is_mine():
            with suppress(FileNotFoundError):
                self._files.delete_file(self._path)

    def _create(self) -> bool:
        """Whether the file was not there. On a local disk that is decided by the system; an object store is asked, then read back."""
        if is_local(self._files):
            try:
                with open(self._path, "x", encoding="utf-8") as file:  # noqa: PTH123
                    file.write(self._text())
            except FileExistsError:
                return False
            return True
        if self._read() is not None:
            return False
        self._write()
        return self._is_mine()

    def _take_over_or_refuse(self) -> None:
        found = self._read()
        if found is not None and not found["expires"]:  # cut short, or another run is just writing it
            time.sleep(_WRITING_SECONDS)
            found = self._read()
        if found is not None and not _is_expired(found):
            raise LockHeld(
                self._where,
                f"held by {found['holder']} on {found['host']} (process {found['pid']}) since {found['since']}",
                "no other run of the same job",
                f"Wait for it; if it is gone, its lock expires at {found['expires']}.",
            )
        facts = {"lock": self._where, "expired": found}
        LOGGER.warning(f"{self._where}: the lock of a run that is gone has expired and is taken over", extra=facts)
        self._write()

    def _renew(self) -> None:
        while not self._released.wait(RENEW_SECONDS):
            if not self._is_mine():
                LOGGER.warning(f"{self._where}: another run has taken the lock over")
                return
            self._write()

    def _is_mine(self) -> bool:
        found = self._read()
        return found is not None and all(found.get(key) == value for key, value in self._me.items())

    def _read(self) -> dict[str, Any] | None:
        """What stands in the file; None where there is none, an expired lock where it was cut short."""
        try:
            with self._files.open_input_stream(self._path) as file:
                return dict(json.loads(file.read()))
        except FileNotFoundError:
            return None
        except ValueError:
            return {"holder": "a run that was killed while it wrote this", "expires": ""}

    def _write(self) -> None:
        """Replace the file: aside and then moved where that is one step, so that a reader sees a whole one."""
        if is_local(self._files):
            aside = f"{self._path}.{os.getpid()}"
            with self._files.open_output_stream(aside) as file:
                file.write(self._text().encode())
            self._files.move(aside, self._path)
            return
        with self._files.open_output_stream(self._path) as file:
            file.write(self._text().encode())

    def _text(self) -> str:
        expires = _now() + dt.timedelta(seconds=EXPIRES_SECONDS)
        return json.dumps(self._me | {"expires": expires.isoformat(timespec="seconds")})


def _is_expired(found: dict[str, Any]) -> bool:
    return not found["expires"] or dt.datetime.fromisoformat(found["expires"]) < _now()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
