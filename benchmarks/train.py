"""Samples per second of the training loop, each contender in turn within one run: ranks, libraries, a bare loop.

    .venv/bin/python benchmarks/train.py

Ranks compute on one thread each and share one batch size, so 2 ranks do the work of 1. `bare` is a plain PyTorch loop over
tensors in memory with the same module, optimiser and negatives per row, in one process.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pyspark.sql import SparkSession
from torch import nn

from mapping_spark.models.mf_bpr import MfBpr, MfBprConfig
from mapping_spark.models.sasrec import SasRec, SasRecConfig
from mapping_spark.session import build_session
from mapping_spark.training import launch
from mapping_spark.training import manifest as manifests
from mapping_spark.training.feed import Feed
from mapping_spark.training.negatives import DrawKey, Negatives
from mapping_spark.training.run import Training
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.trainable import Sizes, as_trainable, sparse_tables

RESULTS = Path(__file__).resolve().parent / "results" / "train.json"
ANSWER_SECONDS = 40


@dataclass(frozen=True)
class Case:
    """A module on a snapshot."""

    name: str
    shape: manifests.Shape
    make: Callable[[Sizes], nn.Module]
    batch_size: int
    n_rows: int
    n_users: int
    n_items: int
    length: int = 0


SEQUENCES = Case("sequences", "sequences", SasRec(SasRecConfig(loss="sampled_softmax"), 7).module, 512, 12_800, 12_800, 20_000, 50)
"""SASRec, 2 blocks of 64, 256 negatives per batch; the batch makes 256 histories per rank where there are two."""
TABLE = Case("sparse_table", "interactions", MfBpr(MfBprConfig(sparse_rows=100_000), 7).module, 32_768, 819_200, 1_000_000, 20_000)
"""BPR-MF of 64 with 4 negatives of each pair's own; the million users' gradients are sparse, the 20,000 items' are not."""
SHARED = replace(
    TABLE,
    name="sparse_table_shared",
    make=MfBpr(MfBprConfig(loss="info_nce", negatives=Negatives("uniform", 512, "batch"), sparse_rows=100_000), 7).module,
)
"""The same tables with 512 negatives that a batch shares, as conf/base.yml trains it."""
CASES = (SEQUENCES, TABLE, SHARED)


def write_snapshot(case: Case, folder: Path, seed: int) -> None:
    """Random rows in 64 files."""
    rng, files, n = np.random.default_rng(seed), [], case.n_rows // 64
    (folder / "data").mkdir(parents=True)
    for number in range(64):
        columns: dict[str, Any] = {"row": np.arange(number * n, (number + 1) * n), "user_idx": rng.integers(0, case.n_users, n)}
        if case.shape == "sequences":
            offsets = pa.array(np.arange(n + 1) * case.length, pa.int32())
            lists = [pa.ListArray.from_arrays(offsets, pa.array(rng.integers(0, case.n_items, n * case.length))) for _ in range(2)]
            columns |= {"window": np.zeros(n, np.int32), "item_idxs": lists[0], "ats": lists[1]}
        else:
            columns |= {"item_idx": rng.integers(0, case.n_items, n), "weight": np.ones(n, np.float32), "at": np.zeros(n, np.int64)}
        path = f"data/part-{number:05}.parquet"
        pq.write_table(pa.table(columns), folder / path)
        files.append(manifests.inspect(manifests.open_folder(str(folder)), path, case.shape))
    facts: dict[str, Any] = dict(shape=case.shape, rows_per_group=n, n_users=case.n_users, n_items=case.n_items, length=case.length)
    facts |= dict(as_of="2017-12-01", versions={}, config={}, created_at="2017-12-01T00:00:00+00:00")
    manifests.write(str(folder), manifests.of_files(files, **facts))


def last_rate(summary: dict[str, Any]) -> float:
    """Samples per second of the last epoch, over all ranks."""
    return float(summary["reports"][-1]["samples_per_second"])


def one(spark: SparkSession, training: Training) -> float:
    """Our loop in this process."""
    return last_rate(launch.in_one_process(training))


def horovod(spark: SparkSession, training: Training) -> float:
    """Our loop on two Horovod ranks."""
    return last_rate(launch.on_horovod(spark, training, 2, ANSWER_SECONDS)[0])


