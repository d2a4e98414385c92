"""`make bench-uplift`: who is moved by an e-mail, found by each learner, beside scikit-learn's and scikit-uplift's models in one run.

Hillstrom's test, women's e-mail against none, outcome visit: 42,693 customers, all out of fold (the same five folds for everyone),
Qini with a 95 % bootstrap interval and paired differences to the two-model logistic regression of scikit-learn. And a planted
effect: rank correlation of scores and truth. Seed 0.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from protocols import data_folder
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mapping_spark.campaign.base_learners import BaseLearner
from mapping_spark.campaign.qini import Ranked, qini, with_interval
from mapping_spark.campaign.uplift import LEARNERS, cross_fit
from mapping_spark.evaluation.bootstrap import paired_difference
from mapping_spark.evaluation.metrics import Ints, Numbers
from mapping_spark.session import build_session

SEED, N_FOLDS, N_REPLICATES = 0, 5, 1_000
RESULTS = Path(__file__).parent / "results" / "uplift.json"
OTHER_PYTHON = "MAPPING_SPARK_SKLIFT_PYTHON"
"""The Python of an environment with scikit-uplift; without it that comparison is left out."""
SESSION = {"spark.master": "local[2]", "spark.driver.memory": "2g", "spark.sql.shuffle.partitions": "2", "spark.ui.enabled": "false"}
N_PLANTED = 20_000


def hillstrom() -> pd.DataFrame:
    """user_id, x0 ..., is_treated, outcome: women's e-mail against none."""
    rows = pd.read_parquet(data_folder() / "hillstrom" / "hillstrom.parquet")
    rows = rows[rows.segment != "Mens E-Mail"].reset_index(drop=True)
    named = pd.get_dummies(rows[["recency", "mens", "womens", "newbie", "zip_code", "channel", "history_segment"]], drop_first=True)
    features = named.assign(log_history=np.log(rows.history)).astype(float).to_numpy()
    return _frame(features, (rows.segment == "Womens E-Mail").to_numpy(int), rows.visit.to_numpy(float))


def planted() -> tuple[pd.DataFrame, Numbers]:
    """Users of five features, and the effect planted: outcome of chance 0.3 + 0.1 x0 + treated x 0.2 x1, x in [-1, 1]."""
    rng = np.random.default_rng(SEED)
    features, is_treated = rng.uniform(-1, 1, (N_PLANTED, 5)), rng.integers(0, 2, N_PLANTED)
    effect = 0.2 * features[:, 1]
    outcome = rng.random(N_PLANTED) < 0.3 + 0.1 * features[:, 0] + is_treated * effect
    return _frame(features, is_treated, outcome.astype(float)), effect


def _frame(features: Numbers, is_treated: Ints, outcome: Numbers) -> pd.DataFrame:
    columns = {f"x{n}": features[:, n] for n in range(features.shape[1])}
    return pd.DataFrame({"user_id": [f"u{n:06d}" for n in range(len(features))], **columns, "is_treated": is_treated, "outcome": outcome})


def spark_frame(spark: SparkSession, users: pd.DataFrame, folder: Path) -> DataFrame:
    """As `cross_fit` reads them, from Parquet."""
    users.to_parquet(folder / "users.parquet")
    names = [name for name in users.columns if name.startswith("x")]
    share = float(users.is_treated.mean())
    read = spark.read.parquet(str(folder / "users.parquet")).repartition(2, "user_id").sortWithinPartitions("user_id")
    return read.withColumns({"features": array_to_vector(F.array(*names)), "propensity": F.lit(share)}).drop(*names)


def ours(rows: DataFrame, learner: str, base: BaseLearner) -> pd.Series:
    """Out-of-fold uplift by user_id."""
    scored = cross_fit(rows, learner, base, n_folds=N_FOLDS).out_of_fold(rows)
    return pd.DataFrame(scored.select("user_id", "uplift").toPandas()).set_index("user_id").uplift.sort_index()


def two_model_logistic(users: pd.DataFrame, fold_U: Ints) -> Numbers:
    """scikit-learn's logistic regression on each arm, standardised features, its default penalty; out of fold."""
    features = users.filter(regex=r"^x\d").to_numpy()
    scores = np.zeros(len(users))
    for fold in range(N_FOLDS):
        chances = []
        for arm in (1, 0):
            known = (fold_U != fold) & (users.is_treated == arm).to_numpy()
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000)).fit(features[known], users.outcome[known])
            chances.append(model.predict_proba(features[fold_U == fold])[:, 1])
        scores[fold_U == fold] = chances[0] - chances[1]
    return scores


