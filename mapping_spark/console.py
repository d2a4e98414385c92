"""What a person sees on a terminal: progress, and tables worth reading. Plain lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from mapping_spark.doctor import Finding
from mapping_spark.errors import ConfigError
from mapping_spark.tables import TABLES
from mapping_spark.tables.contract import Table, comment
from mapping_spark.tables.dictionary_page import Lineage, dictionary_html, dictionary_markdown

if TYPE_CHECKING:
    from mapping_spark.job import Job
    from mapping_spark.tables.publish import Entry

_PLAIN_WIDTH = 140
_CONSOLE = Console() if Console().is_terminal else Console(width=_PLAIN_WIDTH)


def say(text: str) -> None:
    """Print one line or several, as they are."""
    _CONSOLE.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)


def waiting(text: str) -> AbstractContextManager[Any]:
    """A spinner while work goes on; nothing where there is no terminal."""
    return _CONSOLE.status(text) if _CONSOLE.is_terminal else nullcontext()


def show(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]], note: str = "") -> None:
    """Print a table; numbers are right-aligned with separators, null is a dash."""
    lines = [[_text(value) for value in row] for row in rows]
    kept = [list(row) for row in zip(*lines, strict=True)]
    grid = Grid(title=title, title_justify="left", title_style="bold", caption=note or None, caption_justify="left")
    for name, cells in zip(header, kept or [[]] * len(header), strict=True):
        grid.add_column(name, justify="right" if cells and all(_is_number(cell) for cell in cells) else "left", overflow="fold")
    for line in lines:
        grid.add_row(*(Text(cell) for cell in line))
    _CONSOLE.print()
    _CONSOLE.print(grid)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return f"{value:,}"
    return str(value)


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or cell == "-" or (cell[:1] in "-." and cell[1:2].isdigit())


def show_jobs(jobs: Sequence[Job]) -> None:
    """The jobs in running order."""
    rows = [
        ("" if job.by_itself else n, job.name, _names(job.reads) or ("all tables" if job.by_itself else "sources"), _names(job.writes))
        for n, job in enumerate(jobs, 1)
    ]
    show("Jobs, in running order", ("", "job", "reads", "writes"), rows, "mapping-spark run JOB --env demo --as-of 2017-12-01 [--dry-run]")


def _names(tables: Sequence[Table]) -> str:
    return ", ".join(table.name for table in tables)


def show_tables(name: str | None) -> None:
    """The data dictionary: all tables, or one in full."""
    if name is None:
        rows = [(table.name, table.grain, ", ".join(table.primary_key), len(table.columns)) for table in TABLES.values()]
        show("Tables", ("table", "grain", "key", "columns"), rows, "mapping-spark tables NAME shows one in full.")
        return
    _show_table(_table(name))


def _table(name: str) -> Table:
    if name not in TABLES:
        raise ConfigError("tables", f"no table {name!r}", f"one of {list(TABLES)}", "See mapping-spark tables.")
    return TABLES[name]


def dictionary(name: str | None, output: str, jobs: Sequence[Job]) -> str:
    """The data dictionary, of all tables or one, with the lineage that the jobs declare, as `md` or `html`."""
    chosen = list(TABLES.values()) if name is None else [_table(name)]
    lineage = [Lineage(job.name, _all_names((*job.reads, *job.rules)), _all_names(job.writes)) for job in jobs]
    if output == "html":
        return dictionary_html(chosen, lineage)
    if output == "md":
        return dictionary_markdown(chosen, lineage)
    raise ConfigError("--format", repr(output), "md or html", "Choose one; without it the dictionary is shown here.")


def _all_names(tables: Sequence[Table]) -> tuple[str, ...]:
    return tuple(table.name for table in tables)


def _show_table(table: Table) -> None:
    say(f"{table.name}: {table.grain}. Key: {', '.join(table.primary_key)}.")
    columns = [(c.name, c.type, "yes" if c.nullable else "no", comment(c)) for c in table.columns]
    show("Columns", ("column", "type", "null", "meaning"), columns)
    show("Checks", ("check", "condition"), [(check.name, check.condition) for check in table.checks])
    if table.measures:
        measures = [(m.name, m.numerator, m.denominator, m.interval or "-", m.doc) for m in table.measures]
        show("Measures", ("measure", "sum of", "over sum of", "interval", "meaning"), measures)


def show_published(entries: Sequence[Entry], catalog: str) -> None:
    """What has a name in the catalog now, and what is not there yet."""
    rows = [(f"{catalog}.{entry.name}", entry.kind, entry.state) for entry in entries]
    show("Published", ("name", "", "state"), rows, "mapping-spark sql serves them; docs/bi.md holds queries.")


def show_server(entries: Sequence[Entry], host: str, port: int) -> None:
    """How to reach the SQL server."""
    there = sum(entry.state == "published" for entry in entries)
    say(f"{there} tables and views on {host}:{port}, for whoever is on this machine: no password is asked. Ctrl-C stops it.")
    say(f"  beeline -u jdbc:hive2://{host}:{port}/gold -e 'DESCRIBE campaign_kpis_by_campaign_id_v'")
    say(f"  impala.dbapi.connect(host={host!r}, port={port}, auth_mechanism='PLAIN', user='me')")
    say("  Power BI, Tableau, Superset, Trino, DuckDB: docs/bi.md")


def show_diagnosis(findings: Sequence[Finding]) -> bool:
    """All findings; returns whether everything is well."""
    show("Doctor", ("", "what", "found", "fix"), [("ok" if f.is_well else "FAULT", f.subject, f.found, f.fix) for f in findings])
    return all(finding.is_well for finding in findings)


def interval(value: float | None, low: float | None, high: float | None, digits: int = 4) -> str:
    """`0.0512 [0.0480, 0.0544]`, or a dash."""
    if value is None:
        return "-"
    point = f"{value:.{digits}f}"
    return point if low is None or high is None else f"{point} [{low:.{digits}f}, {high:.{digits}f}]"
