"""All models on the same users, items and protocols: their lists together, ready for `evaluate`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.evaluation.evaluate import evaluate
from mapping_spark.evaluation.settings import EvaluationConfig
from mapping_spark.evaluation.splits import ALL_ITEMS, NEW_ITEMS, relevant_items
from mapping_spark.models.base import Vectors
from mapping_spark.models.fitting import Fitted
from mapping_spark.recommend.retrieve import Request, retrieve, seen
from mapping_spark.recommend.settings import Grid
from mapping_spark.recommend.topk import first_k
from mapping_spark.side_by_side import as_finished


def lists_of_all(models: Mapping[str, Fitted], interactions: DataFrame, k: int, grid: Grid) -> DataFrame:
    """(run_id, model, protocol, user_idx, item_idx, rank) of every model under both protocols, at most k per user.

    Under `new_items` a user's own items are excluded from the search, so that the lists are full. A fusion model reads the
    lists of its members as they stand here: each member is searched once per protocol, to the greatest depth asked for.
    Runs Spark jobs at once: one plan over all models took three times as long as a list at a time, which is kept.
    """
    fusions = {name: fitted.fusion for name, fitted in models.items() if fitted.fusion is not None}
    depth = max([k, *(fusion.depth for fusion in fusions.values())])
    parts: list[DataFrame] = []
    for protocol, exclude in ((ALL_ITEMS, None), (NEW_ITEMS, seen(interactions))):
        request = Request(k=depth, exclude=exclude, grid=grid)
        searches = [partial(_search, name, fitted.vectors, request) for name, fitted in models.items() if fitted.vectors is not None]
        members = reduce(DataFrame.unionByName, as_finished(interactions.sparkSession, searches))
        fused = [
            first_k(fusion.fuse(members, interactions), k).withColumn("model", F.lit(name)).localCheckpoint()
            for name, fusion in fusions.items()
        ]
        lists = reduce(DataFrame.unionByName, [members.where(F.col("rank") <= k), *fused])
        parts.append(lists.withColumn("protocol", F.lit(protocol)))
    run_ids = F.create_map(*(F.lit(part) for name, fitted in models.items() for part in (name, fitted.run_id)))
    together = reduce(DataFrame.unionByName, parts).withColumn("run_id", run_ids[F.col("model")])
    return together.select("run_id", "model", "protocol", "user_idx", "item_idx", "rank")


def _search(name: str, vectors: Vectors, request: Request) -> DataFrame:
    return retrieve(vectors, request).withColumn("model", F.lit(name)).localCheckpoint()


@dataclass(frozen=True, slots=True)
class Protocol:
    """How models are compared: the date, cut-offs and replicates, the blocks of the search, the seed of the bootstrap."""

    as_of: dt.date
    config: EvaluationConfig
    grid: Grid
    seed: int


def compare(models: Mapping[str, Fitted], interactions: DataFrame, future: DataFrame, protocol: Protocol) -> DataFrame:
    """gold.model_metrics of every model against `future` (user_idx, item_idx), the choices after the date."""
    config = protocol.config
    relevant = relevant_items(future, interactions).localCheckpoint()  # read by each metric's join
    lists = lists_of_all(models, interactions, max(config.ks), protocol.grid)
    return evaluate(
        lists,
        relevant,
        interactions,
        as_of_date=protocol.as_of,
        ks=config.ks,
        n_replicates=config.n_replicates,
        seed=protocol.seed,
    )
