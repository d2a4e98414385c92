"""Items chosen in the same basket: rules `a -> b`, scored by what the user put into the latest baskets.

Pairs are counted inside each basket, and the counts of a task are added up before they cross the network. The cost is at
most max_items_per_basket additions per choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.models.base import ModelConfig, Reach, TrainingData, Vectors
from mapping_spark.models.baskets import fold, strongest
from mapping_spark.models.space import Choice, Space, Span
from mapping_spark.models.vectors import one_hot, sparse


class AssociationRulesConfig(ModelConfig):
    """Which rules are believed, how strongly, and which of the user's items they start from."""

    max_items_per_basket: int = Field(50, ge=2)
    """A basket's latest choices that count; limits the cost of a choice to this many pairs."""
    min_support: int = Field(2, ge=1)
    """Baskets that must hold both items of a rule."""
    min_lift: float = Field(1.0, ge=0)
    """Least lift of a rule. Below 1, whoever takes `a` takes `b` less often than others do."""
    shrinkage: float = Field(5.0, ge=0)
    """Confidence = baskets of both / (baskets of a + shrinkage): a few baskets prove little."""
    lift_power: float = Field(0.0, ge=0, le=1)
    """A rule's value is confidence * lift ** power: 0 says what is taken with `a`, more says what is taken with little else."""
    n_rules: int = Field(100, ge=1)
    """Rules kept per antecedent: those of the largest value."""
    n_baskets: int = Field(1, ge=1)
    """The user's latest baskets whose items start a rule."""
    basket_decay: float = Field(0.5, gt=0, le=1)
    """Weight of a basket's items relative to those of the basket after it."""
    item_decay: float = Field(1.0, gt=0, le=1)
    """Weight of an item relative to the next one of its basket; 1 where the order in a basket says nothing."""

    space: ClassVar[Space] = {"min_support": Choice((1, 2, 5)), "shrinkage": Span(0.5, 50.0), "lift_power": Span(0.0, 0.5)}


@dataclass(frozen=True, slots=True)
class AssociationRules:
    """Score = sum over the items a of the user's latest baskets of weight(a) * confidence(a -> item) * lift ** power.

    confidence(a -> b) = baskets of both / (baskets of a + shrinkage), in [0, 1); lift = confidence / share of the baskets with b:
    Agrawal and Srikant, VLDB 1994, with one item on each side; lift as in Brin et al., SIGMOD 1997. As a recommender of
    sessions: AR in Ludewig and Jannach, UMUAI 2018. `a -> a` counts the baskets that hold the item more than once.
    weight(a) = basket_decay ** baskets since * item_decay ** choices since, of its latest choice.
    User vector: weights over item_idx. Item vector: values of the rules that lead to it, over their antecedents.
    """

    name: ClassVar[str] = "association_rules"
    reach: ClassVar[Reach] = Reach.TASTE
    Config: ClassVar[type[ModelConfig]] = AssociationRulesConfig

    config: AssociationRulesConfig
    seed: int

    def fit(self, data: TrainingData) -> Vectors:
        """Count pairs within baskets. Raises `MissingInput` where the data has no choices."""
        rules = strongest(self._rules(fold(data.in_order, self.config.max_items_per_basket)), self.config.n_rules)
        items = sparse(rules, "item_idx")
        return Vectors(
            users=self.user_vectors(data.in_order),
            items=items,
            similar_from=one_hot(data.in_order.select("item_idx").distinct(), "item_idx"),
            similar_to=items,
        )

    def user_vectors(self, choices: DataFrame) -> DataFrame:
        """(user_idx, indices, values) of the users of `choices`, who need not be those of the fit."""
        latest_first = Window.partitionBy("user_idx").orderBy("last")
        baskets = fold(choices, self.config.max_items_per_basket).withColumn("ago", F.row_number().over(latest_first) - 1)
        latest = baskets.where(F.col("ago") < self.config.n_baskets)
        owned = latest.select("user_idx", "ago", F.posexplode("items").alias("place", "index"))
        weight = F.pow(F.lit(self.config.basket_decay), F.col("ago")) * F.pow(F.lit(self.config.item_decay), F.col("place"))
        return sparse(owned.groupBy("user_idx", "index").agg(F.max(weight).alias("value")), "user_idx")

    def _rules(self, baskets: DataFrame) -> DataFrame:
        """(antecedent, item_idx, value) of every rule with the support and the lift."""
        own = baskets.select("items", F.explode(F.array_distinct("items")).alias("antecedent"))
        both = own.select("antecedent", F.explode(_partners()).alias("item_idx"))
        pairs = both.groupBy("antecedent", "item_idx").agg(F.count(F.lit(1)).alias("n_both"))
        known = pairs.where(F.col("n_both") >= self.config.min_support)
        sizes = own.groupBy(F.col("antecedent").alias("item")).agg(F.count(F.lit(1)).alias("n"))
        n_baskets = baskets.agg(F.count(F.lit(1)).alias("n_baskets"))  # one row
        confidence = F.col("n_both") / (F.col("n_antecedent") + self.config.shrinkage)
        scored = (
            known.join(sizes.select(F.col("item").alias("antecedent"), F.col("n").alias("n_antecedent")), on="antecedent", how="inner")
            .join(sizes.select(F.col("item").alias("item_idx"), F.col("n").alias("n_item")), on="item_idx", how="inner")
            .crossJoin(F.broadcast(n_baskets))
            .withColumn("confidence", confidence)
            .withColumn("lift", F.col("confidence") * F.col("n_baskets") / F.col("n_item"))
        )
        value = F.col("confidence") * F.pow(F.col("lift"), F.lit(self.config.lift_power))
        kept = scored.where(F.col("lift") >= self.config.min_lift)
        return kept.select("antecedent", F.col("item_idx").cast("bigint").alias("item_idx"), value.alias("value"))


def _partners() -> Column:
    """The other items of the basket, and the antecedent itself where it stands in it twice."""
    others = F.array_except("items", F.array("antecedent"))
    is_repeated = F.size("items") - F.size(F.array_remove("items", F.col("antecedent"))) > 1
    return F.when(is_repeated, F.array_append(others, F.col("antecedent"))).otherwise(others)
