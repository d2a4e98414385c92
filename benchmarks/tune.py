"""Choose model settings on November 2017 of The Complete Journey; December stays unseen.

    make demo && make tune

Everything runs through the project's own code on silver.events of the demo's warehouse: fit on business days before 2017-11-01, judge by
November. Half-life by `repeat` on all items, then its other setting, then `als`, `item_knn`, `popularity` and `mf_bpr` (trained as
conf/base.yml says) on new items, then the hybrid: one weight per model for everyone, and another for a bucket of history lengths only
where it is better by more than one standard error of the paired difference.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import platform
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.evaluation.evaluate import RunLists, Truth, user_metrics
from mapping_spark.evaluation.splits import ALL_ITEMS, NEW_ITEMS, relevant_items
from mapping_spark.features.interactions import build_interactions, future_interactions
from mapping_spark.features.item_text import item_text
from mapping_spark.features.snapshot import Content, ensure, interaction_rows
from mapping_spark.models.base import DeepVectorModel, FusionModel, TrainingData, VectorModel, Vectors
from mapping_spark.models.deep import Trained, train, vectors
from mapping_spark.models.registry import build, parse_configs
from mapping_spark.pipeline import open_environment
from mapping_spark.recommend.retrieve import Request, retrieve, seen
from mapping_spark.recommend.topk import first_k
from mapping_spark.tables.silver import EVENTS, ITEM_IDS, ITEMS, USER_IDS

RESULTS = Path(__file__).resolve().parent / "results" / "tune.json"
AS_OF, UNTIL, K = dt.date(2017, 11, 1), dt.date(2017, 12, 1), 10
HALF_LIVES = (60.0, 90.0, 105.0, 120.0)
TASTE: dict[str, Any] = {
    "loss": "info_nce",
    "negatives": {"kind": "popularity", "n": 512, "per": "batch"},
    "dropout": 0.3,
    "sparse_rows": 0,
}
GRIDS: dict[str, list[dict[str, Any]]] = {
    "repeat": [{"popularity_power": power} for power in (0.0, 0.02, 0.05, 0.1)],
    "als": [
        {"rank": 32, "min_users": 10},
        {"rank": 64, "regularization": 0.02},
        {"rank": 64, "regularization": 0.02, "min_users": 10, "popularity_power": 0.0},
        {"rank": 64, "regularization": 0.02, "min_users": 5},
        {"rank": 64, "regularization": 0.02, "min_users": 10},
        {"rank": 64, "regularization": 0.02, "min_users": 10, "iterations": 5},
        {"rank": 64, "regularization": 0.02, "min_users": 10, "iterations": 7},
    ],
    "item_knn": [{"shrinkage": 5.0}, {"shrinkage": 20.0}],
    "popularity": [{"window_days": 30}, {"window_days": 60}],
    "mf_bpr": [
        {"dropout": 0.3, "sparse_rows": 0},
        TASTE | {"popularity_power": 0.75},
        TASTE | {"popularity_power": 1.0},
    ],
}
BUCKETS = (0, 50, 201)
MEMBERS = ("popularity", "als", "item_knn", "mf_bpr", "repeat")
FLAT = [(pop, 1.0, knn, mf) for pop in (0.25, 0.5) for knn in (0.5, 1.0) for mf in (0.0, 0.5, 1.0, 1.5)]
REPEAT_WEIGHTS = (30.0, 60.0, 120.0)


class November:
    """The validation period: interactions before it, what is relevant in it, and the search for settings."""

    def __init__(self) -> None:
        self.settings, _, self.store = open_environment("demo", None, [])
        read = self.store.read
        self.events, self.ids = read(EVENTS), (read(USER_IDS), read(ITEM_IDS))
        self.texts = item_text(read(ITEMS), read(ITEM_IDS)).cache()
        self.folder = tempfile.TemporaryDirectory(prefix="tune-")  # snapshot and weights; it goes when this does
        self.trials: list[dict[str, Any]] = []

    def at(self, half_life: float) -> None:
        """Build the interactions with this half-life."""
        config = self.settings.interactions.model_copy(update={"half_life_days": half_life})
        self.interactions = build_interactions(self.events, *self.ids, as_of=AS_OF, config=config).localCheckpoint()
        future = future_interactions(self.events, *self.ids, as_of=AS_OF, until=UNTIL, config=config)
        self.relevant = relevant_items(future, self.interactions).localCheckpoint()
        self.content = Content(
            "interactions", AS_OF, {}, self.ids[0].count(), self.ids[1].count(), interactions=config, config=self.settings.snapshot
        )

    def lists(self, name: str, settings: Mapping[str, Any], protocol: str, depth: int = K) -> DataFrame:
        """Fit a model and search its lists."""
        exclude = seen(self.interactions) if protocol == NEW_ITEMS else None
        request = Request(k=depth, exclude=exclude, grid=self.settings.recommend.blocks.grid(2_500, 70_000))
        return retrieve(self.vectors(name, settings), request).localCheckpoint()

    def vectors(self, name: str, settings: Mapping[str, Any]) -> Vectors:
        """Fit a model; a deep one is trained on two ranks, unless its weights are there."""
        model = build(name, parse_configs({name: settings})[name], self.settings.seed)
        if isinstance(model, DeepVectorModel):
            training = self.settings.training.model_copy(update={"seed": model.seed})
            snapshot = ensure(interaction_rows(self.interactions), self.content, self.folder.name, dt.datetime.now(dt.UTC))
            trained = Trained(model, self.folder.name, snapshot, training)
            if not trained.weights.is_there:
                train(self.store.spark, trained)
            return vectors(self.store.spark, trained, model)
        if isinstance(model, VectorModel):
            return model.fit(TrainingData(self.interactions, self.texts, AS_OF))
        raise TypeError(f"{name} does not retrieve")

    def per_user(self, lists: DataFrame, protocol: str) -> DataFrame:
        """(user_idx, ndcg) of users with something relevant."""
        found = user_metrics([RunLists("r", "m", protocol, lists)], Truth(self.relevant, self.interactions), ks=[K])
        return found.select("user_idx", F.col(f"ndcg@{K}").alias("ndcg")).where(F.col("ndcg").isNotNull())

    def ndcg(self, lists: DataFrame, protocol: str) -> float:
        """Mean NDCG@10."""
        return float(self.per_user(lists, protocol).agg(F.avg("ndcg")).collect()[0][0])

    def note(self, name: str, settings: Mapping[str, Any], protocol: str, value: float, began: float) -> float:
        """Record a trial and say it."""
        self.trials.append({"model": name, "settings": dict(settings), "protocol": protocol, "ndcg": round(value, 5)})
        print(f"{name:12s} {protocol:10s} {value:.4f}  {json.dumps(dict(settings))}  {time.monotonic() - began:.0f} s", flush=True)
        return value


def choose_half_life(november: November) -> float:
    """By `repeat` on all items."""
    scores = {}
    for half_life in HALF_LIVES:
        began = time.monotonic()
        november.at(half_life)
        value = november.ndcg(november.lists("repeat", {}, ALL_ITEMS), ALL_ITEMS)
        scores[half_life] = november.note("repeat", {"half_life_days": half_life}, ALL_ITEMS, value, began)
    return max(scores, key=lambda key: scores[key])


def choose(november: November, name: str) -> dict[str, Any]:
    """The best settings of a model on new items; of `repeat`, which knows none, on all items."""
    protocol, scored = ALL_ITEMS if name == "repeat" else NEW_ITEMS, []
    for settings in GRIDS[name]:
        began = time.monotonic()
        value = november.ndcg(november.lists(name, settings, protocol), protocol)
        scored.append((november.note(name, settings, protocol, value, began), settings))
    return max(scored, key=lambda pair: pair[0])[1]


def fused(november: November, lists: DataFrame, weights: Mapping[str, float]) -> DataFrame:
    """The hybrid's lists with the same weights for everyone."""
    settings = {"history_from": [0], "weights": {name: [value] for name, value in weights.items()}, "rank_constant": 30, "depth": 100}
    model = build("hybrid", build("hybrid", None, 0).Config(**settings), 0)  # type: ignore[arg-type]
    if not isinstance(model, FusionModel):
        raise TypeError("hybrid does not fuse")
    return first_k(model.fuse(lists, november.interactions), K)


