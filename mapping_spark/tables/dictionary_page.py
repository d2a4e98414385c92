"""The data dictionary as a page: HTML without scripts or a network, lineage as inline SVG; and lineage as Mermaid text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from mapping_spark.tables.contract import Table
from mapping_spark.tables.dictionary import dictionary_rows, table_markdown

_WIDTH, _HEIGHT, _GAP, _ROW = 230, 26, 90, 34
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #8a939e; --box: #eef2f6; --mark: #d7e8fb; --link: #0b57a4 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --paper: #14171a; --line: #77818c; --box: #23282e; --mark: #1d3a59;
  --link: #8cc0f5 } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
a { color: var(--link) } h2 { margin-top: 3rem } figure { margin: 1rem 0 }
.scroll { overflow-x: auto } nav { columns: 3 14rem } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid var(--line) }
svg text { font: 13px ui-monospace, monospace; fill: var(--ink) } svg rect { fill: var(--box); stroke: var(--line) }
svg rect.this { fill: var(--mark) } svg path { fill: none; stroke: var(--line); stroke-width: 1.3 }
"""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a job reads and writes, by table name; names only, so that it comes from any kind of declaration."""

    job: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


def mermaid(jobs: Iterable[Lineage]) -> str:
    """A Mermaid flow chart, tables as boxes and jobs as rounded boxes; what a job both reads and writes has an arrow each way."""
    lines = ["flowchart LR"]
    for job in jobs:
        lines.append(f"  {job.job}([{job.job}])")
        lines += [f"  {_node(name)}[{name}] --> {job.job}" for name in job.reads]
        lines += [f"  {job.job} --> {_node(name)}[{name}]" for name in job.writes]
    return "\n".join(lines)


def _node(table: str) -> str:
    return table.replace(".", "__")


def neighbours(table: str, jobs: Sequence[Lineage]) -> tuple[list[str], list[str], list[str], list[str]]:
    """(tables read, jobs that write, jobs that read, tables those write) around one table, each once, in order of the jobs."""
    writers = [job for job in jobs if table in job.writes]
    readers = [job for job in jobs if table in job.reads and job not in writers]
    sources = _once(name for job in writers for name in job.reads)
    targets = _once(name for job in readers for name in job.writes)
    return sources, [job.job for job in writers], [job.job for job in readers], targets


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def lineage_svg(table: str, jobs: Sequence[Lineage]) -> str:
    """The way to one table and on from it, left to right: tables read, writing job, the table, reading jobs, what they write."""
    sources, writers, readers, targets = neighbours(table, jobs)
    columns = [names for names in (sources, writers, [table], readers, targets) if names]
    writes = {job.job: set(job.writes) for job in jobs}
    height = max(len(names) for names in columns) * _ROW + 8
    place = {(n, name): _middle(n, row, len(names), height) for n, names in enumerate(columns) for row, name in enumerate(names)}
    paths = [
        _path(place[n, left], place[n + 1, right])
        for n in range(len(columns) - 1)
        for left in columns[n]
        for right in columns[n + 1]
        if left not in readers or columns[n + 1] is not targets or right in writes[left]
    ]
    boxes = [_box(name, at, is_this=name == table) for (_, name), at in place.items()]
    width = len(columns) * (_WIDTH + _GAP) - _GAP + 2
    label = escape(f"Lineage of {table}: from {', '.join(sources) or 'the sources'} to {', '.join(targets) or 'no other table'}")
    return (
        f'<svg role="img" aria-label="{label}" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"{''.join(paths)}{''.join(boxes)}</svg>"
    )


def _middle(column: int, row: int, rows: int, height: int) -> tuple[float, float]:
    return 1 + column * (_WIDTH + _GAP), height / 2 + (row - (rows - 1) / 2) * _ROW


def _path(left: tuple[float, float], right: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = (left[0] + _WIDTH, left[1]), right
    bend = _GAP / 2
    return f'<path d="M{x:g} {y:g}C{x + bend:g} {y:g} {to_x - bend:g} {to_y:g} {to_x:g} {to_y:g}"/>'


def _box(name: str, at: tuple[float, float], *, is_this: bool) -> str:
    x, y = at
    text = escape(name)
    round_, kind = (3, " class='this'" if is_this else "") if "." in name else (13, "")
    rect = f'<rect x="{x:g}" y="{y - _HEIGHT / 2:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="{round_}"{kind}/>'
    shown = f'{rect}<text x="{x + 9:g}" y="{y + 4.5:g}">{text}</text>'
    return f'<a href="#{text}">{shown}</a>' if "." in name and not is_this else shown


def dictionary_html(tables: Sequence[Table], jobs: Sequence[Lineage]) -> str:
    """The dictionary of `tables` as one self-contained page: every table with its lineage, columns, measures and checks."""
    links = "".join(f'<a href="#{escape(t.name)}">{escape(t.name)}</a><br>' for t in tables)
    parts = "".join(_table_html(table, jobs) for table in tables)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Data dictionary</title><style>{_STYLE}</style></head><body><main><h1>Data dictionary</h1>"
        f'<nav aria-label="Tables">{links}</nav>{parts}</main></body></html>\n'
    )


def _table_html(table: Table, jobs: Sequence[Lineage]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in ("column", "type", "role", "meaning"))
    cells = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in dictionary_rows(table))
    checks = "".join(f"<li>{escape(check.name)}: <code>{escape(check.condition)}</code></li>" for check in table.checks)
    return (
        f'<section id="{escape(table.name)}"><h2>{escape(table.name)}</h2>'
        f"<p>{escape(table.grain)}. Key: {escape(', '.join(table.primary_key))}.</p>"
        f'<figure class="scroll" tabindex="0">{lineage_svg(table.name, jobs)}</figure>'
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table></div>'
        f"<ul>{checks}</ul></section>"
    )


def dictionary_markdown(tables: Sequence[Table], jobs: Sequence[Lineage]) -> str:
    """The dictionary as Markdown, with one Mermaid chart per table of the jobs that write it or read it."""
    parts = ["# Data dictionary", ""]
    for table in tables:
        near = [job for job in jobs if table.name in (*job.reads, *job.writes)]
        around = [_around(table.name, job) for job in near]
        parts += [table_markdown(table), "```mermaid", mermaid(around), "```", ""]
    return "\n".join(parts)


def _around(table: str, job: Lineage) -> Lineage:
    """Of a job that writes the table what it reads; of a job that reads it what it writes."""
    if table in job.writes:
        return Lineage(job.job, job.reads, (table,))
    return Lineage(job.job, (table,), job.writes)
