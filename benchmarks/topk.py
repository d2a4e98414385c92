"""Top-k of all users: this project's blocked search against Spark ML, FAISS and numpy, on the same factors in one run.

    .venv/bin/python benchmarks/topk.py --sizes 5000x10000 20000x10000 20000x40000

Lists are compared before times are: ours must equal brute force in double, row by row. The Spark contenders read Parquet and end in a
sink that drops the rows; FAISS and numpy start and end with arrays in the memory of one process, so they have less to do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyspark.ml.recommendation import ALS, ALSModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.recommend.settings import BlockConfig
from mapping_spark.recommend.topk import top_k
from mapping_spark.session import build_session

RESULTS = Path(__file__).resolve().parent / "results" / "topk.json"
CHUNK = 512

Matrix = NDArray[np.float32]
Items = NDArray[np.int64]


def brute_force(users: Matrix, items: Matrix, k: int) -> Items:
    """The reference: scores in double rounded to float, ties by the smaller item."""
    found = []
    for start in range(0, len(users), CHUNK):
        scores = (users[start : start + CHUNK].astype(np.float64) @ items.T.astype(np.float64)).astype(np.float32)
        found.append(np.argsort(-scores, axis=1, kind="stable")[:, :k])
    return np.concatenate(found)


def numpy_top(users: Matrix, items: Matrix, k: int) -> Items:
    """The usual few lines: a matrix product and argpartition, chunk by chunk."""
    found = []
    for start in range(0, len(users), CHUNK):
        scores = users[start : start + CHUNK] @ items.T
        part = np.argpartition(-scores, k, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, part, axis=1), axis=1, kind="stable")
        found.append(np.take_along_axis(part, order, axis=1))
    return np.concatenate(found)


def faiss_top(users: Matrix, items: Matrix, k: int, threads: int) -> Items:
    """One flat index in one process."""
    faiss.omp_set_num_threads(threads)
    index: Any = faiss.IndexFlatIP(items.shape[1])
    index.add(items)
    found: Items = index.search(users, k)[1]
    return found


def store(matrix: Matrix, index: str, values: str, path: Path, ids: Any) -> None:
    """One row per vector, ids counting from 0, in as many files as Spark has cores."""
    lists = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), matrix.shape[1]).cast(pa.list_(pa.float32()))
    path.mkdir(parents=True, exist_ok=True)
    table = pa.table({index: pa.array(np.arange(len(matrix)), ids), values: lists})
    for number, start in enumerate(range(0, len(matrix), max(1, len(matrix) // 4))):
        pq.write_table(table.slice(start, max(1, len(matrix) // 4)), path / f"part-{number}.parquet")


def als_model(spark: SparkSession, users: Matrix, items: Matrix, folder: Path) -> ALSModel:
    """A Spark ML model that holds the given factors: a tiny fit is saved, and its factors replaced on disk."""
    ratings = spark.createDataFrame([(0, 0, 1.0), (1, 1, 1.0)], "user int, item int, rating float")
    ALS(rank=users.shape[1], maxIter=1, seed=0).fit(ratings).save(str(folder))
    for name, matrix in (("userFactors", users), ("itemFactors", items)):
        for file in (folder / name).iterdir():
            file.unlink()
        store(matrix, "id", "features", folder / name, pa.int32())
    return ALSModel.load(str(folder))


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """The best of some runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def drain(frame: DataFrame) -> None:
    """Compute every row and keep none."""
    frame.write.format("noop").mode("overwrite").save()


def same_lists(frame: DataFrame, expected: Items) -> float:
    """Share of users whose items are the expected ones in the expected order."""
    found: pa.Table = frame.orderBy("user_idx", "rank").select("item_idx").toArrow()
    lists = found["item_idx"].to_numpy().reshape(expected.shape)
    return float((lists == expected).all(axis=1).mean())


