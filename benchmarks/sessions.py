"""The next click of a session: the models of baskets and sessions against chance, popularity and what the session saw last.

    .venv/bin/python benchmarks/sessions.py             # the published test
    .venv/bin/python benchmarks/sessions.py --choose    # every candidate on the last training sessions

Data: RetailRocket as prepared for COTREC (Xia et al., CIKM 2021): 126,168 training sessions, 15,132 prefixes of later ones.
A model is fitted on the training sessions, and lists 20 of all items for each prefix, clicked or not. P@20 is the share of
prefixes whose next click is in the list, MRR@20 the mean of 1 / its rank there (0 where it is not), both in percent. Equal
scores: the smaller item first.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocols import data_folder
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from mapping_spark.models.association_rules import AssociationRules, AssociationRulesConfig
from mapping_spark.models.base import TrainingData
from mapping_spark.models.markov import Markov, MarkovConfig
from mapping_spark.models.popularity_all_time import PopularityAllTime, PopularityAllTimeConfig
from mapping_spark.models.vectors import as_index, dense, one_hot, sparse
from mapping_spark.recommend.settings import BlockConfig
from mapping_spark.recommend.topk import top_k
from mapping_spark.session import build_session

K = 20
SEED = 7
AS_OF = dt.date(2015, 9, 19)  # no times are known: the day after the last one of the source
N_VALIDATION_SESSIONS = 6_000
CHANCE = "random"
SESSION_MODELS = {"association_rules": (AssociationRules, AssociationRulesConfig), "markov": (Markov, MarkovConfig)}
PROTOCOL = f"next click, all items, P@{K} and MRR@{K} in %"
SHORT_SESSIONS = {"min_support": 1, "item_decay": 0.7}
GRIDS: Mapping[str, list[dict[str, Any]]] = {
    "association_rules": [
        SHORT_SESSIONS | {"lift_power": power, "shrinkage": shrinkage} for power, shrinkage in ((0, 5), (0.2, 5), (0.2, 20), (0.4, 20))
    ],
    "markov": [{"smoothing": smoothing} for smoothing in (2, 10, 20, 50)],
}
CHOSEN: Mapping[str, dict[str, Any]] = {
    "association_rules": SHORT_SESSIONS | {"lift_power": 0.2, "shrinkage": 20},
    "markov": {"smoothing": 50},
}
"""The candidates with the highest P@20 on the last training sessions: see `validation`."""
GRID = BlockConfig().grid(15_132, 36_968)
SPARK = {
    "spark.master": f"local[{os.cpu_count()}]",
    "spark.driver.memory": "4g",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "8",
}


@dataclass(frozen=True, slots=True)
class Sessions:
    """`training` and `prefixes`: choices as in `TrainingData`, a session being a user; `targets`: (user_idx, item_idx), one per prefix."""

    training: DataFrame
    prefixes: DataFrame
    targets: DataFrame


def load(spark: SparkSession, folder: Path) -> Sessions:
    """The published training sessions, test prefixes and test targets."""
    training, prefixes, found = (
        spark.read.parquet(str(folder / f"{name}.parquet")) for name in ("train_sessions", "test_prefixes", "test_targets")
    )
    return Sessions(choices(training).cache(), choices(prefixes).cache(), targets(found).cache())


def choices(clicks: DataFrame) -> DataFrame:
    """(session, pos, item) as choices: a session is a user with one basket."""
    latest = Window.partitionBy("session").orderBy(F.desc("pos"))
    return clicks.select(
        F.col("session").cast("bigint").alias("user_idx"),
        F.col("item").cast("bigint").alias("item_idx"),
        F.lit("session").alias("basket"),
        F.row_number().over(latest).alias("recency"),
    )


def targets(clicks: DataFrame) -> DataFrame:
    """(session, target) as pairs of indices."""
    return clicks.select(F.col("session").cast("bigint").alias("user_idx"), F.col("target").cast("bigint").alias("item_idx"))


def validation(spark: SparkSession, folder: Path) -> Sessions:
    """The last training sessions held out as the test is: every click but a session's first, with the clicks before it.

    Sessions stand in the order of time. As in the test, items that no earlier session has are left out.
    """
    clicks = spark.read.parquet(str(folder / "train_sessions.parquet"))
    n_sessions = clicks.agg(F.countDistinct("session").alias("n")).collect()[0]["n"]
    is_late = F.col("session") >= n_sessions - N_VALIDATION_SESSIONS
    training = clicks.where(~is_late)
    late = clicks.where(is_late).join(training.select("item").distinct(), on="item", how="left_semi")
    following = late.select("session", F.col("pos").alias("end"), F.col("item").alias("target"))
    cut = late.join(following, on="session", how="inner").where(F.col("pos") < F.col("end"))
    cut = cut.withColumn("session", F.col("session") * 1_000 + F.col("end"))  # no session is that long
    right = targets(cut.select("session", "target").distinct())  # every click of a prefix names the one that follows
    return Sessions(choices(training).cache(), choices(cut).cache(), right.cache())


def next_items(model: str, settings: Mapping[str, Any], sessions: Sessions) -> DataFrame:
    """The lists of a session model fitted on the training sessions: (user_idx, item_idx, score, rank)."""
    kind, config = SESSION_MODELS[model]
    fitted = kind(config(**settings), SEED)
    return lists(fitted.user_vectors(sessions.prefixes), fitted.fit(training_data(sessions)).items)


def popular_items(sessions: Sessions) -> DataFrame:
    """The same list for every prefix: the items of most training sessions."""
    items = PopularityAllTime(PopularityAllTimeConfig(), SEED).fit(training_data(sessions)).items
    return lists(dense(sessions.targets, "user_idx", F.array(F.lit(1.0))), items)


def latest_items(sessions: Sessions) -> DataFrame:
    """What the session clicked before, latest first."""
    seen = sessions.prefixes.groupBy("user_idx", as_index("item_idx").alias("index")).agg((1 / F.min("recency")).alias("value"))
    return lists(sparse(seen, "user_idx"), one_hot(sessions.prefixes.select("item_idx").distinct(), "item_idx"))


def training_data(sessions: Sessions) -> TrainingData:
    """What models are fitted on: every click of weight 1 at the same time, no words."""
    pairs = sessions.training.select("user_idx", "item_idx").distinct()
    interactions = pairs.withColumns({"weight": F.lit(1.0), "last_at": F.lit(dt.datetime.combine(AS_OF, dt.time(), dt.UTC))})
    texts = sessions.training.select("item_idx", F.lit(None).cast("string").alias("text")).distinct()
    return TrainingData(interactions, texts, AS_OF, sessions.training)


def lists(users: DataFrame, items: DataFrame) -> DataFrame:
    """The first 20 of all items."""
    return top_k(users, items.localCheckpoint(), K, grid=GRID)


def measure(found: DataFrame, sessions: Sessions) -> dict[str, float]:
    """P@20 and MRR@20 in percent, each with half the width of its 95 % interval."""
    ranked = sessions.targets.join(found, on=["user_idx", "item_idx"], how="left").select(
        F.col("rank").isNotNull().cast("double").alias("p20"), F.coalesce(1 / F.col("rank"), F.lit(0.0)).alias("mrr20")
    )
    half = {f"{name}_half": 1.96 * F.stddev(name) / F.sqrt(F.count(name)) for name in ranked.columns}
    means = {name: F.avg(name) for name in ranked.columns}
    (row,) = ranked.agg(*((100 * value).alias(name) for name, value in (means | half).items())).collect()
    return {name: float(value) for name, value in row.asDict().items()}


def chance(sessions: Sessions) -> dict[str, float]:
    """What 20 items drawn without a look are expected to reach, in percent."""
    n_items = sessions.training.select("item_idx").distinct().count()
    return {"p20": 100 * K / n_items, "mrr20": 100 * sum(1 / rank for rank in range(1, K + 1)) / n_items}


FLOORS: Mapping[str, Callable[[Sessions], DataFrame]] = {"popularity_all_time": popular_items, "latest_in_session": latest_items}


def row(model: str, settings: Mapping[str, Any], sessions: Sessions) -> dict[str, Any]:
    """{model, protocol, settings, measured, seconds} of a floor or a model; seconds hold the fit and the search."""
    began = time.perf_counter()
    if model == CHANCE:
        measured = chance(sessions)
    else:
        measured = measure(FLOORS[model](sessions) if model in FLOORS else next_items(model, settings, sessions), sessions)
    seconds = round(time.perf_counter() - began, 1)
    return {"model": model, "protocol": PROTOCOL, "settings": dict(settings), "measured": measured, "seconds": seconds}


def retailrocket_sessions(spark: SparkSession, folder: Path) -> list[dict[str, Any]]:
    """The floors and the models on the published test of the data set that lies in `folder`."""
    sessions = load(spark, folder)
    return [row(model, CHOSEN.get(model, {}), sessions) for model in (CHANCE, *FLOORS, *CHOSEN)]


def candidates(spark: SparkSession, folder: Path) -> list[dict[str, Any]]:
    """Every candidate on the validation sessions."""
    sessions = validation(spark, folder)
    return [row(model, settings, sessions) for model, grid in GRIDS.items() for settings in grid]


def show(found: list[dict[str, Any]]) -> None:
    """Print rows as a table."""
    for row in found:
        measured = "  ".join(f"{name} {value:6.2f}" for name, value in row["measured"].items() if not name.endswith("_half"))
        print(f"{row['model']:20} {measured}  {row['seconds']:6.1f} s  {json.dumps(row['settings'])}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choose", action="store_true", help="measure the candidates on the last training sessions instead")
    options = parser.parse_args()
    spark = build_session("sessions", SPARK)
    spark.sparkContext.setLogLevel("ERROR")
    folder = data_folder() / "retailrocket-sessions"
    show(candidates(spark, folder) if options.choose else retailrocket_sessions(spark, folder))


if __name__ == "__main__":
    main()
