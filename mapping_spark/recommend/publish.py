"""The tables people read: gold.recommendations, gold.similar_items and gold.user_vectors."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.recommend.evidence import Evidence, popularity_lists
from mapping_spark.recommend.ladder import fill_ladder
from mapping_spark.recommend.reasons import add_reasons
from mapping_spark.recommend.settings import RecommendConfig
from mapping_spark.tables.frames import conform
from mapping_spark.tables.gold import RECOMMENDATIONS, SIMILAR_ITEMS, USER_VECTORS

_SEPARATOR = "\x1f"  # no id holds a control character, so the joined text has one reading


def build_recommendations(lists: DataFrame, evidence: Evidence, config: RecommendConfig, *, run_id: str) -> DataFrame:
    """The slice of gold.recommendations of `evidence.as_of`: k rows for every user of `evidence.users`.

    `lists`: (user_idx, item_idx, score, rank), the lists of the model run `run_id` (see `retrieve`), read three times: hand
    in a frame that is stored or cached. Slots that the model leaves open are filled (see `ladder`), every row has a reason
    (see `reasons`). The same inputs give the same rows, ids included.
    """
    popular = popularity_lists(evidence, config)
    rows = add_reasons(fill_ladder(lists, popular, evidence, config), popular, evidence, config)
    named = rows.withColumns({"as_of_date": F.lit(evidence.as_of), "model": F.lit(config.model), "run_id": F.lit(run_id)})
    return conform(named.withColumn("recommendation_id", recommendation_id()), RECOMMENDATIONS)


def recommendation_id() -> Column:
    """32 hexadecimal digits that stand for (as_of_date, user_id, rank, item_id, run_id): half a SHA-256."""
    parts = [F.col(name).cast("string") for name in ("as_of_date", "user_id", "rank", "item_id", "run_id")]
    return F.left(F.sha2(F.concat_ws(_SEPARATOR, *parts), 256), F.lit(32))


def build_similar_items(similar: DataFrame, item_ids: DataFrame, *, as_of: dt.date, model: str, run_id: str) -> DataFrame:
    """The slice of gold.similar_items of `as_of` from `similar` (item_idx, similar_item_idx, score, rank) and the id map."""
    other = item_ids.select(F.col("item_idx").alias("similar_item_idx"), F.col("item_id").alias("similar_item_id"))
    named = (
        similar.join(item_ids.select("item_idx", "item_id"), on="item_idx", how="inner")  # one row per item
        .join(other, on="similar_item_idx", how="inner")
        .withColumns({"as_of_date": F.lit(as_of), "model": F.lit(model), "run_id": F.lit(run_id)})
    )
    return conform(named, SIMILAR_ITEMS)


def build_user_vectors(vectors: DataFrame, user_ids: DataFrame, *, as_of: dt.date, model: str, run_id: str) -> DataFrame:
    """The slice of gold.user_vectors of one model from its dense user `vectors` (user_idx, indices null, values) and the id map."""
    named = vectors.join(user_ids.select("user_idx", "user_id"), on="user_idx", how="inner")  # one row per user
    facts = {"vector": F.col("values"), "as_of_date": F.lit(as_of), "model": F.lit(model), "run_id": F.lit(run_id)}
    return conform(named.withColumns(facts), USER_VECTORS)
