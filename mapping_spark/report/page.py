"""All sections as one HTML file: style, script, the chart libraries and the answers are in it, and it asks no network for anything.

Its Content-Security-Policy lets only the two scripts of this file run, by their hashes, and nothing be fetched: what a table
holds is shown as text by the template's escaping, and could not run or call home if it were not.
"""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined

from mapping_spark.errors import MappingSparkError
from mapping_spark.files import filesystem
from mapping_spark.report import charts
from mapping_spark.report.ask import Answer, Ask
from mapping_spark.report.blocks import Fact, Facts, Section, count
from mapping_spark.report.sections import CHAPTERS, Chapter

_FOLDER = Path(__file__).parent
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chapter with its section, or with what is missing for it."""

    chapter: Chapter
    section: Section | None
    missing: str = ""


def write_page(ask: Ask) -> str:
    """Write `report/index.html` under the warehouse's root; returns where it lies."""
    location = f"{ask.store.root}/report/index.html"
    files, path = filesystem(location)
    files.create_dir(path.rpartition("/")[0])
    with files.open_output_stream(path) as file:
        file.write(build_page(ask).encode())
    return location


def build_page(ask: Ask) -> str:
    """The page as HTML. A section whose tables are not there says so in its place; the others are drawn."""
    with ThreadPoolExecutor(_THREADS) as threads:  # small queries: most of the time is one driver thread planning
        libraries = threads.submit(bundle)
        drawn = list(threads.map(lambda chapter: draw(chapter, ask), CHAPTERS))
    blocks = [block for one in drawn if one.section for block in one.section.blocks]
    answers = {answer.name: answer for block in blocks for answer in block.answers}
    scripts = [libraries.result(), (_FOLDER / "page.js").read_text()]
    template = Environment(
        loader=PackageLoader("mapping_spark.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).get_template("page.html")
    return template.render(
        as_of=ask.as_of.isoformat(),
        facts=facts(answers),
        drawn=drawn,
        answers={name: {"columns": answer.columns, "rows": answer.rows} for name, answer in answers.items()},
        specification=specification,
        chart_config=charts.CONFIG,
        style=(_FOLDER / "page.css").read_text(),
        scripts=scripts,
        policy=policy(scripts),
    )


def draw(chapter: Chapter, ask: Ask) -> Drawn:
    """The chapter's section; a table that is not there, or does not hold what is asked, is told and does not stop the page."""
    try:
        return Drawn(chapter, chapter.draw(ask))
    except MappingSparkError as fault:
        return Drawn(chapter, None, str(fault))


def facts(answers: dict[str, Answer]) -> Facts:
    """The numbers at the top, from answers that sections have asked for anyway."""
    records, slots, new, campaigns = (answers.get(name) for name in ("records", "slots", "new-items", "campaigns"))
    found = [
        records and Fact(count(records.total("n_in")), "records came in, and every one is accounted for"),
        new and Fact(count(len(new.rows)), "models judged on the same households"),
        slots and Fact(count(slots.total("n_slots")), "recommended places, each with its reason"),
        campaigns and Fact(count(len(campaigns.rows)), "campaigns, with intervals"),
    ]
    return Facts((), [fact for fact in found if fact])


def specification(picture: Any) -> dict[str, Any]:
    """The chart as Vega-Lite, without a look of its own."""
    found: dict[str, Any] = picture.to_dict()
    return {key: value for key, value in found.items() if key not in ("config", "$schema")}


def bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, of the version that Altair speaks, closed off from the page's names."""
    version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    return "(() => {" + vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version).replace("\r\n", "\n") + "})();"


def policy(scripts: list[str]) -> str:
    """The Content-Security-Policy that lets these scripts run and no other, and nothing be loaded."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
