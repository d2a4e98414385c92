"""Conflicts that Delta documents are tried again, nothing else is."""

from __future__ import annotations

import pytest
from delta.exceptions import ConcurrentAppendException

from mapping_spark.tables.retries import ATTEMPTS, retried


def failing(times: int, fault: Exception) -> tuple[list[int], object]:
    calls: list[int] = []

    def write() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise fault
        return "written"

    return calls, write


def test_a_conflict_is_tried_again_after_growing_random_pauses() -> None:
    calls, write = failing(3, ConcurrentAppendException("files were added"))
    pauses: list[float] = []
    assert retried(write, "silver.events", pauses.append) == "written"  # type: ignore[arg-type]
    assert len(calls) == 4
    assert all(0 <= pause < limit for pause, limit in zip(pauses, (1, 2, 4), strict=True))


def test_after_the_last_attempt_the_conflict_is_raised() -> None:
    calls, write = failing(ATTEMPTS, ConcurrentAppendException("files were added"))
    with pytest.raises(ConcurrentAppendException):
        retried(write, "silver.events", lambda seconds: None)  # type: ignore[arg-type]
    assert len(calls) == ATTEMPTS


def test_another_fault_is_not_tried_again() -> None:
    calls, write = failing(1, ValueError("no conflict"))
    with pytest.raises(ValueError, match="no conflict"):
        retried(write, "silver.events", lambda seconds: None)  # type: ignore[arg-type]
    assert len(calls) == 1
