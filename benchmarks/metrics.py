"""Metrics of many users' lists: our evaluation against RePlay's Spark metrics, on the same Parquet files in one run.

    .venv/bin/python benchmarks/metrics.py --users 1000000 --length 100 --relevant 10 --shares 0.1 0.3 1.0

RePlay runs from an environment of its own, named by --replay-python or MAPPING_SPARK_REPLAY_PYTHON and left out where neither is given:
`pip install "replay-rec[spark]==0.22.0" pyspark==4.0.5 pyarrow==14.0.2 numpy==1.26.4 pandas==2.3.3`.
Every contender has a fresh process with the same Spark settings, each in turn; seconds count from the start of Spark, the reading of
the files included, and processor time and memory are those of Python, Java and the workers together. Values are compared before
anything is run again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from metrics_run import Task
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results" / "metrics.json"
REPLAY_PYTHON = "MAPPING_SPARK_REPLAY_PYTHON"
EQUAL = {
    "ndcg": "NDCG",
    "hit_rate": "HitRate",
    "precision": "Precision",
    "recall": "Recall",
    "map": "MAP",
    "mrr": "MRR",
    "auc": "RocAuc",
    "coverage": "Coverage",
}
"""Metrics of one definition, by our name and RePlay's: their values are compared."""
ALIKE = {"novelty": "Surprisal"}
"""Metrics of one cost but two definitions: ours in bits over the items shown, RePlay's as a share of log2(users) over k."""
TOLERANCE = 1e-9
POPULARITY_POWER = 3
"""An item is floor(n_items * u ** 3) of a uniform u: the first hundredth of the items takes 22 % of the draws."""
NO_LIST, SHORT_LIST, CHOSEN_FROM_LIST = 0.01, 0.05, 0.3
"""Shares: of users without a list, of users with one of any length, of relevant items drawn from the list."""
PARTITIONS = 16


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is generated."""

    n_users: int
    n_items: int
    length: int
    n_relevant: int
    n_interactions: int
    seed: int


@dataclass(frozen=True, slots=True)
class Contender:
    """A script and who runs it."""

    python: str
    script: str
    n_replicates: int = 0


def uniform(seed: int, name: str, *of: Column) -> Column:
    """A draw from [0, 1) that depends on its arguments alone, not on how the rows lie."""
    bits = 53  # what a double holds exactly
    return F.shiftrightunsigned(F.xxhash64(F.lit(f"{seed} {name}"), *of), 64 - bits) / F.lit(float(2**bits))


def frames(spark: SparkSession, sizes: Sizes) -> dict[str, DataFrame]:
    """recommendations (user_idx, item_idx bigint, rank int, score double), relevant and interactions (user_idx, item_idx)."""
    user = F.col("user_idx")

    def item(name: str, place: Column) -> Column:
        return F.floor(F.pow(uniform(sizes.seed, name, user, place), POPULARITY_POWER) * sizes.n_items)

    def relevant_item(place: Column) -> Column:
        listed = F.floor(uniform(sizes.seed, "place", user, place) ** 2 * sizes.length).cast("int") + 1
        from_list = uniform(sizes.seed, "from list", user, place) < CHOSEN_FROM_LIST
        return F.when(from_list, item("listed", listed)).otherwise(item("relevant", place))

    def different(n: int, draw: Any) -> Column:
        """The first `n` different items of twice as many draws."""
        return F.slice(F.array_distinct(F.transform(F.sequence(F.lit(1), F.lit(2 * n)), draw)), 1, n)

    kind, any_length = uniform(sizes.seed, "kind", user), F.floor(uniform(sizes.seed, "length", user) * sizes.length).cast("int") + 1
    shown = F.when(kind < NO_LIST, 0).when(kind < NO_LIST + SHORT_LIST, any_length).otherwise(sizes.length)
    users = spark.range(0, sizes.n_users, 1, PARTITIONS).withColumnRenamed("id", "user_idx")
    lists = users.select(user, F.slice(different(sizes.length, lambda place: item("listed", place)), F.lit(1), shown).alias("items"))
    ranked = lists.select(user, F.posexplode("items").alias("pos", "item_idx")).withColumn("rank", F.col("pos") + 1)
    chosen = different(sizes.n_interactions, lambda place: item("chosen", place))
    return {
        "recommendations": ranked.select(user, "item_idx", "rank", (F.lit(1.0) / F.col("rank")).alias("score")),
        "relevant": users.select(user, F.explode(different(sizes.n_relevant, relevant_item)).alias("item_idx")),
        "interactions": users.select(user, F.explode(chosen).alias("item_idx")),
    }


def generate(sizes: Sizes, folder: Path, settings: Mapping[str, str]) -> dict[str, int]:
    """Write the frames as Parquet; gives how many rows each has."""
    builder = SparkSession.builder.appName("generate")
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    for name, frame in frames(spark, sizes).items():
        frame.write.parquet(str(folder / name))
    n_rows = {name: spark.read.parquet(str(folder / name)).count() for name in ("recommendations", "relevant", "interactions")}
    spark.stop()
    return n_rows


def run(contender: Contender, task: Task) -> dict[str, Any]:
    """One run in a process of its own: values, seconds, cpu_seconds, peak_mb, packages."""
    given = json.dumps(asdict(replace(task, n_replicates=contender.n_replicates)))
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent)}
    command = [contender.python, str(FOLDER / contender.script), given]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{contender.script} failed:\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def differences(ours: Mapping[str, float], replay: Mapping[str, float], ks: Sequence[int]) -> dict[str, float]:
    """How far the values of each metric of one definition lie apart at most, over the cut-offs; NaN where one of them is missing."""
    apart = {}
    for name, other in EQUAL.items():
        ours_k, replay_k = (np.array([values[f"{metric}@{k}"] for k in ks], float) for values, metric in ((ours, name), (replay, other)))
        apart[name] = float(np.abs(ours_k - replay_k).max())
    return apart


def run_size(contenders: Mapping[str, Contender], sizes: Sizes, task: Task, repeats: int) -> dict[str, Any]:
    """Every contender in turn on one set of files, as often as asked for."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    apart: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:  # so that no other Java stands beside the contenders
            n_rows = process.submit(generate, sizes, Path(folder), task.spark).result()
        for _ in range(repeats):
            for name, contender in contenders.items():
                found = run(contender, replace(task, folder=folder))
                runs[name].append(found)
                took = f"{found['seconds']:10.1f} s{found['cpu_seconds']:10.1f} s of processor"
                print(f"{name:20}{took}{found['peak_mb']:10,} MB", flush=True)
            if "replay" in runs and not apart:
                apart = differences(runs["ours"][0]["values"], runs["replay"][0]["values"], task.ks)
                if not all(value <= TOLERANCE for value in apart.values()):
                    raise SystemExit(f"{sizes.n_users:,} users: the values differ: {apart}")
    seconds = {name: median(one["seconds"] for one in of) for name, of in runs.items()}
    return {
        "sizes": asdict(sizes),
        "rows": n_rows,
        "seconds": seconds,
        "seconds_of_each_run": {name: [one["seconds"] for one in of] for name, of in runs.items()},
        "cpu_seconds": {name: median(one["cpu_seconds"] for one in of) for name, of in runs.items()},
        "peak_mb": {name: median(one["peak_mb"] for one in of) for name, of in runs.items()},
        "ratios": {f"{name} / ours": value / seconds["ours"] for name, value in seconds.items() if name != "ours"},
        "largest_difference": apart,
        "only_ours": sorted({key.partition("@")[0] for key in runs["ours"][0]["values"]} - {*EQUAL, *ALIKE}),
        "values": {name: of[0]["values"] for name, of in runs.items()},
        "packages": {name: of[0]["packages"] for name, of in runs.items()},
    }


