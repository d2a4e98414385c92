"""Items described by their words: a user likes what reads like what they chose. Finds items that few have chosen yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from pyspark.ml.feature import IDF, HashingTF, Normalizer, RegexTokenizer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.features.fixed_point import fixed_point_sum
from mapping_spark.models.base import ModelConfig, Reach, TrainingData, Vectors
from mapping_spark.models.space import Choice, Space, Span
from mapping_spark.models.vectors import entries, log_weight, sparse


class TfidfConfig(ModelConfig):
    """How words become numbers."""

    n_features: int = Field(2**18, ge=2, le=2**24)
    """Length of the vectors. A word's place is its hash, so no vocabulary is gathered; fewer places mean more collisions."""
    min_items: int = Field(1, ge=1)
    """Words in fewer items count nothing."""
    min_letters: int = Field(2, ge=1)
    """Shorter words are left out."""
    weight_scale: float = Field(4.0, gt=0)
    """An item counts ln(1 + weight_scale * weight) in its user's mean."""

    space: ClassVar[Space] = {"min_items": Choice((1, 2, 5)), "weight_scale": Span(0.5, 16.0)}


@dataclass(frozen=True, slots=True)
class Tfidf:
    """Score = mean cosine (0 to 1) between an item's words and those of the user's items, weighted.

    Item vector: tf * idf, L2-normalised, idf = ln((n + 1) / (items with the word + 1)) over the n items of the training
    interactions (Spark MLlib's variant of Salton and Buckley 1988). User vector: weighted mean of item vectors
    (Rocchio 1971, positive part). Items without text are not recommended.
    """

    name: ClassVar[str] = "tfidf"
    reach: ClassVar[Reach] = Reach.TASTE
    Config: ClassVar[type[ModelConfig]] = TfidfConfig

    config: TfidfConfig
    seed: int

    def fit(self, data: TrainingData) -> Vectors:
        """Weigh the words of the items in the interactions. Runs one Spark job at once (the document frequencies)."""
        chosen = data.interactions.select("item_idx").distinct()
        # One row per item on both sides: the join keeps one row per chosen item with text.
        texts = data.items.where(F.col("text").isNotNull()).join(chosen, on="item_idx", how="left_semi")
        items = self._item_vectors(texts)
        return Vectors(users=self._user_vectors(data.interactions, items), items=items, similar_from=items, similar_to=items)

    def _item_vectors(self, texts: DataFrame) -> DataFrame:
        words = RegexTokenizer(
            inputCol="text", outputCol="words", pattern=r"[^\p{L}\p{N}]+", minTokenLength=self.config.min_letters
        ).transform(texts)
        counts = HashingTF(inputCol="words", outputCol="counts", numFeatures=self.config.n_features).transform(words)
        if counts.isEmpty():  # MLlib cannot fit an IDF on nothing
            return texts.limit(0).select("item_idx", F.array(F.lit(0)).alias("indices"), F.array(F.lit(0.0).cast("float")).alias("values"))
        idf = IDF(inputCol="counts", outputCol="tfidf", minDocFreq=self.config.min_items).fit(counts)
        unit = Normalizer(inputCol="tfidf", outputCol="unit").transform(idf.transform(counts))
        vector = F.unwrap_udt("unit")  # a sparse MLlib vector holds sorted indices beside their values
        filled = unit.where(F.size(vector["indices"]) > 0)
        return filled.select("item_idx", vector["indices"].alias("indices"), vector["values"].cast("array<float>").alias("values"))

    def _user_vectors(self, interactions: DataFrame, items: DataFrame) -> DataFrame:
        chosen = interactions.select("user_idx", "item_idx", log_weight(self.config.weight_scale).alias("share"))
        total = fixed_point_sum(F.col("share"))
        known = chosen.join(items.select("item_idx"), on="item_idx", how="left_semi")
        shares = known.groupBy("user_idx").agg(total.alias("total")).where(F.col("total") > 0)
        weighted = (
            known.join(entries(items, "item_idx"), on="item_idx", how="inner")  # many words per item, on purpose
            .groupBy("user_idx", "index")
            .agg(fixed_point_sum(F.col("share") * F.col("value")).alias("sum"))
            .join(shares, on="user_idx", how="inner")  # one total per user
        )
        return sparse(weighted.select("user_idx", "index", (F.col("sum") / F.col("total")).alias("value")), "user_idx")
