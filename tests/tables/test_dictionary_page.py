"""The dictionary as text: every declared table in it, lineage from the jobs, nothing fetched, nothing from a name run as code."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from mapping_spark.console import dictionary
from mapping_spark.pipeline import declared_jobs
from mapping_spark.tables import TABLES
from mapping_spark.tables.contract import Column, Table
from mapping_spark.tables.dictionary_page import Lineage, dictionary_html, dictionary_markdown, lineage_svg, mermaid, neighbours

JOBS = [Lineage("clean", ("bronze.raw",), ("silver.events", "silver.late")), Lineage("count", ("silver.events",), ("gold.counts",))]


def test_neighbours_are_one_job_away_on_both_sides() -> None:
    assert neighbours("silver.events", JOBS) == (["bronze.raw"], ["clean"], ["count"], ["gold.counts"])
    assert neighbours("bronze.raw", JOBS) == ([], [], ["clean"], ["silver.events", "silver.late"])


def test_mermaid_text() -> None:
    assert mermaid(JOBS[1:]).splitlines() == [
        "flowchart LR",
        "  count([count])",
        "  silver__events[silver.events] --> count",
        "  count --> gold__counts[gold.counts]",
    ]


def test_the_picture_has_a_box_per_name_and_a_line_per_step() -> None:
    picture = ElementTree.fromstring(lineage_svg("silver.events", JOBS))  # noqa: S314 (our own text)
    assert [text.text for text in picture.iter("text")] == ["bronze.raw", "clean", "silver.events", "count", "gold.counts"]
    assert len(list(picture.iter("path"))) == 4


def test_both_forms_name_every_declared_table_and_column() -> None:
    markdown, page = (dictionary(None, form, declared_jobs()) for form in ("md", "html"))
    assert all(f"### `{name}`" in markdown and f'<section id="{name}">' in page for name in TABLES)
    n_lines = sum(len(table.columns) + len(table.measures) for table in TABLES.values())
    assert markdown.count("\n| `") == n_lines == page.count("<tr><td>")
    assert "clean_events --> silver__events" in markdown
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(TABLES)  # every link stays on the page
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)


def test_text_is_shown_and_never_run() -> None:
    table = Table(name="gold.odd", grain="<script>1</script>", columns=(Column("a", "string", "x | <b>"),), primary_key=("a",))
    page = dictionary_html([table], [])
    assert "<script" not in page
    assert "&lt;script&gt;1&lt;/script&gt;" in page
    assert "x \\| <b>" in dictionary_markdown([table], [])
