"""What is printed: text as it is, numbers to the right, null as a dash, and how to go on."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mapping_spark import console
from mapping_spark.console import dictionary, interval, say, show, show_jobs, show_published, show_server, show_tables
from mapping_spark.errors import ConfigError
from mapping_spark.job import Does, Job
from mapping_spark.tables import TABLES
from mapping_spark.tables.publish import Entry
from mapping_spark.tables.silver import BLOCKED_ITEMS, EVENTS, USER_IDS

Printed = pytest.CaptureFixture[str]
WORK = Does(lambda run: None, "nothing")


def lines(printed: Printed) -> list[list[str]]:
    """The cells of each line of a table, without its borders."""
    found = [line for line in printed.readouterr().out.splitlines() if line.startswith(("│", "┃"))]
    return [[cell.strip() for cell in line.replace("┃", "│").split("│")[1:-1]] for line in found]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
@example("s3a://bucket/:on:/table")  # :on: is the name of a sign
@example("[bold]not bold[/bold] [/]")
@example("C:\\data\\")
@example("two\nlines")
@example("x" * 300)
def test_text_is_said_as_it_is(capsys: Printed, text: str) -> None:
    capsys.readouterr()
    say(text)
    assert capsys.readouterr().out == f"{text}\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (1234567, "1,234,567"),
        (-1234, "-1,234"),
        (1234.5, "1,234.5"),
        (Decimal("1234.50"), "1,234.50"),
        ("1234", "1234"),  # text stays text
        ("", ""),
        (dt.date(2024, 3, 10), "2024-03-10"),
        ("[red]tea[/red] :tea:", "[red]tea[/red] :tea:"),
        ("C:\\", "C:\\"),
    ],
)
def test_a_value_of_a_table_is_shown_as(capsys: Printed, value: Any, shown: str) -> None:
    show("Title", ("value", "next"), [(value, "x")])
    assert lines(capsys) == [["value", "next"], [shown, "x"]]


def test_a_column_of_numbers_is_set_right_and_one_with_a_word_in_it_left(capsys: Printed) -> None:
    show("Title", ("a number", "a word", "some"), [(1, 1, "x"), (None, "all", "y"), (-1000, 2, "z")])
    cells = [line.split("│")[1:4] for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert [number for number, _, _ in cells] == ["        1 ", "        - ", "   -1,000 "]
    assert [word for _, word, _ in cells] == [" 1      ", " all    ", " 2      "]


def test_a_table_without_rows_has_its_head_and_its_note(capsys: Printed) -> None:
    show("Nothing yet", ("job", "rows"), [], "Run one.")
    printed = capsys.readouterr().out
    assert "Nothing yet" in printed
    assert "Run one." in printed
    show("Nothing yet", ("job", "rows"), [])
    assert lines(capsys) == [["job", "rows"]]


def test_a_row_of_another_length_is_refused_rather_than_cut() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        show("Title", ("a", "b"), [(1, 2), (3,)])


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        ((0.0512, 0.048, 0.0544), "0.0512 [0.0480, 0.0544]"),
        ((0.0, 0.0, 0.0), "0.0000 [0.0000, 0.0000]"),
        ((-1.0, -2.0, 0.5), "-1.0000 [-2.0000, 0.5000]"),
        ((0.5, None, 0.6), "0.5000"),
        ((0.5, 0.4, None), "0.5000"),
        ((None, 0.4, 0.6), "-"),
    ],
)
def test_an_interval(ends: tuple[float | None, float | None, float | None], shown: str) -> None:
    assert interval(*ends) == shown


def test_jobs_are_numbered_but_those_with_a_schedule_of_their_own(capsys: Printed) -> None:
    jobs = [
        Job(name="read", writes=(EVENTS,), work=WORK),
        Job(name="count", reads=(EVENTS,), rules=(BLOCKED_ITEMS,), writes=(USER_IDS,), work=WORK),
        Job(name="tidy", writes=(), work=WORK, by_itself=True),
    ]
    show_jobs(jobs)
    assert lines(capsys)[1:] == [
        ["1", "read", "sources", "silver.events"],
        ["2", "count", "silver.events", "silver.user_ids"],
        ["", "tidy", "all tables", ""],
    ]


def test_a_table_is_shown_in_full_and_an_unknown_one_is_refused_with_the_known_ones(capsys: Printed) -> None:
    show_tables("ops.table_profile")
    printed = " ".join(capsys.readouterr().out.split())
    assert "ops.table_profile: one row per (as_of_date, table, column). Key: as_of_date, table_name, column_name." in printed
    assert "nulls_among_rows" in printed
    assert "null_share" in printed
    for ask in (lambda: show_tables("ops.profile"), lambda: dictionary("ops.profile", "md", [])):
        with pytest.raises(ConfigError, match=r"no table 'ops\.profile'; expected one of \['bronze\.") as caught:
            ask()
        assert all(name in caught.value.expected for name in TABLES)


def test_the_dictionary_of_one_table_holds_no_other_and_another_form_is_refused() -> None:
    text = dictionary("ops.snapshots", "md", [])
    assert "ops.snapshots" in text
    assert "### `ops.job_runs`" not in text
    with pytest.raises(ConfigError, match="--format: 'pdf'; expected md or html"):
        dictionary(None, "pdf", [])


def test_what_was_published_is_counted_and_named(capsys: Printed) -> None:
    entries = [Entry("gold.a", "table", "published"), Entry("gold.a_v", "view", "published"), Entry("gold.b", "table", "not written yet")]
    show_published(entries, "spark_catalog")
    assert lines(capsys)[1:] == [
        ["spark_catalog.gold.a", "table", "published"],
        ["spark_catalog.gold.a_v", "view", "published"],
        ["spark_catalog.gold.b", "table", "not written yet"],
    ]
    show_server(entries, "127.0.0.1", 10001)
    printed = capsys.readouterr().out
    assert printed.startswith("2 tables and views on 127.0.0.1:10001")
    assert "jdbc:hive2://127.0.0.1:10001/gold" in printed
    assert "connect(host='127.0.0.1', port=10001, auth_mechanism='PLAIN'" in printed


def test_nothing_turns_where_there_is_no_terminal(capsys: Printed) -> None:
    with console.waiting("starting Spark"):
        pass
    assert capsys.readouterr().out == ""
