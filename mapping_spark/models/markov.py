"""What is chosen next: transitions between the items of a session, scored from the user's last choices.

Transitions are counted inside each session, and the counts of a task are added up before they cross the network. The
cost is n_steps additions per choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.features.fixed_point import fixed_point_sum
from mapping_spark.models.base import ModelConfig, Reach, TrainingData, Vectors
from mapping_spark.models.baskets import fold, strongest
from mapping_spark.models.space import Choice, Space, Span
from mapping_spark.models.vectors import as_index, sparse

CROWD = 2**31 - 1
"""Position in the vectors that holds popularity: the last one, which no id map of less than 2^31 items reaches."""


class MarkovConfig(ModelConfig):
    """Which transitions count, how they are smoothed, and which of the user's items they start from."""

    max_items_per_session: int = Field(200, ge=2)
    """A session's latest choices that count."""
    n_steps: int = Field(3, ge=1)
    """How many choices ahead a transition reaches; 1 is the next one only."""
    step_decay: float = Field(0.5, gt=0, le=1)
    """Weight of a transition relative to one that is a step shorter."""
    min_support: int = Field(1, ge=1)
    """Transitions that must have been seen from one item to the other."""
    smoothing: float = Field(10.0, ge=0)
    """Transitions that every item is given beforehand: to itself, as large a share as such transitions have among all."""
    n_next: int = Field(100, ge=1)
    """Next items kept per item: the most probable ones."""
    n_recent: int = Field(20, ge=1)
    """The user's latest choices that transitions start from."""
    recent_decay: float = Field(0.8, gt=0, le=1)
    """Weight of a choice relative to the next one."""
    popularity: float = Field(0.01, ge=0)
    """Weight of an item's share of all choices, where the latest choice has weight 1: what is left to say without transitions."""
    n_popular: int = Field(100, ge=0)
    """Items that have such a share, the most chosen ones; limits what a user without transitions costs."""

    space: ClassVar[Space] = {"n_steps": Choice((1, 3, 5)), "step_decay": Span(0.2, 1.0), "smoothing": Span(0.5, 50.0)}


@dataclass(frozen=True, slots=True)
class Markov:
    """Score = sum over the user's latest choices a of recent_decay ** choices since * P(item | a) + popularity * share of the item.

    P(b | a) = (w(a, b) + smoothing * s [a = b]) / (w(a) + smoothing), w(a, b) = sum of step_decay ** (steps - 1) over the
    transitions from a to b within a session, w(a) over all from a, and s = share of the weight of transitions that come back to
    their item: additive smoothing toward staying, interpolated with popularity (Jelinek and Mercer 1980). A
    session is a basket of the choices. First order chain: Rendle et al., WWW 2010; n_steps = 1 is MC, more is near SR, in
    Ludewig and Jannach, UMUAI 2018. An item chosen twice counts by its latest choice.
    User vector: weights over item_idx. Item vector: P over the items before it. Both hold popularity at one further position.
    """

    name: ClassVar[str] = "markov"
    reach: ClassVar[Reach] = Reach.TASTE
    Config: ClassVar[type[ModelConfig]] = MarkovConfig

    config: MarkovConfig
    seed: int

    def fit(self, data: TrainingData) -> Vectors:
        """Count transitions within sessions. Raises `MissingInput` where the data has no choices."""
        next_items = strongest(self._probabilities(data.in_order), self.config.n_next)
        items = next_items.unionByName(self._shares(data.in_order))
        return Vectors(users=self.user_vectors(data.in_order), items=sparse(items, "item_idx"))

    def user_vectors(self, choices: DataFrame) -> DataFrame:
        """(user_idx, indices, values) of the users of `choices`, who need not be those of the fit."""
        latest = choices.where(F.col("recency") <= self.config.n_recent)
        weight = F.pow(F.lit(self.config.recent_decay), F.col("recency") - 1)
        owned = latest.groupBy("user_idx", as_index("item_idx").alias("index")).agg(F.max(weight).alias("value"))
        crowd = F.struct(F.lit(CROWD).alias("index"), F.lit(self.config.popularity).alias("value"))
        users = choices.select("user_idx").distinct().select("user_idx", crowd.alias("cell")).select("user_idx", "cell.*")
        return sparse(owned.unionByName(users).where(F.col("value") > 0), "user_idx")

    def _probabilities(self, choices: DataFrame) -> DataFrame:
        """(antecedent, item_idx, value = P(item | antecedent)) of the transitions with the support, and of staying at each item."""
        counted = self._counted(choices)
        leaving = counted.groupBy("antecedent").agg(F.sum("weight").alias("leaving"))
        known = counted.where(F.col("n") >= self.config.min_support).select("antecedent", "item_idx", "weight")
        weights = known.unionByName(self._staying(choices, counted)).groupBy("antecedent", "item_idx").agg(F.sum("weight").alias("weight"))
        total = F.coalesce("leaving", F.lit(0.0)) + self.config.smoothing
        # An item that nothing follows has no total without smoothing, and then no value.
        value = F.try_divide(F.col("weight"), total).alias("value")
        return weights.join(leaving, on="antecedent", how="left").select("antecedent", "item_idx", value)

    def _counted(self, choices: DataFrame) -> DataFrame:
        """(antecedent int, item_idx bigint, weight, n): what the transitions of each pair add up to."""
        sessions = fold(choices, self.config.max_items_per_session).select("items", F.posexplode("items").alias("place", "item_idx"))
        before = F.slice("items", F.col("place") + 2, F.lit(self.config.n_steps))  # the latest stands first
        steps = sessions.select(F.col("item_idx").cast("bigint").alias("item_idx"), F.posexplode(before).alias("step", "antecedent"))
        weight = fixed_point_sum(F.pow(F.lit(self.config.step_decay), F.col("step"))).alias("weight")
        return steps.groupBy("antecedent", "item_idx").agg(weight, F.count(F.lit(1)).alias("n"))

    def _staying(self, choices: DataFrame, counted: DataFrame) -> DataFrame:
        """(antecedent, item_idx, weight): what every item is given beforehand, a transition to itself."""
        back = F.sum(F.when(F.col("antecedent") == F.col("item_idx"), F.col("weight")).otherwise(0.0))
        share = counted.agg(F.coalesce(back / F.sum("weight"), F.lit(0.0)).alias("share"))  # one row
        items = choices.select(as_index("item_idx").alias("antecedent"), "item_idx").distinct().crossJoin(F.broadcast(share))
        return items.select("antecedent", "item_idx", (F.lit(self.config.smoothing) * F.col("share")).alias("weight"))

    def _shares(self, choices: DataFrame) -> DataFrame:
        """(item_idx, index, value): the share of all choices that the most chosen items have."""
        counts = choices.groupBy("item_idx").agg(F.count(F.lit(1)).alias("n"))
        total = counts.agg(F.sum("n").alias("total"))  # one row
        popular = counts.orderBy(F.desc("n"), F.asc("item_idx")).limit(self.config.n_popular).crossJoin(F.broadcast(total))
        return popular.select("item_idx", F.lit(CROWD).alias("index"), (F.col("n") / F.col("total")).alias("value"))
