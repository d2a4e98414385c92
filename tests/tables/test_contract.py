"""A declaration refuses what it cannot mean, and everything derived from it says the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mapping_spark.errors import ConfigError
from mapping_spark.tables import TABLES
from mapping_spark.tables.contract import Column, Table, identifier, quoted

USER = Column("user_id", "string", "User key.")
NOTE = Column("note", "string", "A note; null where none.", nullable=True)


def test_contract_loads_without_pyspark() -> None:
    script = "import sys, mapping_spark.tables; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_is_documented_and_checked(table: Table) -> None:
    assert table.grain.startswith("one row per")
    assert table.checks
    assert all(column.doc.endswith((".", ";")) for column in table.columns)
    assert all("null" in column.doc for column in table.columns if column.nullable)
    money_or_count = [c for c in table.columns if c.type.startswith("decimal") or (c.name.startswith("n_") and c.name != "n_parameters")]
    assert all(column.unit for column in money_or_count if not column.name.endswith("_sq"))


@pytest.mark.parametrize("table", [t for t in TABLES.values() if t.layer == "gold"], ids=lambda t: t.name)
def test_gold_names_follow_their_types(table: Table) -> None:
    for column in table.columns:
        assert (column.type == "timestamp") == column.name.endswith("_at")
        assert (column.type == "date") == (column.name == "date" or column.name.endswith("_date"))
        assert (column.type == "boolean") == column.name.startswith(("is_", "has_"))


def test_merge_condition_and_ddl_come_from_the_declaration() -> None:
    table = Table(name="silver.notes", grain="one row per user", columns=(USER, NOTE), primary_key=("user_id",))
    assert table.merge_condition == "target.`user_id` = source.`user_id`"
    assert table.ddl_columns() == "`user_id` STRING NOT NULL COMMENT 'User key.', `note` STRING COMMENT 'A note; null where none.'"


def test_a_nullable_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="never null"):
        Table(name="silver.notes", grain="one row per note", columns=(USER, NOTE), primary_key=("note",))


def test_an_unknown_layer_type_or_repeated_column_is_refused() -> None:
    with pytest.raises(ConfigError, match="layer 'platinum'"):
        Table(name="platinum.notes", grain="one row per user", columns=(USER,), primary_key=("user_id",))
    with pytest.raises(ConfigError, match="twice"):
        Table(name="gold.notes", grain="one row per user", columns=(USER, USER), primary_key=("user_id",))
    with pytest.raises(ConfigError, match="map<string,string>"):
        Column("tags", "map<string,string>", "Tags.")


@pytest.mark.parametrize("name", ["", "a b", "a;drop table x", "a`b", "Ä", "1a", "A"])
def test_names_that_could_leave_their_place_in_sql_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        identifier(name, "here")


def test_a_literal_keeps_its_quotes_inside() -> None:
    assert quoted("it's \\ here") == "'it\\'s \\\\ here'"
