"""Matrix factorisation by alternating least squares: Spark MLlib's ALS, implicit or explicit."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.utils import is_remote

from mapping_spark.errors import ContractError, EnvironmentFault
from mapping_spark.models.base import ModelConfig, Reach, TrainingData, Vectors
from mapping_spark.models.crowd import of_frequent_items, recent_share
from mapping_spark.models.space import Choice, Space, Span
from mapping_spark.models.vectors import dense, log_weight, unit_length

_LARGEST_ID = 2**31 - 1


class AlsConfig(ModelConfig):
    """Settings of the factorisation."""

    feedback: Literal["implicit", "explicit"] = "implicit"
    """implicit: a weight is the confidence that the user wants the item; explicit: a weight is a rating to predict."""
    rank: int = Field(32, ge=1, le=1024)
    """Length of the factors."""
    iterations: int = Field(10, ge=1)
    """Alternations; one solves all items, then all users."""
    regularization: float = Field(0.05, ge=0)
    """L2 penalty; MLlib scales it by each user's and item's number of interactions."""
    alpha: float = Field(1.0, gt=0)
    """Confidence = 1 + alpha * rating (implicit only). The textbook's 40 ruins small log ratings."""
    weight_scale: float = Field(4.0, gt=0)
    """Rating = ln(1 + weight_scale * weight), so that heavy repeaters do not drown the rest (implicit only)."""
    popularity_power: float = Field(0.1, ge=0, le=1)
    """Item factors are multiplied by (share of the most chosen item's users) ** power, users counted over
    `popularity_days`: what few choose lately sinks a little. 0 leaves the factors as MLlib found them (implicit only)."""
    popularity_days: int = Field(30, ge=1)
    """Days of 24 h (UTC) before the date in which users are counted."""
    min_users: int = Field(1, ge=1)
    """Items of fewer users are left out: two buyers say little about an item, and each item costs a solve of rank ** 3."""
    n_blocks: int = Field(4, ge=1)
    """Blocks of users and of items solved in parallel: about the number of cores."""
    checkpoint_interval: int = Field(10, ge=1)
    """Iterations between checkpoints: a longer lineage overflows the stack."""

    space: ClassVar[Space] = {
        "rank": Choice((32, 64, 128)),
        "regularization": Span(0.005, 0.2),
        "popularity_power": Span(0.0, 0.3),
        "min_users": Choice((1, 5, 10)),
    }

    def factor_bytes(self, n_users: int, n_items: int) -> int:
        """float32 factors of every user and item."""
        return 4 * self.rank * (n_users + n_items)


@dataclass(frozen=True, slots=True)
class Als:
    """Score = inner product of the user's and the item's factors. implicit: times a power of the item's recent popularity;
    about 0 (no interest) to 1, not a probability. explicit: the rating to expect, on the scale of the weights.

    implicit: Hu, Koren, Volinsky, ICDM 2008; explicit: Zhou et al., AAIM 2008 (both as MLlib implements them).
    Likeness of two items = cosine of their factors.
    """

    name: ClassVar[str] = "als"
    reach: ClassVar[Reach] = Reach.TASTE
    Config: ClassVar[type[ModelConfig]] = AlsConfig

    config: AlsConfig
    seed: int

    def fit(self, data: TrainingData) -> Vectors:
        """Factorise the interactions. Runs Spark jobs at once. Raises `ContractError` where an id does not fit 32 bits."""
        frequent = of_frequent_items(data.interactions, self.config.min_users)
        if refuse_large_ids(frequent):
            none = data.interactions.limit(0).withColumn("factors", F.array(F.lit(0.0)))
            users, items = (dense(none, key, F.col("factors")) for key in ("user_idx", "item_idx"))
            return Vectors(users=users, items=items, similar_from=items, similar_to=items)
        ensure_checkpoint_dir(data.interactions)
        model = self._estimator().fit(self._ratings(frequent))
        users = dense(model.userFactors.withColumnRenamed("id", "user_idx"), "user_idx", F.col("features"))
        items = dense(model.itemFactors.withColumnRenamed("id", "item_idx"), "item_idx", F.col("features"))
        directions = unit_length(items, "item_idx")
        return Vectors(users=users, items=self._tempered(items, data), similar_from=directions, similar_to=directions)

    def _tempered(self, items: DataFrame, data: TrainingData) -> DataFrame:
        """The items' vectors, shortened where few users chose the item lately."""
        if self.config.popularity_power == 0 or self.config.feedback == "explicit":
            return items  # a predicted rating is not tempered
        shares = recent_share(data.interactions, data.as_of, self.config.popularity_days, self.config.popularity_power)
        scaled = F.transform("values", lambda x: (x * F.col("share")).cast("float")).alias("values")
        return items.join(shares, on="item_idx", how="inner").select("item_idx", "indices", scaled)

    def _ratings(self, interactions: DataFrame) -> DataFrame:
        rating = log_weight(self.config.weight_scale) if self.config.feedback == "implicit" else F.col("weight")
        # MLlib's result depends on the order of its input: fix which partition holds a row, and where in it.
        ratings = interactions.select(F.col("user_idx").cast("int"), F.col("item_idx").cast("int"), rating.cast("float").alias("rating"))
        return ratings.repartition(self.config.n_blocks, "user_idx").sortWithinPartitions("user_idx", "item_idx")

    def _estimator(self) -> ALS:
        config = self.config
        return ALS(
            userCol="user_idx",
            itemCol="item_idx",
            ratingCol="rating",
            rank=config.rank,
            maxIter=config.iterations,
            regParam=config.regularization,
            alpha=config.alpha,
            implicitPrefs=config.feedback == "implicit",
            numUserBlocks=config.n_blocks,
            numItemBlocks=config.n_blocks,
            checkpointInterval=config.checkpoint_interval,
            seed=self.seed,
        )


def refuse_large_ids(interactions: DataFrame) -> bool:
    """Whether there is nothing to fit; raises `ContractError` where MLlib's 32-bit ids cannot hold an integer."""
    largest = interactions.agg(F.max("user_idx").alias("user_idx"), F.max("item_idx").alias("item_idx")).first()
    found = largest.asDict() if largest is not None else {}
    for column, value in found.items():
        if value is not None and value > _LARGEST_ID:
            fix = "Fit on the interactions of fewer users or items, or choose a model without this limit."
            raise ContractError("model als", f"{column} = {value:,}", f"at most {_LARGEST_ID:,}, MLlib's limit", fix)
    return found.get("user_idx") is None


def ensure_checkpoint_dir(frame: DataFrame) -> None:
    """Give the session a checkpoint directory unless it has one: without it MLlib's checkpoints silently do nothing.

    Raises `EnvironmentFault` where only whoever runs the cluster, or the Spark Connect server, can: there a fit without
    checkpoints has overflown the stack and ended the server.
    """
    if is_remote():
        if frame.sparkSession.conf.get("spark.checkpoint.dir", None) is None:
            fix = "Start the server with --conf spark.checkpoint.dir=FOLDER."
            raise EnvironmentFault("model als", "a Spark Connect server without a checkpoint directory", "one that has it", fix)
        return
    context = frame.sparkSession.sparkContext
    if context.getCheckpointDir() is not None:
        return
    if not (context.master or "").startswith("local"):
        found, expected = f"no checkpoint directory on {context.master}", "a folder that all executors see"
        raise EnvironmentFault("model als", found, expected, "Set spark.checkpoint.dir, or call SparkContext.setCheckpointDir.")
    context.setCheckpointDir(tempfile.mkdtemp(prefix="checkpoints-"))