def growth(results: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The power of the number of users with which a contender's seconds grow from the first size to its last; 1 is linear."""
    powers, first = {}, results[0]
    for name, seconds in first["seconds"].items():
        last = [result for result in results if name in result["seconds"]][-1]
        users = math.log(last["sizes"]["n_users"] / first["sizes"]["n_users"])
        if users:
            powers[name] = math.log(last["seconds"][name] / seconds) / users
    return powers


def machine() -> dict[str, Any]:
    """What it ran on, and how busy that was."""
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    facts = {"cpu": models[0] if models else platform.processor(), "cores": os.cpu_count(), "memory_mb": memory_mb}
    return facts | {"load_1_minute": os.getloadavg()[0], "python": platform.python_version()}


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value, what in (
        ("users", 1_000_000, "users with something relevant"),
        ("items", 20_000, "items of the catalogue"),
        ("length", 100, "recommendations per user"),
        ("relevant", 10, "relevant items per user"),
        ("interactions", 20, "items per user in training"),
        ("replicates", 200, "bootstrap replicates of ours_with_intervals; 0 to leave it out"),
        ("repeats", 3, "runs of each contender"),
        ("replay-up-to", 1_000_000, "users beyond which RePlay is left out"),
        ("cores", 2, "threads of Spark"),
        ("shuffle-partitions", 32, "partitions of a shuffle"),
        ("seed", 0, "seed of the data and the replicates"),
    ):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{what} ({value:,})")
    parser.add_argument("--ks", nargs="+", type=int, default=[5, 10, 20, 50, 100], help="cut-offs")
    parser.add_argument("--shares", nargs="+", type=float, default=[1.0], help="shares of the users, each a size of its own: 0.1 0.3 1.0")
    parser.add_argument("--driver-memory", default="8g", help="Java's heap (8g)")
    parser.add_argument("--replay-python", default=os.environ.get(REPLAY_PYTHON, ""), help=f"Python that has replay-rec (${REPLAY_PYTHON})")
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser.parse_args()


def main() -> None:
    """Every size; prints and keeps the medians."""
    asked = options()
    spark = {
        "spark.master": f"local[{asked.cores}]",
        "spark.driver.memory": asked.driver_memory,
        "spark.sql.shuffle.partitions": str(asked.shuffle_partitions),
        "spark.sql.execution.arrow.pyspark.enabled": "true",  # as RePlay's own session has it
        "spark.sql.execution.arrow.maxBytesPerBatch": str(2**31 - 1),  # as in conf/base.yml
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    contenders, skipped = {"ours": Contender(sys.executable, "our_metrics.py")}, {}
    if asked.replicates:
        contenders["ours_with_intervals"] = Contender(sys.executable, "our_metrics.py", asked.replicates)
    if asked.replay_python:
        contenders["replay"] = Contender(asked.replay_python, "replay_metrics.py")
    else:
        skipped["replay"] = f"neither --replay-python nor {REPLAY_PYTHON} names a Python that has replay-rec"
        print(f"replay is left out: {skipped['replay']}")
    facts, results = machine(), []
    task = Task("", asked.ks, spark, [*EQUAL.values(), *ALIKE.values()], 0, asked.seed)
    for share in asked.shares:
        n_users = round(asked.users * share)
        print(f"\n{n_users:,} users x {asked.length} recommendations", flush=True)
        sizes = Sizes(n_users, asked.items, asked.length, asked.relevant, asked.interactions, asked.seed)
        chosen = dict(contenders)
        if n_users > asked.replay_up_to and chosen.pop("replay", None):
            skipped[f"replay at {n_users:,} users"] = f"--replay-up-to {asked.replay_up_to}"
        results.append(run_size(chosen, sizes, task, asked.repeats))
        print("  ".join(f"{name} {value:.2f}" for name, value in results[-1]["ratios"].items()))
    config = {name: value for name, value in vars(asked).items() if name not in ("output", "replay_python")}
    kept: dict[str, Any] = {"machine": facts, "config": config | {"spark": spark}, "skipped": skipped, "results": results}
    if len(results) > 1:
        kept["growth"] = growth(results)
        print("growth: " + "  ".join(f"{name} {value:.2f}" for name, value in kept["growth"].items()))
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