def scikit_uplift(users: pd.DataFrame, fold_U: Ints, folder: Path) -> dict[str, Numbers]:
    """Scores of scikit-uplift's learners on the same folds, from an environment of its own; nothing where there is none."""
    python = os.environ.get(OTHER_PYTHON)
    if not python:
        print(f"bench-uplift: scikit-uplift left out; name a Python that has it in {OTHER_PYTHON}")
        return {}
    users.assign(fold=fold_U).to_parquet(folder / "folded.parquet")
    script = Path(__file__).parent / "sklift_scores.py"
    subprocess.run([python, str(script), str(folder / "folded.parquet"), str(folder / "scores.parquet")], check=True, timeout=900)
    found = pd.read_parquet(folder / "scores.parquet")
    return {f"scikit-uplift {name}": found[name].to_numpy() for name in found.columns}


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    """What `make` gives, and the seconds it took."""
    began = time.monotonic()
    return make(), round(time.monotonic() - began, 1)


def folds(rows: DataFrame) -> Ints:
    """Each user's fold, ordered by user_id: the one `cross_fit` takes."""
    fold = F.pmod(F.xxhash64(F.lit(f"uplift fold {SEED}"), "user_id"), F.lit(N_FOLDS)).alias("fold")
    found: Ints = pd.DataFrame(rows.select("user_id", fold).toPandas()).sort_values("user_id").fold.to_numpy()
    return found


def on_hillstrom(spark: SparkSession, folder: Path) -> dict[str, Any]:
    """Qini of every learner, with its paired difference to the two-model logistic regression."""
    users = hillstrom()
    rows = spark_frame(spark, users, folder).persist()
    fold_U = folds(rows)
    scores: dict[str, Numbers] = {"scikit-learn two_model logistic": two_model_logistic(users, fold_U)}
    seconds: dict[str, float] = {}
    runs: list[tuple[str, Literal["linear", "boosted"]]] = [(learner, "linear") for learner in LEARNERS] + [("two_model", "boosted")]
    for learner, kind in runs:
        name, base = f"{learner} {kind}", BaseLearner(kind=kind, n_trees=15, depth=2, learning_rate=0.2, seed=SEED)
        found, seconds[name] = timed(partial(ours, rows, learner, base))
        scores[name] = found.to_numpy()
        print(f"{name}: {seconds[name]} s", flush=True)
    scores |= scikit_uplift(users, fold_U, folder)
    return compared(users, scores, seconds)


def compared(users: pd.DataFrame, scores: dict[str, Numbers], seconds: dict[str, float]) -> dict[str, Any]:
    """By name: Qini with interval, and the difference to scikit-learn's two models on the same replicates."""
    treated, outcome, numbers = users.is_treated.to_numpy(bool), users.outcome.to_numpy(float), np.arange(len(users))
    sums = {name: Ranked(numbers, score, treated, outcome).sums(SEED, N_REPLICATES) for name, score in scores.items()}
    baseline = qini(sums["scikit-learn two_model logistic"])
    results = {}
    for name, of in sums.items():
        found, gap = with_interval(qini, of), paired_difference(qini(of), baseline)
        results[name] = {"qini": found.value, "ci": [found.ci_low, found.ci_high], "seconds": seconds.get(name)}
        results[name] |= {"difference": gap.delta, "difference_ci": [gap.ci_low, gap.ci_high]}
        print(f"{name:36s} qini {found.value:.5f} [{found.ci_low:.5f}, {found.ci_high:.5f}]  difference {gap.delta:+.5f}", flush=True)
    return {"n_users": len(users), "learners": results}


def on_planted(spark: SparkSession, folder: Path) -> dict[str, float]:
    """Spearman's rank correlation of out-of-fold scores with the planted effect."""
    users, effect_U = planted()
    rows = spark_frame(spark, users, folder).persist()
    return {learner: float(stats.spearmanr(ours(rows, learner, BaseLearner(seed=SEED)), effect_U).statistic) for learner in LEARNERS}


def main() -> None:
    """Run both, print, and keep the numbers."""
    if not (data_folder() / "hillstrom").is_dir():
        print(f"bench-uplift: skipped, no data sets in {data_folder()}; name their folder in MAPPING_SPARK_DATA")
        sys.exit(0)
    spark = build_session("bench-uplift", SESSION)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        results = {"protocol": __doc__, "hillstrom": on_hillstrom(spark, Path(one)), "planted": on_planted(spark, Path(two))}
    print(results["planted"])
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
