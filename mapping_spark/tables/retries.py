"""Try a write again where Delta says that another one came between."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from delta.exceptions import (
    ConcurrentAppendException,
    ConcurrentDeleteDeleteException,
    ConcurrentDeleteReadException,
    ConcurrentTransactionException,
    ConcurrentWriteException,
    DeltaConcurrentModificationException,
    MetadataChangedException,
    ProtocolChangedException,
)

from mapping_spark.logs import LOGGER

Result = TypeVar("Result")

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 1.0
CONFLICTS = (
    ConcurrentAppendException,
    ConcurrentDeleteDeleteException,
    ConcurrentDeleteReadException,
    ConcurrentTransactionException,
    ConcurrentWriteException,
    DeltaConcurrentModificationException,
    MetadataChangedException,
    ProtocolChangedException,
)
"""What Delta documents under concurrency control; in Python they share no base of their own."""
_JITTER = random.SystemRandom()


def retried(write: Callable[[], Result], what: str, pause: Callable[[float], None] = time.sleep) -> Result:
    """What `write` returns; where it conflicts with another writer it is called again, at most `ATTEMPTS` times in all.

    The pause before attempt n + 1 is drawn from [0, FIRST_PAUSE_SECONDS * 2^n), so that two writers do not meet again ("full
    jitter", Brooker 2015). Only the conflicts that Delta documents are retried; `write` must be one commit, which happens or does not.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return write()
        except CONFLICTS as conflict:
            seconds = _JITTER.uniform(0, FIRST_PAUSE_SECONDS * 2**attempt)
            facts = {"table": what, "conflict": type(conflict).__name__, "attempt": attempt + 1, "pause_seconds": round(seconds, 2)}
            LOGGER.warning(f"{what}: another write came between; trying again", extra=facts)
            pause(seconds)
    return write()
