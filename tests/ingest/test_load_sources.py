"""Declared sources from their folder: events and entities apart, and the faults of all files at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mapping_spark.config import validated
from mapping_spark.errors import ConfigError
from mapping_spark.ingest.declarations import load_sources
from mapping_spark.ingest.entities import ENTITY_TABLES, EntitySource
from mapping_spark.ingest.source import CANONICAL, DERIVED, MANDATORY, EventSource
from mapping_spark.tables.silver import EVENTS

LOG: dict[str, Any] = dict(
    name="log",
    kind="events",
    format="json",
    path="logs",
    columns={"id": "string", "user": "string", "at": "epoch_s", "order id": "string"},
    event=dict(event_id="id", user_id="user", event_type="'view'", event_at="at"),
)
BLOCKS: dict[str, Any] = dict(
    name="plan", kind="campaign_items", format="csv", path="plan.csv", columns=dict(campaign_id="'c1'", item_id="item")
)


def declare(folder: Path, **sources: dict[str, Any] | str) -> Path:
    for name, source in sources.items():
        (folder / f"{name}.yml").write_text(source if isinstance(source, str) else yaml.safe_dump(source))
    return folder


def told(folder: Path, *names: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_sources(folder, names)
    return str(caught.value)


def test_events_and_entities_come_apart_in_the_order_asked_for(tmp_path: Path) -> None:
    declare(tmp_path, log=LOG, plan=BLOCKS, web=LOG | {"name": "web"})
    found = load_sources(tmp_path, ["web", "plan", "log"])
    assert [source.name for source in found.events] == ["web", "log"]
    assert [source.name for source in found.entities] == ["plan"]


def test_no_names_give_no_sources(tmp_path: Path) -> None:
    found = load_sources(tmp_path, [])
    assert (found.events, found.entities) == ((), ())


def test_the_faults_of_every_file_are_told_together(tmp_path: Path) -> None:
    declare(tmp_path, log=LOG | {"zone": "Mars"}, plan=BLOCKS | {"format": "xml"}, web=LOG, list="- 1", torn="a: [")
    message = told(tmp_path, "log", "plan", "web", "list", "torn", "nowhere")
    for part in (
        "source log: zone = 'Mars'",
        "source plan: format = 'xml'",
        "source web: the name 'log'",
        "list.yml: a list",
        "torn.yml: not YAML",
    ):
        assert part in message, part
    assert f"source nowhere: no {tmp_path.name}/nowhere.yml" in message
    assert message.endswith("Mend every file named here.")


@pytest.mark.parametrize("kind", [None, "event", "blocked_items", ["events"]])
def test_another_kind_is_refused(tmp_path: Path, kind: Any) -> None:
    assert f"kind {kind!r}" in told(declare(tmp_path, log=LOG | {"kind": kind}), "log")


def test_a_file_with_nothing_in_it_has_no_kind(tmp_path: Path) -> None:
    assert "source log: kind None" in told(declare(tmp_path, log="# nothing yet\n"), "log")


@pytest.mark.parametrize("name", ["../log", "sub/log", "/etc/passwd", ""])
def test_a_name_never_leaves_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "conf").mkdir()
    declare(tmp_path, log=LOG)
    assert f"source {name}" in told(tmp_path / "conf", name)


def test_what_a_source_may_fill_and_must() -> None:
    assert MANDATORY == ("event_id", "user_id", "event_type", "event_at")
    assert set(CANONICAL) | set(DERIVED) == set(EVENTS.column_names)
    assert not set(CANONICAL) & set(DERIVED)


def test_every_kind_of_entity_needs_the_columns_that_must_not_be_null() -> None:
    for kind, table in ENTITY_TABLES.items():
        required = [column.name for column in table.columns if not column.nullable]
        with pytest.raises(ConfigError, match=f"columns.{', columns.'.join(required)} missing: {table.name} allows no null there"):
            validated(EntitySource, BLOCKS | {"kind": kind, "columns": {}}, "plan")
        assert validated(EntitySource, BLOCKS | {"kind": kind, "columns": dict.fromkeys(required, "x")}, "plan").table is table


@pytest.mark.parametrize(
    "expression",
    [
        *("randn(1)", "RANDOM()", "uniform(0, 9)", "randstr(3)", "shuffle(x)", "monotonically_increasing_id()"),
        *("now ( )", "current_date", "curdate()", "localtimestamp()", "unix_timestamp()", "unix_timestamp( )", "Current_User()"),
    ],
)
def test_what_a_replay_would_answer_differently_is_refused_in_any_spelling(expression: str) -> None:
    with pytest.raises(ConfigError, match="which a replay would answer differently"):
        validated(EventSource, LOG | {"event": LOG["event"] | {"item_id": f"concat(id, {expression})"}}, "log")


@pytest.mark.parametrize("expression", ["unix_timestamp(at)", "concat('it\\'s now() ', id)", "id || 'uuid()'", "nowhere", "`rand`"])
def test_what_a_replay_answers_alike_is_accepted(expression: str) -> None:
    columns = LOG["columns"] | {"nowhere": "string", "rand": "string"}
    validated(EventSource, LOG | {"columns": columns, "event": LOG["event"] | {"item_id": expression}}, "log")


def test_a_column_is_found_in_backticks_in_any_case_and_never_in_text() -> None:
    event = LOG["event"] | {"item_id": "concat(`order id`, 'user', ID)", "session_id": "'id'"}
    source = validated(EventSource, LOG | {"event": event}, "log")
    assert source.references("item_id") == ("id", "order id")
    assert source.references("session_id") == ()


def test_columns_that_no_expression_reads_are_not_parsed_but_a_lookups_key_is() -> None:
    assert validated(EventSource, LOG, "log").used_columns() == ("id", "user", "at")
    lookup = dict(path="x.csv", format="csv", key="order id", columns=dict(paid="double"))
    source = validated(EventSource, LOG | {"lookup": lookup, "event": LOG["event"] | {"value": "paid"}}, "log")
    assert source.used_columns() == ("id", "user", "at", "order id")
    assert list(source.all_columns()) == ["id", "user", "at", "order id", "paid"]
    assert source.references("value") == ("paid",)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"columns": {"__id": "string"}}, "begins with two underscores"),
        ({"columns": {"a`b": "string"}}, "holds a backtick"),
        ({"columns": {}}, "columns"),
        ({"delimiter": ""}, "delimiter"),
        ({"delimiter": "||"}, "delimiter"),
        *(({"name": name}, "name = ") for name in ("Log", "a b", "x/../y", "a-b", "1a", "a\n", "")),
        ({"event": LOG["event"] | {"event_date": "at"}}, "event_date is no column of silver.events"),
        ({"event": LOG["event"] | {"value": "  "}}, "value is empty"),
        ({"lookup": dict(path="x", format="csv", key="id", columns=dict(USER="string"))}, "column 'USER' is declared twice"),
    ],
)
def test_a_declaration_that_means_nothing_is_refused(change: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validated(EventSource, LOG | change, "log")
    assert part in str(caught.value)
