"""A lock that its holder loses, and holders that fall: nobody removes a lock that is not theirs."""

from __future__ import annotations

import datetime as dt
import json
import logging
import threading
import time
from pathlib import Path

import pytest

from mapping_spark.errors import LockHeld
from mapping_spark.logs import LOGGER
from mapping_spark.tables import locks
from mapping_spark.tables.locks import EXPIRES_SECONDS, RENEW_SECONDS, locked
from mapping_spark.tables.silver import ITEM_IDS, USER_IDS

DAY = dt.date(2024, 3, 10)


def place(root: Path, table: str = "silver.user_ids") -> Path:
    return root / "_locks" / table / f"{DAY}.json"


def fall_while_holding(root: Path) -> None:
    with locked(str(root), (USER_IDS, ITEM_IDS), DAY, "run 1"):
        assert place(root).exists()
        assert place(root, "silver.item_ids").exists()
        raise ZeroDivisionError


def test_a_holder_that_falls_gives_every_lock_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        fall_while_holding(tmp_path)
    assert not list(tmp_path.rglob("*.json"))
    with locked(str(tmp_path), (USER_IDS,), DAY, "run 2"):
        assert json.loads(place(tmp_path).read_text())["holder"] == "run 2"


def test_a_lock_that_another_run_has_taken_over_is_left_to_it(tmp_path: Path) -> None:
    with locked(str(tmp_path), (USER_IDS,), DAY, "run 1"):
        other = json.loads(place(tmp_path).read_text()) | {"holder": "run 2"}
        place(tmp_path).write_text(json.dumps(other))
    assert json.loads(place(tmp_path).read_text()) == other


def test_a_lock_that_was_removed_by_hand_is_no_fault(tmp_path: Path) -> None:
    with locked(str(tmp_path), (USER_IDS,), DAY, "run 1"):
        place(tmp_path).unlink()
    assert not place(tmp_path).exists()


def test_a_holder_that_lost_its_lock_says_so_and_stops_renewing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "RENEW_SECONDS", 0.02)
    LOGGER.propagate = True
    with caplog.at_level(logging.WARNING), locked(str(tmp_path), (USER_IDS,), DAY, "run 1"):
        other = json.dumps(json.loads(place(tmp_path).read_text()) | {"pid": -1})
        deadline = time.monotonic() + 20
        while "has taken the lock over" not in caplog.text and time.monotonic() < deadline:
            place(tmp_path).write_text(other)
            time.sleep(0.05)
        assert "silver.user_ids as of 2024-03-10: another run has taken the lock over" in caplog.text
        assert place(tmp_path).read_text() == other


def test_the_refusal_says_until_when_to_wait(tmp_path: Path) -> None:
    with locked(str(tmp_path), (USER_IDS,), DAY, "run 1"):
        held = json.loads(place(tmp_path).read_text())
        with pytest.raises(LockHeld, match=f"if it is gone, its lock expires at {held['expires']}".replace("+", r"\+")):
            locked(str(tmp_path), (USER_IDS,), DAY, "run 2").__enter__()
    since, expires = (dt.datetime.fromisoformat(held[name]) for name in ("since", "expires"))
    assert dt.timedelta(0) <= expires - since - dt.timedelta(seconds=EXPIRES_SECONDS) <= dt.timedelta(seconds=5)
    assert RENEW_SECONDS * 5 < EXPIRES_SECONDS  # five renewals may fail before anyone takes the lock over


def test_of_two_runs_with_the_tables_in_another_order_one_gets_all(tmp_path: Path) -> None:
    with locked(str(tmp_path), (USER_IDS, ITEM_IDS), DAY, "run 1"):
        with pytest.raises(LockHeld, match="silver.item_ids"):  # both begin with the first name
            locked(str(tmp_path), (ITEM_IDS, USER_IDS), DAY, "run 2").__enter__()
        assert json.loads(place(tmp_path, "silver.item_ids").read_text())["holder"] == "run 1"


def test_no_tables_need_no_lock(tmp_path: Path) -> None:
    with locked(str(tmp_path), (), DAY, "run 1"):
        assert not list(tmp_path.iterdir())


def test_a_lock_that_is_just_being_written_is_not_taken_over(tmp_path: Path) -> None:
    with locked(str(tmp_path), (USER_IDS,), DAY, "run 1"):
        whole = place(tmp_path).read_text()
    place(tmp_path).write_text("")  # opened, not yet written
    threading.Timer(0.2, place(tmp_path).write_text, (whole,)).start()
    with pytest.raises(LockHeld, match="held by run 1"), locked(str(tmp_path), (USER_IDS,), DAY, "run 2"):
        pass
