"""The feed against what a user would pick instead, on the same files in one run; each pass of each contender in turn.

    .venv/bin/python benchmarks/feed.py --rows 4000000

`ours` and `petastorm` shuffle through pools of the same number of rows and give batches as tensors; `pyarrow` reads every
column to tensors in file order, and makes no batches.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from mapping_spark.training import manifest as manifests
from mapping_spark.training.feed import Feed
from mapping_spark.training.manifest import COLUMNS, Manifest
from mapping_spark.training.settings import TrainingConfig

warnings.filterwarnings("ignore", category=FutureWarning)

from petastorm import make_batch_reader  # noqa: E402
from petastorm.pytorch import BatchedDataLoader  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results" / "feed.json"


def write_pairs(folder: Path, n_rows: int, rows_per_group: int, seed: int) -> Manifest:
    """A snapshot of random pairs."""
    rng = np.random.default_rng(seed)
    files = []
    (folder / "data").mkdir(parents=True)
    for number, start in enumerate(range(0, n_rows, rows_per_group)):
        n = min(rows_per_group, n_rows - start)
        columns = {
            "row": np.arange(start, start + n),
            "user_idx": rng.integers(0, 1_000_000, n),
            "item_idx": rng.integers(0, 100_000, n),
            "weight": rng.random(n, dtype=np.float32),
            "at": rng.integers(1_500_000_000, 1_600_000_000, n),
        }
        path = f"data/part-{number:05}.parquet"
        pq.write_table(pa.table(columns), folder / path, row_group_size=rows_per_group)
        files.append(manifests.inspect(manifests.open_folder(str(folder)), path, "interactions"))
    facts: dict[str, Any] = dict(shape="interactions", rows_per_group=rows_per_group, n_users=1_000_000, n_items=100_000, length=0)
    return manifests.of_files(files, **facts, as_of="2017-12-01", versions={}, config={}, created_at="2017-12-01T00:00:00+00:00")


def ours(manifest: Manifest, folder: Path, config: TrainingConfig) -> int:
    """One epoch of the feed; returns the rows that came."""
    return sum(len(batch["row"]) for batch in Feed(manifest, str(folder), config).epoch(0))


def petastorm(manifest: Manifest, folder: Path, config: TrainingConfig) -> int:
    """One epoch of petastorm's fastest loader, with a shuffling queue as large as our pool."""
    urls = [f"file://{folder}/{file.path}" for file in manifest.files]
    reader = make_batch_reader(urls, schema_fields=list(COLUMNS["interactions"]), num_epochs=1, workers_count=config.reader_threads)
    with BatchedDataLoader(reader, batch_size=config.batch_size, shuffling_queue_capacity=config.pool_rows) as loader:
        return sum(len(batch["row"]) for batch in loader)


def pyarrow(manifest: Manifest, folder: Path, config: TrainingConfig) -> int:
    """Every column of every file as a tensor, nothing shuffled."""
    n_rows = 0
    for file in manifest.files:
        table = pq.read_table(folder / file.path, memory_map=False)
        tensors = {name: torch.from_numpy(np.array(table[name].to_numpy())) for name in table.column_names}
        n_rows += len(tensors["row"])
    return n_rows


CONTENDERS: dict[str, Callable[[Manifest, Path, TrainingConfig], int]] = {"ours": ours, "petastorm": petastorm, "pyarrow": pyarrow}


def main() -> None:
    """Write a snapshot, run the contenders in turn, print and keep the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (
        ("rows", 4_000_000),
        ("rows-per-group", 131_072),
        ("pool", 1_000_000),
        ("batch", 4096),
        ("repeats", 5),
        ("seed", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = TrainingConfig(ranks=1, batch_size=options.batch, pool_rows=options.pool)
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as name:
        manifest = write_pairs(Path(name), options.rows, options.rows_per_group, options.seed)
        for _ in range(options.repeats):
            for contender, work in CONTENDERS.items():
                began = time.perf_counter()
                rates[contender].append(work(manifest, Path(name), config) / (time.perf_counter() - began))
    medians = {contender: median(of) for contender, of in rates.items()}
    ratios = {f"ours / {other}": medians["ours"] / medians[other] for other in ("petastorm", "pyarrow")}
    for contender, rate in medians.items():
        print(f"{contender:12}{rate / 1e6:8.2f} M rows/s")
    print("  ".join(f"{ratio} {value:.2f}" for ratio, value in ratios.items()))
    settings = {name: value for name, value in vars(options).items() if name != "output"}
    facts = {"cores": os.cpu_count(), "load_1_minute": os.getloadavg()[0], "config": settings, "rows_per_second": medians, "ratios": ratios}
    options.output.write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