def all_lists(november: November, chosen: Mapping[str, Mapping[str, Any]], protocol: str) -> DataFrame:
    """Lists of 100 of every member."""
    parts = [november.lists(name, chosen.get(name, {}), protocol, 100).withColumn("model", F.lit(name)) for name in MEMBERS]
    return reduce(DataFrame.unionByName, parts).cache()


def candidates() -> Iterator[dict[str, float]]:
    """Weights of the members on new items."""
    for pop, als, knn, mf in FLAT:
        yield {"popularity": pop, "als": als, "item_knn": knn, "mf_bpr": mf}


def choose_weights(november: November, lists: DataFrame) -> list[dict[str, float]]:
    """Per bucket of history lengths: the weights that are best for everyone, unless others are better by a standard error."""
    history = november.interactions.groupBy("user_idx").agg(F.count("*").alias("n_items"))
    bucket = sum((F.when(F.col("n_items") >= start, 1).otherwise(0) for start in BUCKETS[1:]), F.lit(0)).alias("bucket")
    buckets = history.select("user_idx", bucket).cache()
    trials = []
    for weights in candidates():
        began = time.monotonic()
        scored = november.per_user(fused(november, lists, weights), NEW_ITEMS).localCheckpoint()
        value = float(scored.agg(F.avg("ndcg")).collect()[0][0])
        trials.append((november.note("hybrid", weights, NEW_ITEMS, value, began), weights, scored))
    _, flat, of_flat = max(trials, key=lambda trial: trial[0])
    chosen = [flat for _ in BUCKETS]
    gains = [0.0 for _ in BUCKETS]
    base = of_flat.withColumnRenamed("ndcg", "flat").join(buckets, on="user_idx", how="inner").cache()
    for _, weights, scored in trials:
        pairs = base.join(scored, on="user_idx", how="inner").withColumn("gain", F.col("ndcg") - F.col("flat"))
        for row in (
            pairs.groupBy("bucket").agg(F.avg("gain").alias("gain"), F.stddev("gain").alias("sd"), F.count("*").alias("n")).collect()
        ):
            if row.sd and row.gain > row.sd / math.sqrt(row.n) and row.gain > gains[row.bucket]:
                chosen[row.bucket], gains[row.bucket] = weights, row.gain
    return chosen