def alone(training: Training) -> float:
    """Our loop in a process of its own."""
    torch.set_num_threads(1)
    return last_rate(launch.in_one_process(training))


def two_alone(spark: SparkSession, training: Training) -> float:
    """Two trainings at once that say nothing to each other: what the machine has to give to two ranks."""
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        return sum(processes.map(alone, [replace(training, folder=f"{training.folder}/{rank}") for rank in range(2)]))


def torch_distributed(spark: SparkSession, training: Training) -> float:
    """Our loop on two gloo ranks of torch.distributed."""
    return last_rate(launch.on_torch_distributed(spark, training, 2, ANSWER_SECONDS))


def bare(spark: SparkSession, training: Training) -> float:
    """A plain loop over tensors in memory, of which the last epoch is timed."""
    config, manifest = training.config, manifests.read(training.snapshot)
    batches = list(Feed(manifest, training.snapshot, config).epoch(0))
    columns = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    module = training.make(Sizes(manifest.n_users, manifest.n_items, manifest.length))
    trainable, tables = as_trainable(module), sparse_tables(module)
    rest = [weight for weight in module.parameters() if all(weight is not table for table in tables)]
    optimisers = [torch.optim.Adam(rest), *([torch.optim.SparseAdam(tables)] if tables else [])]
    for epoch in range(config.epochs):
        began, order = time.perf_counter(), torch.randperm(manifest.rows)
        for step, rows in enumerate(torch.split(order, config.batch_size)):
            batch = {name: column[rows] for name, column in columns.items()}
            if trainable.negatives is not None:
                batch["negatives"] = trainable.negatives.draw(batch, DrawKey(config.seed, epoch, step))
            total, terms = trainable.loss(batch)
            (total / terms).backward()  # type: ignore[no-untyped-call]
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
    return manifest.rows / (time.perf_counter() - began)


CONTENDERS: dict[str, tuple[int, Callable[[SparkSession, Training], float]]] = {
    "one": (1, one),
    "two_alone": (1, two_alone),
    "bare": (1, bare),
    "horovod": (2, horovod),
    "torch_distributed": (2, torch_distributed),
}


def run_case(spark: SparkSession, case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """Every contender in turn, as often as asked for."""
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(options.repeats):
        for name, (ranks, contender) in CONTENDERS.items():
            with tempfile.TemporaryDirectory() as folder:
                write_snapshot(case, Path(folder) / "snapshot", options.seed)
                config = TrainingConfig(ranks=ranks, batch_size=case.batch_size, epochs=options.epochs)
                training = Training(f"{folder}/snapshot", case.make, config, folder)
                rates[name].append(contender(spark, training))
    medians = {name: median(of) for name, of in rates.items()}
    ratios = {
        "2 ranks / 1 rank": medians["horovod"] / medians["one"],
        "two alone / 1 rank": medians["two_alone"] / medians["one"],
        "ours / bare": medians["one"] / medians["bare"],
        "horovod's step / gloo's": medians["torch_distributed"] / medians["horovod"],
    }
    print(f"{case.name}: " + ", ".join(f"{name} {rate:,.0f}" for name, rate in medians.items()) + " samples/s")
    print("  " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()), flush=True)
    return {"case": case.name, "samples_per_second": medians, "ratios": ratios}


def main() -> None:
    """Every case; prints and keeps the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("repeats", 5), ("epochs", 2), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--cases", nargs="+", default=[case.name for case in CASES])
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    quiet = {"spark.master": "local[2]", "spark.driver.memory": "1g", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    spark = build_session("benchmark", quiet)
    spark.sparkContext.setLogLevel("ERROR")
    facts = {"cores": os.cpu_count(), "load_1_minute": os.getloadavg()[0], "config": {"repeats": options.repeats, "epochs": options.epochs}}
    results: list[dict[str, Any]] = []
    for case in (case for case in CASES if case.name in options.cases):
        results.append(run_case(spark, case, options))
        options.output.write_text(json.dumps(facts | {"results": results}, indent=2) + "\n")  # each takes minutes: what is done is kept


if __name__ == "__main__":
    main()
