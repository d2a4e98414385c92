"""The project's models on public data, under the protocols of the papers, beside the published figures (`make bench-quality`).

    PYTHONPATH=. .venv/bin/python benchmarks/quality.py --only ml-1m-ncf/als

A run fits its candidates on a part of the training rows, takes the one that answers best on the rest, fits it on all of them and asks the
test once. `random` and a popularity (of ratings: the mean of an item) stand in every table, and every model says by how much it is better
than they are, case by case, with half the width of the 95 % interval over users. Deep models are not trained here: their rows are those of
`deep.json`. `benchmarks/results/quality.json` is written after every run. Budgets are seconds of two idle cores; a run tells what it took.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from protocols import FOLDER_VARIABLE, SEED, Ids, Scores, data_folder
from pyspark.sql import SparkSession
from quality_data import DATA, PROTOCOLS, Data, Stage
from quality_fit import fit
from quality_measures import Question, Values, gain, summary
from quality_runs import FLOORS, RUNS, SESSIONS, SESSIONS_PUBLISHED, Run
from quality_table import DEEP, OWN, table
from sessions import SEED as SESSIONS_SEED
from sessions import retailrocket_sessions
from torch import Tensor

from mapping_spark.session import build_session

RESULTS = Path(__file__).resolve().parent / "results"


def random_scores(stage: Stage, data: Data) -> Scores:
    """Floor: any order; of ratings, any that was given."""
    rng = np.random.default_rng(SEED)
    drawn = stage.rows.weight if asks_ratings(stage) else None

    def scores(users: Ids, items: Tensor | None) -> Tensor:
        shape = (len(users), data.n_items) if items is None else tuple(items.shape)
        return torch.from_numpy(rng.random(shape, np.float32) if drawn is None else rng.choice(drawn, shape))

    return scores


def item_means(stage: Stage, data: Data) -> Scores:
    """Floor of ratings: the mean of an item's."""
    sums, counts = (np.bincount(stage.rows.item, weights, data.n_items) for weights in (stage.rows.weight, None))
    mean_N = torch.from_numpy(sums / np.maximum(counts, 1))
    return lambda users, items: mean_N.expand(len(users), -1) if items is None else mean_N[items]


def asks_ratings(stage: Stage) -> bool:
    """Whether ratings are to be predicted."""
    return any(question.is_error for question in stage.questions.values())


def floors(spark: SparkSession, data: Data) -> dict[str, dict[str, Values]]:
    """The values of the floors, by floor and protocol."""
    scores = {"random": random_scores(data.test, data)}
    if asks_ratings(data.test):
        scores["item_mean"] = item_means(data.test, data)
    else:
        scores["popularity_all_time"] = fit(spark, "popularity_all_time", {}, SEED, data, data.test.rows)
    return {name: {protocol: question.values(of) for protocol, question in data.test.questions.items()} for name, of in scores.items()}


def choose(spark: SparkSession, run: Run, data: Data, seed: int) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """The candidate that answers best on the validation part, and what each answered; nothing is fitted where there is no choice."""
    if len(run.candidates) == 1:
        return run.candidates[0], []
    (question,) = data.validation.questions.values()
    trials: list[dict[str, Any]] = []
    for settings in run.candidates:
        values = question.values(fit(spark, run.model, settings, seed, data, data.validation.rows))
        trials.append({"settings": dict(settings), question.criterion: float(values[question.criterion].mean())})
        print(f"  validation {question.criterion} {trials[-1][question.criterion]:.4f} {json.dumps(dict(settings))}", flush=True)
    best = (min if question.is_error else max)(trials, key=lambda trial: trial[question.criterion])
    return best["settings"], trials


def execute(spark: SparkSession, run: Run, data: Data, below: Mapping[str, Mapping[str, Values]], seed: int) -> dict[str, Any]:
    """Choose, fit, test."""
    started = time.perf_counter()
    settings, trials = choose(spark, run, data, seed)
    fitting = time.perf_counter()
    scores = fit(spark, run.model, settings, seed, data, data.test.rows)
    fitted = time.perf_counter()
    tests = {}
    for protocol, question in data.test.questions.items():
        values = question.values(scores)
        tests[protocol] = outcome(values, question, {name: of[protocol] for name, of in below.items()}) | {
            "published": run.published.get(protocol),
            "reach": run.reach.get(protocol),
        }
    seconds = {"choice": fitting - started, "fit": fitted - fitting, "all": time.perf_counter() - started, "budget": run.budget_seconds}
    return {"from": OWN, "tests": tests, "settings": dict(settings), "validation": trials, "seed": seed, "seconds": seconds}


