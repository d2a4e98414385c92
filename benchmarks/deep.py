"""Deep models on public data, with the protocols and figures that are published for them (`make bench-deep`).

    PYTHONPATH=. .venv/bin/python benchmarks/deep.py --only beauty/sasrec

Each run writes a training snapshot, trains on it in one process by the project's own feed and loop, keeps the epoch with the best
NDCG@10 on the item before the last, and then ranks the last item once. Settings were chosen on the item before the last too.
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
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from protocols import Dataset, HeldOut, Ids, Scores, beauty, data_folder, ml_1m_ncf, ml_1m_sequences, windows
from torch import Tensor, nn

from mapping_spark.models.lstm import Lstm, LstmConfig
from mapping_spark.models.mf_bpr import MfBpr, MfBprConfig
from mapping_spark.models.ncf import Ncf, NcfConfig
from mapping_spark.models.next_item import NextItemConfig
from mapping_spark.models.sasrec import SasRec, SasRecConfig
from mapping_spark.training.collective import One
from mapping_spark.training.feed import Feed
from mapping_spark.training.loop import train
from mapping_spark.training.manifest import Manifest
from mapping_spark.training.negatives import Negatives
from mapping_spark.training.progress import EpochReport
from mapping_spark.training.settings import TrainingConfig
from mapping_spark.training.trainable import Sizes
from tests.training.snapshots import interactions, sequences, write_snapshot

RESULTS = Path(__file__).resolve().parent / "results" / "deep.json"
ROWS_PER_GROUP = 65_536
SHARED = dict(loss="sampled_softmax", negatives=Negatives("uniform", 512, "batch"))

Model = MfBpr | Ncf | Lstm | SasRec


@dataclass(frozen=True, slots=True)
class Run:
    """One training."""

    load: Callable[[Path], Dataset]
    model: type[Any]
    settings: NextItemConfig | MfBprConfig | NcfConfig
    training: TrainingConfig
    budget_seconds: int
    published: dict[str, str]
    """What others report, by protocol."""
    reach: dict[str, tuple[float, float]]
    """HR@10 and NDCG@10 to reach, by protocol."""
    length: int = 0
    stride: int = 0
    measure_every: int = 1
    """Epochs between two looks at the item before the last."""


def training(**settings: Any) -> TrainingConfig:
    """One process, Adam with a cosine, the best epoch kept."""
    return TrainingConfig(**(dict(ranks=1, schedule="cosine", optimizer="adamw", patience=1_000, checkpoint_steps=None) | settings))


NCF = "given 99 negatives"
RUNS = {
    "ml-1m-ncf/mf_bpr": Run(
        load=ml_1m_ncf,
        model=MfBpr,
        settings=MfBprConfig(dimension=64, n_negatives=4),
        training=training(epochs=20, batch_size=4096, learning_rate=3e-3),
        budget_seconds=300,
        published={NCF: "MF .7294/.4523 (Rendle et al. 2020), NeuMF .7120/.4369 (RecSys2019 evaluation)"},
        reach={NCF: (0.68, 0.40)},
        measure_every=2,
    ),
    "ml-1m-ncf/ncf": Run(
        load=ml_1m_ncf,
        model=Ncf,
        settings=NcfConfig(factors=64, embedding=64, layers=(128, 64), dropout=0.2),
        training=training(epochs=16, batch_size=4096, learning_rate=1e-3),
        budget_seconds=600,
        published={NCF: "NeuMF pre-trained, 8 to 64 factors: .684/.403 to .730/.447 (He et al. 2017)"},
        reach={NCF: (0.70, 0.425)},
        measure_every=2,
    ),
    "beauty/sasrec": Run(
        load=beauty,
        model=SasRec,
        settings=SasRecConfig(dimension=64, heads=2, dropout=0.5, **SHARED),
        training=training(epochs=32, batch_size=256, learning_rate=2e-3),
        budget_seconds=400,
        published={"full rank": "SASRec .0605/.0318 (S3-Rec), with sampled softmax .0921/.0531 (eSASRec)"},
        reach={"full rank": (0.080, 0.046)},
        length=20,
        stride=20,
        measure_every=8,
    ),
    "beauty/lstm": Run(
        load=beauty,
        model=Lstm,
        settings=LstmConfig(dimension=64, hidden=128, dropout=0.5, **SHARED),
        training=training(epochs=32, batch_size=256, learning_rate=2e-3),
        budget_seconds=400,
        published={"full rank": "GRU4Rec .0283/.0137 (S3-Rec)"},
        reach={"full rank": (0.042, 0.022)},
        length=20,
        stride=20,
        measure_every=8,
    ),
    "ml-1m/sasrec": Run(
        load=ml_1m_sequences,
        model=SasRec,
        settings=SasRecConfig(dimension=64, heads=2, dropout=0.2, **SHARED),
        training=training(epochs=30, batch_size=64, learning_rate=2e-3),
        budget_seconds=1_500,
        published={
            "full rank": "SASRec .2392/.1259, gSASRec .3003/.1726 (gSASRec-pytorch)",
            "100 uniform negatives": "SASRec .8245/.5905 (Kang, McAuley 2018)",
        },
        reach={"full rank": (0.28, 0.160), "100 uniform negatives": (0.81, 0.58)},
        length=200,
        stride=200,
        measure_every=5,
    ),
    "ml-1m/lstm": Run(
        load=ml_1m_sequences,
        model=Lstm,
        settings=LstmConfig(dimension=64, hidden=256, dropout=0.2, **SHARED),
        training=training(epochs=24, batch_size=64, learning_rate=2e-3),
        budget_seconds=1_200,
        published={"full rank": "-", "100 uniform negatives": "GRU4Rec .5581/.3381, GRU4Rec+ .7501/.5513 (Kang, McAuley 2018)"},
        reach={"full rank": (0.24, 0.135)},
        length=200,
        stride=200,
        measure_every=4,
    ),
}
"""Settings in force; each was chosen on the item before the last."""


def snapshot(run: Run, data: Dataset, folder: Path) -> Manifest:
    """The training rows as a snapshot folder."""
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


def execute(run: Run, seed: int) -> dict[str, Any]:
    """Train, choose the epoch, test; popularity is measured on the same data beside it."""
    started, cpu = time.perf_counter(), time.process_time()
    data, config = run.load(data_folder()), run.training.model_copy(update={"seed": seed})
    with tempfile.TemporaryDirectory() as name:
        manifest = snapshot(run, data, Path(name) / "snapshot")
        model = run.model(run.settings, seed)
        counts = torch.from_numpy(np.bincount(np.concatenate(data.training), minlength=data.n_items))
        module = model.module(Sizes(data.n_users, data.n_items, run.length, counts))
        feed = Feed(manifest, str(Path(name) / "snapshot"), config, 0, module.negatives)
        watch = Watch(data.validation, scorer(model, module, data, data.training, run.length), module, run.measure_every, config.epochs)
        train(module, feed, One(), config, Path(name) / "checkpoints", watch)
    trained = time.perf_counter() - started
    module.eval()
    scores = scorer(model, module, data, data.known, run.length)
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
        "validation": max(watch.epochs, key=lambda epoch: epoch["ndcg10"]),
        "epochs": watch.epochs,
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


def show(name: str, result: dict[str, Any]) -> None:
    """One line per protocol."""
    for protocol, test in result["tests"].items():
        found, floor = test["measured"], test["popularity"]
        reach = "/".join(f"{value:.3f}" for value in test["reach"]) if test["reach"] else "-"
        print(
            f"{name:18} {protocol:22} HR@10 {found['hr10']:.4f} ±{found['hr10_half']:.4f}  NDCG@10 {found['ndcg10']:.4f}  "
            f"popularity {floor['hr10']:.4f}/{floor['ndcg10']:.4f}  reach {reach}  {result['seconds']['all']:.0f} s",
            flush=True,
        )


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
        show(name, results[name])
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