def run_size(spark: SparkSession, n_users: int, n_items: int, settings: argparse.Namespace) -> dict[str, Any]:
    """All contenders on one pair of random factor matrices."""
    rng = np.random.default_rng(settings.seed)
    users, items = (rng.normal(size=(n, settings.rank)).astype(np.float32) for n in (n_users, n_items))
    expected, k = brute_force(users, items, settings.k), settings.k
    grid = BlockConfig().grid(n_users, n_items)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store(users, "user_idx", "values", folder / "users", pa.int64())
        store(items, "item_idx", "values", folder / "items", pa.int64())
        queries, targets = (spark.read.parquet(str(folder / side)).withColumn("indices", F.lit(None)) for side in ("users", "items"))
        ours = top_k(queries, targets, k, grid=grid)
        ml = als_model(spark, users, items, folder / "als").recommendForAllUsers(k)
        ranked = ml.select(F.col("user").alias("user_idx"), F.posexplode("recommendations").alias("rank", "best"))
        agreement = {
            "ours": same_lists(ours, expected),
            "spark_ml": same_lists(ranked.select("user_idx", "rank", F.col("best.item").alias("item_idx")), expected),
            "faiss": float((faiss_top(users, items, k, settings.cores) == expected).all(axis=1).mean()),
            "numpy": float((numpy_top(users, items, k) == expected).all(axis=1).mean()),
        }
        if agreement["ours"] < 1:
            raise SystemExit(f"{n_users}x{n_items}: {1 - agreement['ours']:.2%} of the lists differ from brute force")
        times = {
            "ours": seconds(lambda: drain(ours), settings.repeats),
            "spark_ml": seconds(lambda: drain(ml), settings.repeats),
            "faiss": seconds(lambda: faiss_top(users, items, k, settings.cores), settings.repeats),
            "faiss_1_thread": seconds(lambda: faiss_top(users, items, k, 1), settings.repeats),
            "numpy": seconds(lambda: numpy_top(users, items, k), settings.repeats),
        }
    return {
        "n_users": n_users,
        "n_items": n_items,
        "grid": [grid.query_blocks, grid.target_blocks],
        "seconds": times,
        "same_lists": agreement,
    }


def machine() -> dict[str, Any]:
    """What it ran on, and how busy that was."""
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load_1_minute": os.getloadavg()[0],
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("pyspark", "faiss-cpu", "numpy", "pyarrow")},
    }


def show(result: dict[str, Any]) -> None:
    """Print one size as a table."""
    print(f"\n{result['n_users']:,} users x {result['n_items']:,} items, blocks {result['grid'][0]} x {result['grid'][1]}")
    print(f"{'':16}{'seconds':>10}{'users/s':>12}{'ours takes':>14}{'same lists':>14}")
    for name, taken in result["seconds"].items():
        share = result["same_lists"].get(name)
        relative = result["seconds"]["ours"] / taken
        print(f"{name:16}{taken:10.2f}{result['n_users'] / taken:12,.0f}{relative:12.2f} x{'' if share is None else f'{share:.2%}':>14}")


def main() -> None:
    """Run every size, print the tables, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["5000x10000", "20000x10000", "20000x40000"], help="users x items")
    for name, value in (("rank", 64), ("k", 10), ("seed", 0), ("repeats", 3), ("cores", os.cpu_count() or 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--output", type=Path, default=RESULTS)
    settings = parser.parse_args()
    options = {
        "spark.master": f"local[{settings.cores}]",
        "spark.driver.memory": "4g",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    spark = build_session("benchmark", options | {"spark.sql.shuffle.partitions": str(4 * settings.cores)})
    spark.sparkContext.setLogLevel("ERROR")
    results = []
    for size in settings.sizes:
        n_users, n_items = (int(number) for number in size.split("x"))
        results.append(run_size(spark, n_users, n_items, settings))
        show(results[-1])
    config = {name: getattr(settings, name) for name in ("rank", "k", "seed", "repeats", "cores")}
    settings.output.parent.mkdir(parents=True, exist_ok=True)
    settings.output.write_text(json.dumps({"machine": machine(), "config": config, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
