"""Every chapter on tables that are there and empty, as on the first day: each says so and none fails."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field

import pytest
from pyspark.sql import SparkSession

from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Section
from mapping_spark.report.page import specification
from mapping_spark.report.sections import CHAPTERS
from mapping_spark.tables import TABLES

from ..views import views


@dataclass(frozen=True)
class Listening(Ask):
    """Keeps what was asked."""

    answers: list[Answer] = field(default_factory=list)

    def __call__(self, name: str, sql: str) -> Answer:
        self.answers.append(super().__call__(name, sql))
        return self.answers[-1]


@pytest.fixture(scope="module")
def ask(spark: SparkSession) -> Listening:
    return Listening(views(spark, {table: [] for table in TABLES.values()}), dt.date(2024, 3, 10), ())


@pytest.fixture(scope="module")
def drawn(ask: Listening) -> dict[str, Section]:
    return {chapter.key: chapter.draw(ask) for chapter in CHAPTERS}


def test_every_chapter_says_something_and_nothing_that_is_not_known(drawn: dict[str, Section]) -> None:
    assert all(section.lead.endswith(".") for section in drawn.values())
    assert [key for key, section in drawn.items() if re.search(r"\bNone\b|\bnan\b|\binf\b", section.lead)] == []
    assert drawn["records"].lead.startswith("0 records came in; 0 of them (–) went on")
    assert drawn["campaigns"].lead.startswith("0 campaigns reached 0 households-in-campaigns, of which 0 redeemed")
    assert "The gate promoted none of them on this date." in drawn["models"].lead
    assert drawn["jobs"].lead.startswith("0 jobs took 0 seconds together; the longest was – with 0.")
    assert "0 readings over 0 dates" in drawn["quality"].lead


def test_its_pictures_and_tables_can_be_made_all_the_same(drawn: dict[str, Section]) -> None:
    blocks = [block for section in drawn.values() for block in section.blocks]
    pictures = [specification(picture) for block in blocks if block.kind == "chart" for picture in block.pictures]
    assert all(picture["height"] > 0 for picture in pictures)
    grids = {block.answer.name: block.cells for block in blocks if block.kind == "grid"}
    assert {name for name, cells in grids.items() if cells} == {"assumed"}  # sums over no rows are rows, without a value
    assert {cell.text for _, cell, _ in grids["assumed"][:2]} == {"–"}


def test_an_answer_has_a_name_of_its_own_and_stands_below_a_block_of_its_chapter(ask: Listening, drawn: dict[str, Section]) -> None:
    names = [answer.name for answer in ask.answers]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)
    shown = [answer.name for section in drawn.values() for block in section.blocks for answer in block.answers]
    empty = {"experiments", "qini", "effects", "placebos", "credits", "cohorts", "retention", "activity", "delays"}
    assert set(names) - set(shown) == empty | {"decisions"}  # of chapters that are one sentence, and of the gate
