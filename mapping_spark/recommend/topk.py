"""Exact top-k by inner product on Spark: every query against every target, block against block.

Queries and targets are cut into blocks by a hash of their index, and each cell (query block x target block) is searched
in one task, on Arrow batches (see `dense_search` and `sparse_search`). Queries are copied once per target block, targets
once per query block; then each query's block winners are merged. No cross join of rows, no collect, no broadcast.
The list of a query is exactly the order defined in `best`, whatever the grid: higher score first, equal scores by
smaller item_idx, the score being the inner product summed in double and rounded to float.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError
from mapping_spark.models.base import Vectors
from mapping_spark.recommend.settings import Grid

if TYPE_CHECKING:
    import pyarrow as pa

CELL = ("query_block", "target_block")
WINNERS = "user_idx bigint, item_idx bigint, score double, rank int"  # what a cell returns: no declared table
DEFAULT_GRID = Grid()


def top_k(queries: DataFrame, targets: DataFrame, k: int, *, grid: Grid = DEFAULT_GRID, exclude: DataFrame | None = None) -> DataFrame:
    """The k targets with the largest inner product of every query: (user_idx, item_idx, score double, rank int from 1).

    `queries`: (user_idx, indices, values), `targets`: (item_idx, indices, values), one row per index, shaped as in
    `models.base.Vectors`: dense where `indices` is null in every row, else sparse. `exclude`: (user_idx, item_idx) pairs
    that are not returned; the next best take their place. Fewer than k rows come back only where there are fewer targets
    left, or, for sparse vectors, fewer with a score other than 0. Raises `ConfigError` where k is below 1; a task fails
    with `ContractError` where vectors differ in length, mix dense and sparse, or hold null, NaN or infinity.
    """
    if k < 1:
        raise ConfigError("top_k", f"k = {k}", "1 or more", "Ask for at least one item.")
    query_block, target_block = _block("user_idx", grid.query_blocks), _block("item_idx", grid.target_blocks)
    asked = _vectors(queries, "user_idx").select(
        query_block.alias("query_block"),
        _copies(grid.target_blocks).alias("target_block"),
        "*",
        F.lit(None).cast("bigint").alias("item_idx"),
    )
    if exclude is not None:  # excluded pairs travel as rows of their query's block: no join, no list per user
        none = (F.lit(None).cast("array<int>").alias("indices"), F.lit(None).cast("array<float>").alias("values"))
        pairs = exclude.select(query_block.alias("query_block"), target_block.alias("target_block"), "user_idx", *none, "item_idx")
        asked = asked.unionByName(pairs)
    offered = _vectors(targets, "item_idx").select(_copies(grid.query_blocks).alias("query_block"), target_block.alias("target_block"), "*")
    winners = asked.groupBy(*CELL).cogroup(offered.groupBy(*CELL)).applyInArrow(_search(k), WINNERS)
    return winners if grid.target_blocks == 1 else first_k(winners, k)


def similar_items(vectors: Vectors, k: int, *, grid: Grid = DEFAULT_GRID, items: DataFrame | None = None) -> DataFrame:
    """The k items most like each item, itself left out: (item_idx, similar_item_idx, score double, rank int from 1).

    `items`: (item_idx), the items that may be named as similar; None for all. Raises `ConfigError` where the model has no
    notion of likeness.
    """
    if vectors.similar_from is None or vectors.similar_to is None:
        raise ConfigError("similar_items", "a model without similar vectors", "one that has them", "Choose item_knn, als or tfidf.")
    queries = vectors.similar_from.withColumnRenamed("item_idx", "user_idx")
    targets = vectors.similar_to if items is None else vectors.similar_to.join(items.select("item_idx"), on="item_idx", how="left_semi")
    itself = queries.select("user_idx", F.col("user_idx").alias("item_idx"))
    found = top_k(queries, targets, k, grid=grid, exclude=itself)
    return found.select(F.col("user_idx").alias("item_idx"), F.col("item_idx").alias("similar_item_idx"), "score", "rank")


def first_k(scored: DataFrame, k: int) -> DataFrame:
    """Rank (user_idx, item_idx, score) within each user, ties by smaller item_idx, and keep the first k."""
    best_first = Window.partitionBy("user_idx").orderBy(F.desc("score"), F.asc("item_idx"))
    ranked = scored.select("user_idx", "item_idx", "score", F.row_number().over(best_first).alias("rank"))
    return ranked.where(F.col("rank") <= k)


def _vectors(frame: DataFrame, index: str) -> DataFrame:
    return frame.select(index, F.col("indices").cast("array<int>").alias("indices"), F.col("values").cast("array<float>").alias("values"))


def _block(index: str, n_blocks: int) -> Column:
    """Block of an index. A hash, as neighbouring indices may be alike (the oldest, the most popular)."""
    return F.pmod(F.xxhash64(index), F.lit(n_blocks)).cast("int") if n_blocks > 1 else F.lit(0)


def _copies(n_blocks: int) -> Column:
    return F.explode(F.sequence(F.lit(0), F.lit(n_blocks - 1))) if n_blocks > 1 else F.lit(0)


def _search(k: int) -> Callable[[pa.Table, pa.Table], pa.Table]:
    """The function of one cell; its module is loaded by the workers, not by the driver."""

    def search(asked: pa.Table, offered: pa.Table) -> pa.Table:
        from mapping_spark.recommend.cell import search_cell

        return search_cell(asked, offered, k)

    return search
