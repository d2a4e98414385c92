"""What every declaration must agree on with every other: names, types, units, and what may add up. No Spark."""

from __future__ import annotations

import re
from collections import defaultdict

import duckdb
import pytest

from mapping_spark.tables import (
    PUBLISHED,
    TABLES,
    attribution,
    bronze,
    campaigns,
    effects,
    experiments,
    forecasts,
    gold,
    ops,
    silver,
    uplift,
)
from mapping_spark.tables.contract import IDENTIFIER, Measure, Table
from mapping_spark.tables.dictionary import create_view_sql, dictionary_rows, view_name, view_queries
from mapping_spark.tables.measures import additive_columns, measure_columns
from mapping_spark.tables.quality import columns_of

MODULES = (bronze, silver, gold, campaigns, experiments, attribution, uplift, effects, forecasts, ops)
MEASURED = [table for table in TABLES.values() if table.measures]
EVERY = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
EVERY_MEASURED = pytest.mark.parametrize("table", MEASURED, ids=lambda table: table.name)
DUCK_TYPES = {"string": "VARCHAR", "timestamp": "TIMESTAMP"}
COUNTS_OF_USERS = {"n_users", "n_treated", "n_control"}


def words(sql: str) -> set[str]:
    return set(re.findall(r"[a-z]\w*", sql))


def sums_of(measure: Measure) -> list[str]:
    """Every expression over stored sums that a measure names."""
    return [sql for sql in (measure.numerator, measure.denominator, measure.squares, measure.denominator_squares, measure.products) if sql]


def test_no_two_tables_share_a_name() -> None:
    declared = [value for module in MODULES for value in vars(module).values() if isinstance(value, Table)]
    assert len(declared) == len(TABLES) == len({table.name for table in declared})


def test_a_key_column_has_one_type_in_every_table() -> None:
    types: dict[str, set[str]] = defaultdict(set)
    for table in TABLES.values():
        for column in table.columns:
            types[column.name].add(column.type)
    keys = {name for table in TABLES.values() for name in table.primary_key}
    ambiguous = {name: found for name, found in types.items() if name in keys and len(found) > 1}
    assert ambiguous == {
        "bin": {"int", "string"},
        "quantity": {"string", "double"},
    }  # bins of scores and of profiles; what is binned, units


@EVERY
def test_ids_counts_and_times_are_typed_and_told_alike(table: Table) -> None:
    for column in table.columns:
        if column.name.endswith("_id") and column.name != "batch_id":
            assert column.type == "string"
        if column.name.endswith("_idx") or column.name == "batch_id":
            assert column.type == "bigint"
        if column.name.startswith("n_"):
            is_product = re.search(r"_sq$|_n_", column.name[2:])
            assert column.type in (("double",) if is_product else ("int", "bigint"))
        if column.type == "timestamp":
            assert column.unit == "UTC"
        if column.type == "date":
            assert column.unit in ("UTC", "business time zone")


@EVERY
def test_partitions_are_never_null_and_a_layout_names_columns(table: Table) -> None:
    assert [name for name in table.partition_by if table.by_name[name].nullable] == []
    assert {table.by_name[name].type for name in table.partition_by} <= {"date", "string"}
    assert all(words(expression) & set(table.column_names) for expression in table.layout)
    assert not (table.layout and table.partition_by)


@EVERY
def test_a_check_has_a_code_of_its_own_and_reads_the_row(table: Table) -> None:
    names = [check.name for check in table.checks]
    assert all(IDENTIFIER.fullmatch(name) for name in names)
    assert len(set(names)) == len(names)
    assert not {f"{column.name}_missing" for column in table.columns} & set(names)
    assert all(columns_of(check, table) for check in table.checks)


def test_personal_tables_are_not_published() -> None:
    assert {table.name for table in PUBLISHED if table.layer == "silver"} == {"silver.items", "silver.campaigns"}
    assert {table.layer for table in PUBLISHED} == {"gold", "ops", "silver"}
    assert [table.name for table in PUBLISHED if {"payload", "has_marketing_consent", "age_band"} & set(table.column_names)] == []


@EVERY_MEASURED
def test_a_measure_is_made_of_columns_that_add_up(table: Table) -> None:
    additive = set(additive_columns(table))
    for measure in table.measures:
        assert all(words(sql) and words(sql) <= additive for sql in sums_of(measure)), measure.name
    names = list(measure_columns(table))
    assert all(IDENTIFIER.fullmatch(name) for name in names)
    assert len(names) == sum(3 if measure.interval else 1 for measure in table.measures)  # no end is named like another measure


@EVERY_MEASURED
def test_an_interval_has_the_sums_that_its_method_needs(table: Table) -> None:
    for measure in table.measures:
        assert measure.interval in ("", "wilson", "normal")
        assert bool(measure.squares) == (measure.interval == "normal"), measure.name
        assert bool(measure.denominator_squares) == bool(measure.products)
        if measure.interval == "wilson":  # successes out of trials, both of them counts
            assert {table.by_name[name].type for name in (measure.numerator, measure.denominator)} == {"bigint"}
        if measure.interval == "normal" and not measure.products:
            assert measure.denominator in COUNTS_OF_USERS, measure.name


@EVERY_MEASURED
def test_a_roll_up_is_by_columns_of_the_key(table: Table) -> None:
    for by in table.rollups:
        assert set(by) < set(table.primary_key)
        assert not set(by) & set(additive_columns(table))
    names = [view_name(table, by) for by in ((), *table.rollups)]
    assert len(set(names)) == len(names)


@EVERY_MEASURED
def test_a_views_documented_columns_are_those_of_its_query_in_order(table: Table) -> None:
    columns = ", ".join(f'"{c.name}" {DUCK_TYPES.get(c.type, c.type)}' for c in table.columns)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t ({columns})")
        queries = view_queries(table, "t")
        for by in ((), *table.rollups):
            found = [row[0] for row in connection.execute("DESCRIBE " + queries[view_name(table, by)].replace("`", '"')).fetchall()]
            head = create_view_sql(table, "gold", "t", by).partition(" AS SELECT ")[0]
            assert re.findall(r"`(\w+)` COMMENT", head) == found


@EVERY_MEASURED
def test_a_measures_meaning_reads_as_one_sentence_and_its_formula(table: Table) -> None:
    for name, kind, role, meaning in dictionary_rows(table)[len(table.columns) :]:
        assert (kind, role) == ("double", "measure")
        assert re.fullmatch(r"[A-Z][^=]*[^.=] = sum\([^()]+\) / sum\([^()]+\); .*interval.*\.", meaning), name
