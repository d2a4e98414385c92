"""Items chosen by the same users: capped co-occurrence, as neighbourhoods of items.

One row per user is sent to each block of items that the user has one of; a block then holds all it needs to count its
items' co-occurrences, so no pair of items crosses the network and nothing is gathered on the driver. The cost is the
sum over users of (items kept)^2 additions, which is why heavy users are capped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import Field
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.features.fixed_point import fixed_point_sum
from mapping_spark.models.base import ModelConfig, Reach, TrainingData, Vectors
from mapping_spark.models.crowd import of_frequent_items
from mapping_spark.models.neighbours import block_neighbours
from mapping_spark.models.space import Choice, Space, Span
from mapping_spark.models.vectors import as_index, log_weight, one_hot, sparse

_NEIGHBOURS = "item_idx bigint, indices array<int>, values array<float>"  # the shape of Vectors.items, no declared table


class ItemKnnConfig(ModelConfig):
    """What counts as alike, and how much of it is kept."""

    weighting: Literal["cosine", "tfidf", "unit_user"] = "unit_user"
    """What a user's word is worth. cosine: all alike; tfidf: times ln(items / items of the user), so that a user of few
    items says more; unit_user: each user's values have L2 norm 1, so that every user has the same say."""
    weight_scale: float = Field(4.0, gt=0)
    """An interaction counts ln(1 + weight_scale * weight)."""
    shrinkage: float = Field(5.0, ge=0)
    """Likeness times n / (n + shrinkage), n = users of both: a few common users prove little."""
    n_neighbours: int = Field(100, ge=1)
    """Neighbours kept per item: its own nearest ones."""
    min_users: int = Field(20, ge=1)
    """Items of fewer users have no neighbourhood and are not recommended."""
    max_items_per_user: int = Field(1_000, ge=2)
    """A user's heaviest interactions that count; limits the cost of a user to the square of this."""
    n_blocks: int = Field(16, ge=1)
    """Blocks of items: more need less memory per task and send a user's row more often."""

    space: ClassVar[Space] = {
        "weighting": Choice(("cosine", "tfidf", "unit_user")),
        "shrinkage": Span(0.5, 50.0),
        "n_neighbours": Choice((50, 100, 200)),
        "min_users": Choice((5, 10, 20)),
    }


@dataclass(frozen=True, slots=True)
class ItemKnn:
    """Score = sum over the user's items of ln(1 + weight) times their likeness to the item, if among its nearest ones.

    Likeness = cosine of the items' user vectors, weighted and shrunk, in [0, 1]: Sarwar et al., WWW 2001, and
    Deshpande and Karypis, TOIS 2004; shrinkage as in Bell and Koren, ICDM 2007. Neighbourhoods belong to the item that
    is scored. User vector: ln(1 + weight) over item_idx. Item vector: likeness over its neighbours.
    """

    name: ClassVar[str] = "item_knn"
    reach: ClassVar[Reach] = Reach.TASTE
    Config: ClassVar[type[ModelConfig]] = ItemKnnConfig

    config: ItemKnnConfig
    seed: int

    def fit(self, data: TrainingData) -> Vectors:
        """Count co-occurrences block by block."""
        weight = log_weight(self.config.weight_scale)
        owned = data.interactions.select("user_idx", as_index("item_idx").alias("index"), weight.alias("value"))
        weighted = self._weighted(data.interactions.select("user_idx", "item_idx", weight.alias("value")))
        items = self._neighbourhoods(unit_norm(self._pruned(weighted), by="item_idx"))
        return Vectors(
            users=sparse(owned, "user_idx"),
            items=items,
            similar_from=one_hot(data.interactions.select("item_idx").distinct(), "item_idx"),
            similar_to=items,
        )

    def _pruned(self, entries: DataFrame) -> DataFrame:
        """Drop rare items, then all but each user's heaviest interactions."""
        heaviest = Window.partitionBy("user_idx").orderBy(F.desc("value"), F.asc("item_idx"))
        return (
            of_frequent_items(entries, self.config.min_users)
            .withColumn("place", F.row_number().over(heaviest))
            .where(F.col("place") <= self.config.max_items_per_user)
            .drop("place")
        )

    def _weighted(self, entries: DataFrame) -> DataFrame:
        """Multiply each entry by what its user's word is worth."""
        if self.config.weighting == "cosine":
            return entries
        if self.config.weighting == "unit_user":
            return unit_norm(entries, by="user_idx")
        n_items = entries.agg(F.countDistinct("item_idx").alias("n_items"))  # one row
        sizes = entries.groupBy("user_idx").agg(F.count(F.lit(1)).alias("n_own")).crossJoin(F.broadcast(n_items))
        worth: Column = F.log((F.col("n_items") + 1) / F.col("n_own"))  # + 1: a user of all items still counts a little
        worths = sizes.select("user_idx", worth.alias("worth"))
        return entries.join(worths, on="user_idx", how="inner").withColumn("value", F.col("value") * F.col("worth"))

    def _neighbourhoods(self, entries: DataFrame) -> DataFrame:
        cell = F.struct(as_index("item_idx").alias("item"), F.col("value").cast("float").alias("value"))
        rows = entries.groupBy("user_idx").agg(F.sort_array(F.collect_list(cell)).alias("cells"))
        blocks = F.array_distinct(F.transform("cells.item", lambda item: item % self.config.n_blocks))
        copies = rows.select(
            F.explode(blocks).alias("block"), "user_idx", F.col("cells.item").alias("items"), F.col("cells.value").alias("values")
        )
        nearest: Callable[[Any], Any] = partial(
            block_neighbours, n_blocks=self.config.n_blocks, k=self.config.n_neighbours, shrinkage=self.config.shrinkage
        )
        return copies.groupBy("block").applyInArrow(nearest, schema=_NEIGHBOURS)


def unit_norm(entries: DataFrame, by: str) -> DataFrame:
    """Divide each (user_idx, item_idx, value) by the L2 norm of its user's or item's entries; norms below 2^-17 drop out."""
    norms = entries.groupBy(by).agg(F.sqrt(fixed_point_sum(F.col("value") * F.col("value"))).alias("norm"))
    unit = entries.join(norms.where(F.col("norm") > 0), on=by, how="inner")  # one norm per user or item
    return unit.select("user_idx", "item_idx", (F.col("value") / F.col("norm")).alias("value"))
