"""Peak memory of a piece of work: this process, the JVM and the Python workers together."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import psutil

_SECONDS_BETWEEN_SAMPLES = 0.5
_MB = 1_000_000


class PeakMemory:
    """Context manager; `peak_mb` is the largest sum of resident memory seen (MB), as `resident_mb` counts it."""

    def __init__(self) -> None:
        self.peak_mb = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="peak-memory")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, resident_mb())
            if self._stop.wait(_SECONDS_BETWEEN_SAMPLES):
                return


def resident_mb() -> int:
    """Resident memory (MB) of the process tree this one belongs to: under spark-submit the JVM is its parent.

    A page that forked workers share counts once among them where the system tells (Linux), else once for each.
    """
    process = psutil.Process()
    parent = process.parent()
    root = parent if parent is not None and parent.name() == "java" else process
    total = 0
    for member in (root, *root.children(recursive=True)):
        try:
            total += _bytes(member)
        except psutil.NoSuchProcess:
            continue
    return total // _MB


def _bytes(process: psutil.Process) -> int:
    if process.name() == "java":  # shares next to nothing, and its many pages take long to look through
        return int(process.memory_info().rss)
    try:
        return int(process.memory_full_info().pss)
    except (AttributeError, psutil.AccessDenied):
        return int(process.memory_info().rss)
