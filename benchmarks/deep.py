"""Deep models on public data, with the protocols and figures that are published for them (`make bench-deep`).

    PYTHONPATH=. .venv/bin/python benchmarks/deep.py --only beauty/sasrec

Each run writes a training snapshot, trains on it in one process by the project's own feed and loop, keeps the epoch with the best
NDCG@10 on the item before the last, and then ranks the last item once.
`benchmarks/results/deep.json` is written after every run. Budgets are seconds of one idle core; a run tells what it took.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from protocols import Dataset, HeldOut, Ids, Scores, data_folder, windows
from runs import RUNS, Run
from torch import Tensor, nn

from mapping_spark.models.lstm import Lstm
from mapping_spark.models.mf_bpr import MfBpr
from mapping_spark.models.ncf import Ncf
from mapping_spark.models.sasrec import SasRec
from mapping_spark.training.collective import One
from mapping_spark.training.feed import Feed
from mapping_spark.training.loop import train
from mapping_spark.training.manifest import Manifest
from mapping_spark.training.progress import EpochReport
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.trainable import Sizes
from tests.training.snapshots import interactions, sequences, write_snapshot

RESULTS = Path(__file__).resolve().parent / "results" / "deep.json"
ROWS_PER_GROUP = 65_536

Model = MfBpr | Ncf | Lstm | SasRec


def snapshot(run: Run, data: Dataset, folder: Path) -> Manifest:
    """The rows to train on as a snapshot folder."""
    if run.length:
        user_idx, window, items = windows(data.training, run.length, run.stride)
        shape, columns = "sequences", sequences(items) | dict(user_idx=user_idx, window=window.astype(np.int32))
    else:
        counts = [len(items) for items in data.training]
        shape, columns = "interactions", interactions(np.repeat(np.arange(data.n_users), counts), np.concatenate(data.training))
    return write_snapshot(folder, shape, columns, rows_per_group=ROWS_PER_GROUP, n_users=data.n_users, n_items=data.n_items)  # type: ignore[arg-type]


def scorer(model: Model, module: nn.Module, data: Dataset, histories: tuple[Ids, ...], length: int) -> Scores:
    """Scores of all items from what is known of a user; the module as it is when they are asked for."""
    inputs = torch.from_numpy(windows(histories, length, 0)[2]) if length else torch.empty(0)

    def scores(users: Ids, items: Tensor | None) -> Tensor:
        with torch.no_grad():
            if isinstance(model, Ncf):
                every = torch.arange(data.n_items).expand(len(users), -1)
                found: Tensor = module(torch.from_numpy(users), every if items is None else items)
                return found
            batch = {"item_idxs": inputs[users]} if length else {"user_idx": torch.from_numpy(users)}
            scores_BN = model.user_vectors(module, batch) @ model.item_vectors(module).T  # type: ignore[arg-type]
            return scores_BN if items is None else scores_BN.gather(1, items)

    return scores


@dataclass
class Watch:
    """Looks at the item before the last now and then; the loop keeps the best weights by it."""

    held_out: HeldOut
    scores: Scores
    module: nn.Module
    every: int
    last: int
    epochs: list[dict[str, float]] = field(default_factory=list)

    def __call__(self, report: EpochReport) -> float:
        """Minus the NDCG@10 last measured."""
        print(f"  {report}", flush=True)
        if (report.epoch + 1) % self.every == 0 or report.epoch + 1 == self.last:
            self.module.eval()
            found = self.held_out.measure(self.scores)
            self.module.train()
            self.epochs.append({"epoch": report.epoch + 1, "loss": report.loss, **found})
            print(f"  validation HR@10 {found['hr10']:.4f}, NDCG@10 {found['ndcg10']:.4f}", flush=True)
        return -self.epochs[-1]["ndcg10"] if self.epochs else 0.0


def fit(run: Run, data: Dataset, config: TrainingConfig) -> tuple[nn.Module, list[Any]]:
    """A module trained by the project's loop, and what was seen at the item before the last on the way.

    The weights are those of the epoch with the best NDCG@10 there.
    """
    model: Model = run.model(run.settings, config.seed)
    with tempfile.TemporaryDirectory() as name:
        folder, checkpoints = Path(name) / "snapshot", Path(name) / "checkpoints"
        manifest = snapshot(run, data, folder)
        counts = torch.from_numpy(np.bincount(np.concatenate(data.training), minlength=data.n_items))
        module = model.module(Sizes(data.n_users, data.n_items, run.length, counts))
        feed = Feed(manifest, str(folder), config, 0, module.negatives)
        scores = scorer(model, module, data, data.training, run.length)
        watch = Watch(data.validation, scores, module, run.measure_every, config.epochs)
        train(module, feed, One(), config, str(checkpoints), watch)
    return module.eval(), watch.epochs


def execute(run: Run, seed: int) -> dict[str, Any]:
    """Train, choose the epoch, test; popularity is measured on the same data beside it."""
    started, cpu = time.perf_counter(), time.process_time()
    data, config = run.load(data_folder()), run.training.model_copy(update={"seed": seed})
    module, epochs = fit(run, data, config)
    trained = time.perf_counter() - started
    scores = scorer(run.model(run.settings, seed), module, data, data.known, run.length)
    baseline = data.popularity(data.known)
    return {
        "tests": {
            protocol: {
                "measured": held_out.measure(scores),
                "popularity": held_out.measure(baseline),
                "published": run.published.get(protocol),
                "reach": run.reach.get(protocol),
            }
            for protocol, held_out in data.tests.items()
        },
        "validation": max(epochs, key=lambda epoch: epoch["ndcg10"]),
        "epochs": epochs,
        "seed": seed,
        "settings": run.settings.model_dump(mode="json"),
        "training": config.model_dump(mode="json"),
        "windows": {"length": run.length, "stride": run.stride},
        "n_parameters": sum(weight.numel() for weight in module.parameters()),
        "seconds": {
            "training": trained,
            "all": time.perf_counter() - started,
            "cpu": time.process_time() - cpu,
            "budget": run.budget_seconds,
        },
        "machine": {"cpu": platform.processor(), "cores": os.cpu_count(), "threads": torch.get_num_threads(), "torch": torch.__version__},
    }


def table(results: dict[str, Any]) -> str:
    """The results as a Markdown table: HR@10 / NDCG@10 everywhere."""
    lines = ["| data / model | protocol | measured | popularity | published | seed | s |", "|---|---|---|---|---|---|---|"]
    for name, result in results.items():
        for protocol, test in result["tests"].items():
            found, floor = (f"{test[who]['hr10']:.4f} / {test[who]['ndcg10']:.4f}" for who in ("measured", "popularity"))
            lines.append(
                f"| {name} | last item, {protocol} | {found} | {floor} | {test['published'] or '-'} "
                f"| {result['seed']} | {result['seconds']['all']:.0f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Run what was asked for; the file keeps earlier results of other runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(RUNS), choices=list(RUNS), metavar="RUN")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    if not data_folder().is_dir():
        print(f"bench-deep: skipped, no data sets in {data_folder()}; name their folder in MAPPING_SPARK_DATA")
        return
    torch.set_num_threads(options.threads)
    logging.getLogger("mapping_spark").setLevel(logging.WARNING)
    results = json.loads(options.output.read_text()) if options.output.exists() else {}
    for name in options.only:
        print(f"{name}, budget {RUNS[name].budget_seconds} s", flush=True)
        results[name] = execute(RUNS[name], options.seed)
        print(table({name: results[name]}), flush=True)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(results, indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
