"""Parts of the page without a browser: what may run, what stands at the top, what becomes of a chapter that cannot be drawn."""

from __future__ import annotations

import base64
import hashlib
import pkgutil
import re
from pathlib import Path
from typing import Any, cast

import pytest

from mapping_spark.errors import ContractError, MissingInput
from mapping_spark.report import page as page_module
from mapping_spark.report import sections
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Section
from mapping_spark.report.page import draw, facts, policy
from mapping_spark.report.sections import CHAPTERS, Chapter

NOBODY = cast(Ask, None)
"""These chapters ask nothing."""


def chapter(drawing: Any) -> Chapter:
    return Chapter("some", "Some", drawing)


def test_only_these_scripts_may_run_and_nothing_is_fetched() -> None:
    scripts = ["let a = 1;", "let b = 'ü';"]
    rules = dict(part.split(" ", 1) for part in policy(scripts).split("; "))
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert rules["script-src"].split() == [f"'sha256-{one}'" for one in hashes]
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert policy(["let a = 2;"]) != policy(["let a = 1;"])
    assert "unsafe" not in rules["script-src"]


@pytest.mark.parametrize(
    "fault",
    [
        MissingInput("gold.promotions", "nothing there", "a Delta table", "Run the job that writes it first."),
        ContractError("the report's looks", "over 5000 rows", "a summary", "Sum up in the query, or limit it."),
    ],
)
def test_a_chapter_whose_table_is_missing_or_too_large_is_told_in_its_place(fault: Exception) -> None:
    def missing(ask: Ask) -> Section:
        raise fault

    drawn = draw(chapter(missing), NOBODY)
    assert (drawn.section, drawn.missing) == (None, str(fault))


def test_a_chapter_that_is_wrong_itself_is_not_passed_over() -> None:
    def wrong(ask: Ask) -> Section:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        draw(chapter(wrong), NOBODY)


def test_a_chapter_that_can_be_drawn_misses_nothing() -> None:
    section = Section("All is well.", ())
    drawn = draw(chapter(lambda ask: section), NOBODY)
    assert (drawn.section, drawn.missing) == (section, "")


def test_the_numbers_at_the_top_are_sums_of_answers_and_those_that_nobody_gave_are_left_out() -> None:
    answers = {
        "records": Answer("records", "", ("source", "n_in"), (("a", 1200), ("b", 34))),
        "new-items": Answer("new-items", "", ("model",), (("als",), ("repeat",))),
        "slots": Answer("slots", "", ("n_slots",), ((10,), (5,))),
        "campaigns": Answer("campaigns", "", ("campaign",), ()),
    }
    assert [fact.figure for fact in facts(answers).facts] == ["1,234", "2", "15", "0"]
    assert [fact.figure for fact in facts({"slots": answers["slots"]}).facts] == ["15"]
    assert facts({}).facts == []


def test_a_chapter_has_an_address_of_its_own_that_the_page_does_not_use_for_anything_else() -> None:
    keys = [one.key for one in CHAPTERS]
    assert len(set(keys)) == len(keys)
    page = (Path(page_module.__file__).parent / "page.html").read_text()
    assert not set(keys) & set(re.findall(r'id="([\w-]+)"', page))


def test_every_module_of_the_room_is_a_chapter() -> None:
    files = {module.name for module in pkgutil.iter_modules(sections.__path__)}
    assert {one.draw.__module__.rpartition(".")[2] for one in CHAPTERS} == files
