"""The two gold tables from end to end."""

from __future__ import annotations

import hashlib

from pyspark.sql import SparkSession

from mapping_spark.recommend.publish import build_recommendations, build_similar_items
from mapping_spark.recommend.settings import RecommendConfig
from mapping_spark.tables.frames import rows, schema
from mapping_spark.tables.gold import RECOMMENDATIONS, SIMILAR_ITEMS
from mapping_spark.tables.silver import ITEM_IDS

from .conftest import AS_OF, MakeEvidence, MakeLists


def test_recommendations_carry_the_sources_ids_and_an_id_of_their_own(known: MakeEvidence, ranked: MakeLists) -> None:
    evidence = known({1: None}, [10, 20], {(1, 10): {}})
    found = build_recommendations(ranked({1: [10]}), evidence, RecommendConfig(k=2, model="als"), run_id="r")
    assert found.schema.names == schema(RECOMMENDATIONS).names
    key = "\x1f".join(["2017-12-01", "u1", "1", "i10", "r"])
    first, second = found.orderBy("rank").collect()
    assert tuple(first) == (
        AS_OF, "u1", 1, "i10", 1.0, "als", "model", "bought_again", "bought once, 1 day ago",
        hashlib.sha256(key.encode()).hexdigest()[:32], "r",
    )  # fmt: skip
    assert (second.item_id, second.stage, second.reason_code, second.score) == ("i20", "popular", "catalogue", 0.0)
    assert first.recommendation_id != second.recommendation_id


def test_no_input_gives_an_empty_table(known: MakeEvidence, ranked: MakeLists) -> None:
    assert build_recommendations(ranked({}), known({}, []), RecommendConfig(), run_id="r").collect() == []


def test_similar_items_carry_the_sources_ids(spark: SparkSession, ranked: MakeLists) -> None:
    ids = rows(spark, ITEM_IDS, *(dict(item_id=f"i{number}", item_idx=number) for number in (1, 2, 3)))
    similar = ranked({1: [3, 2]}, ("item_idx", "similar_item_idx"))
    found = build_similar_items(similar, ids, as_of=AS_OF, model="item_knn", run_id="r")
    assert found.schema.names == schema(SIMILAR_ITEMS).names
    assert {tuple(row) for row in found.collect()} == {
        (AS_OF, "i1", 1, "i3", 1.0, "item_knn", "r"),
        (AS_OF, "i1", 2, "i2", 0.5, "item_knn", "r"),
    }
