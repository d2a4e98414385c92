"""All models on the same users, items and protocols: their lists together, judged in one pass."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.evaluation.evaluate import ALL, Evaluation, RunLists, Truth, by_history, evaluate
from mapping_spark.evaluation.metrics import SCORING_SECONDS
from mapping_spark.evaluation.settings import EvaluationConfig
from mapping_spark.evaluation.splits import ALL_ITEMS, NEW_ITEMS, relevant_items
from mapping_spark.models.base import Vectors
from mapping_spark.models.fitting import Fitted
from mapping_spark.recommend.retrieve import Request, retrieve, seen
from mapping_spark.recommend.settings import Grid
from mapping_spark.recommend.topk import first_k
from mapping_spark.side_by_side import as_finished
from mapping_spark.tables.frames import rows
from mapping_spark.tables.gold import MODEL_METRICS


@dataclass(frozen=True, slots=True)
class Timed:
    """Lists and the wall seconds that making them took; two searches run at a time."""

    run: RunLists
    seconds: float


def lists_of_all(models: Mapping[str, Fitted], interactions: DataFrame, k: int, grid: Grid) -> list[Timed]:
    """The lists of every model under both protocols, at most k per user (of a fusion's members, as many as it reads).

    Under `new_items` a user's own items are excluded from the search, so that the lists are full. A fusion model reads the
    lists of its members as they stand here: each member is searched once per protocol, to the greatest depth asked for, and
    its seconds count among the fusion's. Runs Spark jobs at once: one plan over all models took three times as long as a
    list at a time, which is kept.
    """
    fusions = {name: fitted.fusion for name, fitted in models.items() if fitted.fusion is not None}
    depth = max([k, *(fusion.depth for fusion in fusions.values())])
    found: list[Timed] = []
    for protocol, exclude in ((ALL_ITEMS, None), (NEW_ITEMS, seen(interactions))):
        request = Request(k=depth, exclude=exclude, grid=grid)
        searches = [
            partial(_search, RunLists(fitted.run_id, name, protocol, interactions), fitted.vectors, request)
            for name, fitted in models.items()
            if fitted.vectors is not None
        ]
        members = {timed.run.model: timed for timed in as_finished(interactions.sparkSession, searches)}
        together = [timed.run.lists.withColumn("model", F.lit(name)) for name, timed in members.items()]
        found += members.values()
        for name, fusion in fusions.items():
            began = time.monotonic()
            fused = first_k(fusion.fuse(reduce(DataFrame.unionByName, together), interactions), k).localCheckpoint()
            seconds = time.monotonic() - began + sum(members[member].seconds for member in fusion.members)
            found.append(Timed(RunLists(models[name].run_id, name, protocol, fused), seconds))
    return found


def _search(run: RunLists, vectors: Vectors, request: Request) -> Timed:
    began = time.monotonic()
    lists = retrieve(vectors, request).localCheckpoint()
    return Timed(replace(run, lists=lists), time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Protocol:
    """How models are compared: the date, cut-offs and replicates, the blocks of the search, the seed of the bootstrap."""

    as_of: dt.date
    config: EvaluationConfig
    grid: Grid
    seed: int


def truth_of(future: DataFrame, interactions: DataFrame, categories: DataFrame, config: EvaluationConfig) -> Truth:
    """What the lists of a date are judged by: `future` (user_idx, item_idx) after it, `interactions` and the catalogue before it."""
    relevant = relevant_items(future, interactions).localCheckpoint()
    return Truth(relevant, interactions, categories, by_history(interactions, config.history_bounds))


def compare(models: Mapping[str, Fitted], truth: Truth, protocol: Protocol) -> Evaluation:
    """Every model judged by `truth`, with what its lists took: `scoring_seconds` at the longest cut-off."""
    depth = max(protocol.config.ks)
    timed = lists_of_all(models, truth.interactions, depth, protocol.grid)
    found = evaluate([each.run for each in timed], truth, protocol.config, as_of=protocol.as_of, seed=protocol.seed)
    seconds = [{"run_id": each.run.run_id, "model": each.run.model, "protocol": each.run.protocol, "value": each.seconds} for each in timed]
    shared = {"metric": SCORING_SECONDS, "k": depth, "segment": ALL, "as_of_date": protocol.as_of, "ci_low": None, "ci_high": None}
    took = rows(truth.interactions.sparkSession, MODEL_METRICS, *(shared | each for each in seconds))
    return replace(found, metrics=found.metrics.unionByName(took))
