"""One run at a time per table and date; an expired lock does not stop anyone."""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
from pathlib import Path

import pytest

from mapping_spark.errors import LockHeld
from mapping_spark.logs import LOGGER
from mapping_spark.tables import locks
from mapping_spark.tables.locks import locked
from mapping_spark.tables.silver import ITEM_IDS, USER_IDS

DAY = dt.date(2024, 3, 10)


def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    with locked(str(tmp_path), (USER_IDS,), DAY, "build_user_ids run 1"):
        with pytest.raises(LockHeld, match=r"silver\.user_ids as of 2024-03-10: held by build_user_ids run 1 on .*process \d+.*since"):
            locked(str(tmp_path), (ITEM_IDS, USER_IDS), DAY, "build_user_ids run 2").__enter__()
        with locked(str(tmp_path), (USER_IDS,), DAY + dt.timedelta(days=1), "another date"):
            pass
    assert not list(tmp_path.rglob("*.json"))  # also the lock of item_ids, got before the refusal


@pytest.mark.parametrize(
    "left", ['{"holder": "killed", "host": "h", "pid": 1, "since": "s", "expires": "2024-03-10T00:00:00+00:00"}', '{"hol']
)
def test_an_expired_or_half_written_lock_is_taken_over_and_said(tmp_path: Path, left: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "_locks" / "silver.user_ids" / "2024-03-10.json"
    path.parent.mkdir(parents=True)
    path.write_text(left)
    LOGGER.propagate = True
    with caplog.at_level(logging.WARNING), locked(str(tmp_path), (USER_IDS,), DAY, "run 2"):
        assert json.loads(path.read_text())["holder"] == "run 2"
    assert "expired and is taken over" in caplog.text
    assert not path.exists()


def test_a_holder_renews_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "RENEW_SECONDS", 0.01)
    with locked(str(tmp_path), (USER_IDS,), DAY, "run 1"):
        first = path_text(tmp_path)
        deadline = dt.datetime.now() + dt.timedelta(seconds=20)
        while first == path_text(tmp_path) and dt.datetime.now() < deadline:
            time.sleep(0.05)
        assert json.loads(path_text(tmp_path))["expires"] > json.loads(first)["expires"]


def path_text(folder: Path) -> str:
    return (folder / "_locks" / "silver.user_ids" / "2024-03-10.json").read_text()