def outcome(values: Values, question: Question, below: Mapping[str, Values]) -> dict[str, Any]:
    """What was measured, and by how much it differs from the floors (an error: less is better)."""
    above = {name: gain(values, of, question.user) for name, of in below.items()}
    return {"measured": summary(values, question.user), "above": above}


def floor_rows(name: str, data: Data, below: Mapping[str, Mapping[str, Values]]) -> dict[str, Any]:
    """The floors as rows."""
    return {
        f"{name}/{floor}": {
            "from": OWN,
            "seed": SEED,
            "tests": {
                protocol: outcome(values, data.test.questions[protocol], {})
                | {"published": FLOORS.get(f"{name}/{floor}", {}).get(protocol)}
                for protocol, values in of.items()
            },
        }
        for floor, of in below.items()
    }


def deep_rows(file: Path) -> dict[str, Any]:
    """The deep models' rows, with this table's names of protocols."""
    read = json.loads(file.read_text()) if file.exists() else {}
    return {
        name: {
            "from": DEEP,
            "tests": {
                PROTOCOLS[protocol]: {key: test[key] for key in ("measured", "published")} for protocol, test in result["tests"].items()
            },
            "settings": result["settings"],
            "seed": result["seed"],
            "seconds": result["seconds"],
        }
        for name, result in read.items()
    }


def session_rows(spark: SparkSession) -> dict[str, Any]:
    """The rows of `sessions.py`: the next click, ranked among all items."""
    rows = retailrocket_sessions(spark, data_folder() / SESSIONS)
    return {
        f"{SESSIONS}/{row['model']}": {
            "from": "sessions.py",
            "tests": {"full_rank": {"measured": row["measured"], "published": SESSIONS_PUBLISHED.get(row["model"])}},
            "settings": row["settings"],
            "seed": SESSIONS_SEED,
            "seconds": {"all": row["seconds"]},
        }
        for row in rows
    }


def main() -> None:
    """Run what was asked for; the file keeps earlier results of other runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*RUNS, SESSIONS]
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="RUN", help=", ".join(names))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", type=Path, default=RESULTS / "quality.json")
    options = parser.parse_args()
    logging.getLogger("mapping_spark").setLevel(logging.WARNING)
    results = json.loads(options.output.read_text())["rows"] if options.output.exists() else {}
    results |= deep_rows(RESULTS / DEEP)
    spark = session()
    for name in dict.fromkeys(key.split("/")[0] for key in options.only):
        for rows in run_all(spark, name, [key for key in options.only if key.split("/")[0] == name], options.seed):
            results |= {key: row for key, row in rows.items() if "skipped" not in row or key not in results}  # a skip undoes nothing
            print(table(rows), flush=True)
            options.output.parent.mkdir(parents=True, exist_ok=True)
            options.output.write_text(json.dumps({"machine": machine(), "rows": results}, indent=1) + "\n")
    print(table(results))


def run_all(spark: SparkSession, name: str, keys: list[str], seed: int) -> Iterator[dict[str, Any]]:
    """The rows of a data set, as they come: its floors, then its models."""
    folder = SESSIONS if name == SESSIONS else DATA[name][0]
    if not (data_folder() / folder).is_dir():
        yield {key: {"skipped": f"no folder {folder} among the data sets; name their folder in {FOLDER_VARIABLE}"} for key in keys}
        return
    if name == SESSIONS:
        yield session_rows(spark)
        return
    data = DATA[name][1](data_folder())
    below = floors(spark, data)
    yield floor_rows(name, data, below)
    for key in keys:
        print(f"{key}, budget {RUNS[key].budget_seconds} s", flush=True)
        yield {key: execute(spark, RUNS[key], data, below, seed)}


def session() -> SparkSession:
    """Spark on this machine."""
    cores = os.cpu_count() or 1
    options = {
        "spark.master": f"local[{cores}]",
        "spark.driver.memory": "6g",
        "spark.sql.shuffle.partitions": str(2 * cores),
        "spark.sql.execution.arrow.maxBytesPerBatch": str(2**31 - 1),  # as in conf/base.yml
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    spark = build_session("benchmark", options)
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def machine() -> dict[str, Any]:
    """What it ran on."""
    return {"cores": os.cpu_count(), "threads": torch.get_num_threads(), "python": platform.python_version()} | {
        name: version(name) for name in ("pyspark", "torch", "numpy")
    }


if __name__ == "__main__":
    main()