def choose_repeat_weight(november: November, lists: DataFrame, weights: Mapping[str, float]) -> float:
    """How much the user's own habits count, on all items."""
    scores = {}
    for value in REPEAT_WEIGHTS:
        began, tried = time.monotonic(), {**weights, "repeat": value}
        scores[value] = november.note("hybrid", tried, ALL_ITEMS, november.ndcg(fused(november, lists, tried), ALL_ITEMS), began)
    return max(scores, key=lambda key: scores[key])


def main() -> None:
    """Search, print every trial, write the results."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    november = November()
    half_life = choose_half_life(november)
    november.at(half_life)
    chosen = {name: choose(november, name) for name in GRIDS}
    weights = choose_weights(november, all_lists(november, chosen, NEW_ITEMS))
    repeat = choose_repeat_weight(november, all_lists(november, chosen, ALL_ITEMS), weights[-1])
    result = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "data": "The Complete Journey 0.1.0",
        "protocol": f"fit before {AS_OF}, NDCG@{K} on [{AS_OF}, {UNTIL})",
        "seed": november.settings.seed,
        "machine": {"python": platform.python_version(), "system": platform.system(), "cores": 2},
        "chosen": {"half_life_days": half_life, **chosen, "hybrid": {"history_from": BUCKETS, "weights": weights, "repeat": repeat}},
        "trials": november.trials,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
