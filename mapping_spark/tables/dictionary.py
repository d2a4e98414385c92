"""The data dictionary and the BI views, both from the declarations. Loads no pyspark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mapping_spark.tables.contract import Measure, Table, comment, identifier, quoted
from mapping_spark.tables.measures import additive_columns, expressions, measure_columns, measures_sql

_INTERVALS = {"wilson": "95 % Wilson interval", "normal": "95 % interval by the delta method", "": "no interval"}


def dictionary_rows(table: Table) -> list[tuple[str, str, str, str]]:
    """(column, type, role, meaning) of every column in declared order, then of every measure of the table's view.

    `role` holds `key`, `partition` and `null allowed` where they apply; a measure's role is `measure`.
    """
    columns = [(c.name, c.type, _role(table, c.name), comment(c)) for c in table.columns]
    return columns + [(m.name, "double", "measure", _meaning(m)) for m in table.measures]


def _role(table: Table, name: str) -> str:
    roles = {
        "key": name in table.primary_key,
        "partition": name in table.partition_by,
        "null allowed": table.by_name[name].nullable,
    }
    return ", ".join(role for role, applies in roles.items() if applies)


def _meaning(measure: Measure) -> str:
    return f"{measure.doc.removesuffix('.')} = sum({measure.numerator}) / sum({measure.denominator}); {_INTERVALS[measure.interval]}."


def table_markdown(table: Table) -> str:
    """One table's part of the data dictionary: its grain, its key, its columns and measures, its checks."""
    lines = [f"### `{table.name}`", "", f"{table.grain[:1].upper()}{table.grain[1:]}. Key: {_listed(table.primary_key)}.", ""]
    lines += ["| column | type | role | meaning |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {kind} | {role} | {_cell(meaning)} |" for name, kind, role, meaning in dictionary_rows(table)]
    lines += ["", *(f"- `{check.name}`: `{check.condition}`" for check in table.checks)]
    return "\n".join(lines).rstrip() + "\n"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def view_name(table: Table, by: Sequence[str] = ()) -> str:
    """The name of the table's BI view, or of the one summed up by some columns, without its layer."""
    return f"{table.short_name}_by_{'_'.join(by)}_v" if by else f"{table.short_name}_v"


def view_sql(table: Table, relation: str) -> str:
    """SELECT of the BI view `<layer>.<table>_v`: every stored column, then each measure with its interval, row by row.

    `relation` is the table as SQL names it (`Store.relation`). Measures are null where the row's denominator is 0. To
    roll up, sum the stored columns and compute the measures from the sums (`measures.measures_sql`).
    """
    stored = [f"`{name}`" for name in table.column_names]
    measures = [f"{sql} AS `{name}`" for name, sql in measure_columns(table).items()]
    return f"SELECT {', '.join(stored + measures)} FROM {relation}"  # noqa: S608 (declared identifiers)


def view_queries(table: Table, relation: str) -> dict[str, str]:
    """Name (without layer) to SELECT of every BI view of a table: row by row, then one per declared roll-up. Empty without measures."""
    if not table.measures:
        return {}
    rollups = {view_name(table, by): measures_sql(table, relation, by) for by in table.rollups}
    return {view_name(table): view_sql(table, relation)} | rollups


def create_view_sql(table: Table, schema: str, relation: str, by: Sequence[str] = ()) -> str:
    """CREATE OR REPLACE VIEW with the doc of every column and measure, for engines that show comments.

    `schema` is a dotted name of plain identifiers (anything else is refused), `by` a roll-up of the table.
    """
    view = f"{schema}.{view_name(table, by)}"
    for part in view.split("."):
        identifier(part, f"the view of {table.name}")
    shown = (*by, *additive_columns(table)) if by else table.column_names
    docs = {name: comment(table.by_name[name]) for name in shown}
    for measure in table.measures:
        docs |= dict.fromkeys(expressions(measure), _meaning(measure))
    columns = ", ".join(f"`{name}` COMMENT {quoted(doc)}" for name, doc in docs.items())
    quoted_view = ".".join(f"`{part}`" for part in view.split("."))
    grain = f"one row per {', '.join(by)}, summed from {table.name}" if by else table.grain
    query = measures_sql(table, relation, by) if by else view_sql(table, relation)
    return f"CREATE OR REPLACE VIEW {quoted_view} ({columns}) COMMENT {quoted(grain)} AS {query}"
