"""From a table back to everything behind it, by what each run recorded."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from pyspark.sql import Row

from mapping_spark.errors import ConfigError
from mapping_spark.job import Does, Job
from mapping_spark.lineage import trace
from mapping_spark.pipeline import choose
from mapping_spark.tables.contract import Table
from mapping_spark.tables.silver import EVENTS, INTERACTIONS, USER_IDS


def job(name: str, reads: tuple[Table, ...], writes: tuple[Table, ...]) -> Job:
    return Job(name=name, reads=reads, writes=writes, work=Does(lambda run: None, "nothing"))


JOBS = [job("clean", (), (EVENTS,)), job("ids", (EVENTS,), (USER_IDS,)), job("fold", (EVENTS, USER_IDS), (INTERACTIONS,))]


def ran(name: str, minute: int, table: Table, version: int, **inputs: int) -> Row:
    start, read = dt.datetime(2024, 3, 10, 12, minute), {f"silver.{key}": value for key, value in inputs.items()}
    times = dict(started_at=start, ended_at=start + dt.timedelta(seconds=30))
    return Row(
        job=name, run_id=f"{name}{minute}", output_table=table.name, output_version=version, input_versions=json.dumps(read), **times
    )


def test_each_table_was_written_by_the_latest_run_before_it_was_read() -> None:
    ledger = [  # latest first: the events were cleaned again after they had been folded
        ran("clean", 4, EVENTS, 2),
        ran("fold", 3, INTERACTIONS, 1, events=1, user_ids=1),
        ran("ids", 2, USER_IDS, 1, events=1),
        ran("clean", 1, EVENTS, 1),
    ]
    found = [
        (origin.depth, origin.table, origin.version, origin.run.run_id if origin.run else None)
        for origin in trace(JOBS, ledger, INTERACTIONS.name)
    ]
    assert found == [
        (0, "silver.interactions", 1, "fold3"),
        (1, "silver.events", 1, "clean1"),
        (1, "silver.user_ids", 1, "ids2"),
    ]


def test_a_table_that_no_run_wrote_is_said_to_be_nobodys() -> None:
    (origin,) = trace(JOBS, [], EVENTS.name)
    assert (origin.run, origin.inputs) == (None, {})


def test_a_part_of_all_jobs_is_chosen_by_its_ends() -> None:
    names = [one.name for one in choose("all")]
    assert [one.name for one in choose("all", names[2], names[4])] == names[2:5]
    with pytest.raises(ConfigError, match="runs after"):
        choose("all", names[4], names[2])
    with pytest.raises(ConfigError, match="no job 'fold'"):
        choose("all", "fold")
    with pytest.raises(ConfigError, match="run all --from JOB"):
        choose(names[0], names[0])
