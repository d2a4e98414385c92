from __future__ import annotations

from pyspark.sql import SparkSession

from mapping_spark.features.item_text import item_text
from mapping_spark.tables.frames import rows
from mapping_spark.tables.silver import ITEM_IDS, ITEMS


def test_every_id_has_a_row_and_text_where_the_catalogue_has_it(spark: SparkSession) -> None:
    items = rows(spark, ITEMS, dict(item_id="a", text="fresh milk"), dict(item_id="unsold", text="spare part"))
    ids = rows(spark, ITEM_IDS, dict(item_id="a", item_idx=0), dict(item_id="b", item_idx=1))
    found = item_text(items, ids)
    assert found.columns == ["item_idx", "text"]
    assert sorted(map(tuple, found.collect())) == [(0, "fresh milk"), (1, None)]
