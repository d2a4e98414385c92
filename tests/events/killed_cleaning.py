"""A process that cleans a warehouse and dies, without a word, after its n-th write. Run by test_crash.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from mapping_spark.events.clean import clean_pending
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.session import build_session
from mapping_spark.tables.store import Store
from tests.conftest import SMALL
from tests.events.bad_records import source

CONFIG = CleaningConfig(max_quarantined_share=1.0)


def die_after(n_writes: int) -> None:
    """Make the store end this process right after its n-th write."""
    written = 0

    def dying(write: Callable[..., None]) -> Callable[..., None]:
        def wrapped(*arguments: Any, **named: Any) -> None:
            nonlocal written
            write(*arguments, **named)
            written += 1
            if written == n_writes:
                os._exit(9)

        return wrapped

    for name in ("append_once", "insert_new"):
        setattr(Store, name, dying(getattr(Store, name)))


if __name__ == "__main__":
    root, n = sys.argv[1], int(sys.argv[2])
    session = build_session("killed", SMALL | {"spark.master": "local[1]", "spark.sql.warehouse.dir": f"{root}/spark"})
    die_after(n)
    clean_pending(Store(session, root), [source("never read")], CONFIG)
