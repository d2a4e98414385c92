"""A declaration is checked before Spark starts, and every fault is told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mapping_spark.config import validated
from mapping_spark.errors import ConfigError
from mapping_spark.ingest.declarations import load_sources
from mapping_spark.ingest.source import EventSource

GOOD: dict[str, Any] = dict(
    name="log",
    kind="events",
    format="json",
    path="logs",
    columns=dict(id="string", user="string", at="epoch_s"),
    event=dict(event_id="id", user_id="user", event_type="'view'", event_at="at"),
)


def faults_of(**changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        validated(EventSource, GOOD | changes, "log.yml")
    return str(caught.value)


@pytest.mark.parametrize("name", ["transactions", "campaign_mailings", "coupon_redemptions"])
def test_the_declared_sources_are_valid_and_named_as_their_files(name: str) -> None:
    assert [source.name for source in load_sources(Path("conf/sources"), [name]).events] == [name]


def test_every_fault_is_told_at_once() -> None:
    event = dict(user_ids="user", event_type="'view'", event_at="now()")
    told = faults_of(zone="Mars/Olympus", formt="json", event=event, columns=dict(at="epoch"))
    for fault in ("formt is unknown (did you mean 'format'?)", "zone", "columns.at", "user_ids is no column", "event_id is missing"):
        assert fault in told


def test_an_unknown_event_column_names_the_nearest() -> None:
    assert "did you mean 'user_id'?" in faults_of(event=GOOD["event"] | dict(user_idd="user"))


@pytest.mark.parametrize("expression", ["uuid()", "concat(id, rand())", "current_timestamp", "now()", "concat(id, UUID ())"])
def test_an_expression_that_a_replay_would_answer_differently_is_refused(expression: str) -> None:
    assert "replay" in faults_of(event=GOOD["event"] | dict(event_id=expression))


@pytest.mark.parametrize("expression", ["'now()'", "known", "concat(id, 'rand')", "random_id"])
def test_words_that_only_look_like_such_a_function_are_fine(expression: str) -> None:
    columns = GOOD["columns"] | dict(known="string", random_id="string")
    validated(EventSource, GOOD | dict(event=GOOD["event"] | dict(event_id=expression), columns=columns), "log.yml")


def test_columns_that_differ_in_case_only_are_refused() -> None:
    assert "declared twice" in faults_of(columns=dict(id="string", ID="string"))


def test_a_lookup_needs_its_key_among_the_columns() -> None:
    lookup = dict(path="x", format="csv", key="uesr", columns=dict(age="bigint"))
    assert "did you mean 'user'?" in faults_of(lookup=lookup)


@pytest.mark.parametrize("path", ["", "package://", "package://a.b/x.parquet", "package://a/../../etc/passwd"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    assert "path" in faults_of(path=path)


def test_references_are_the_columns_that_an_expression_names() -> None:
    source = validated(EventSource, GOOD | dict(event=GOOD["event"] | dict(event_id="concat(ID, '-at-', `user`)")), "log.yml")
    assert source.references("event_id") == ("id", "user")
    assert source.references("value") == ()
    assert source.used_columns() == ("id", "user", "at")


@pytest.mark.parametrize("name", ["", "Log", "my log", "log-1", "1log", "log;", "log\n"])
def test_a_name_is_one_word_as_a_whole(name: str) -> None:
    assert f"name = {name!r}: String should match pattern" in faults_of(name=name)
