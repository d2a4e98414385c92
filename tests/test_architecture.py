"""The shape of the project: jobs in one order, one writer per table, thin jobs, typed settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapping_spark.errors import ConfigError
from mapping_spark.job import Does, Job, in_order
from mapping_spark.pipeline import declared_jobs
from mapping_spark.tables import TABLES
from mapping_spark.tables.contract import Table
from mapping_spark.tables.ops import JOB_RUNS
from mapping_spark.tables.silver import BLOCKED_ITEMS, EVENTS, ITEM_IDS, USER_IDS

PROJECT = Path(__file__).resolve().parent.parent
FILLED_ELSEWHERE = {JOB_RUNS.name, BLOCKED_ITEMS.name}
"""The ledger is written by every run, the block list by whoever runs the shop."""


def job(name: str, reads: tuple[Table, ...], writes: tuple[Table, ...]) -> Job:
    return Job(name=name, reads=reads, writes=writes, work=Does(lambda run: None, "nothing"))


def test_every_table_has_exactly_one_writer_and_is_read_after_it() -> None:
    jobs = declared_jobs()
    written = [table.name for job in jobs for table in job.writes]
    assert sorted(written) == sorted(set(TABLES) - FILLED_ELSEWHERE)
    there: set[str] = set()
    for one in jobs:
        assert {table.name for table in one.reads} <= there | {table.name for table in one.writes}, one.name
        there |= {table.name for table in one.writes}


@pytest.mark.parametrize("path", sorted((PROJECT / "jobs").glob("*.py")), ids=lambda path: path.stem)
def test_jobs_are_thin_and_named_after_their_file(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 30
    assert path.stem == "__init__" or f'    name="{path.stem}",' in lines or f'name="{path.stem}"' in path.read_text()


def test_a_cycle_and_a_second_writer_are_refused() -> None:
    with pytest.raises(ConfigError, match="form a cycle"):
        in_order({"a": job("a", (EVENTS,), (USER_IDS,)), "b": job("b", (USER_IDS,), (EVENTS,))})
    with pytest.raises(ConfigError, match="both write silver.events"):
        in_order({"a": job("a", (), (EVENTS,)), "b": job("b", (), (EVENTS,))})


def test_order_follows_reads_and_writes_not_names() -> None:
    jobs = {"a": job("a", (USER_IDS,), (ITEM_IDS,)), "z": job("z", (), (USER_IDS,))}
    assert [one.name for one in in_order(jobs)] == ["z", "a"]


def test_only_the_session_module_builds_a_session_and_only_the_store_speaks_delta() -> None:
    sources = {path: path.read_text() for path in (PROJECT / "mapping_spark").rglob("*.py")}
    assert {path.name for path, text in sources.items() if "SparkSession.builder" in text} == {"session.py"}
    assert {path.name for path, text in sources.items() if "from delta.tables" in text} == {"store.py"}
    assert not [path for path, text in sources.items() if "crossJoin" in text and "one row" not in text]
    assert not [path for path, text in sources.items() if "import pickle" in text]
