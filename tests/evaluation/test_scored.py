"""Metrics of scored rows: by hand, and against numpy from their definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from mapping_spark.evaluation.scored import CLIP, scored_metrics
from mapping_spark.tables.frames import small

ROWS = "run_id string, score double, label double"  # no declared table
NAMES = ["auc", "log_loss", "rmse", "mae", "n_rows", "n_positive", "n_rows_skipped"]
Pairs = Sequence[tuple[float | None, float | None]]  # score, label


def scored(spark: SparkSession, **runs: Pairs) -> DataFrame:
    return small(spark, [(run, *pair) for run, pairs in runs.items() for pair in pairs], ROWS)


def metrics(rows: DataFrame) -> dict[str, Row]:
    found = scored_metrics(rows, ["run_id"])
    assert found.columns == ["run_id", *NAMES]
    return {row.run_id: row for row in found.collect()}


def of_all(spark: SparkSession, pairs: Pairs) -> Row:
    (row,) = scored_metrics(scored(spark, a=pairs)).collect()
    return row


def oracle(pairs: Pairs) -> dict[str, float]:
    """Every positive against every negative, and the means written out; as scikit-learn's functions of these names do."""
    scores, labels = np.array(pairs, dtype=float).T
    positive, negative = scores[labels == 1][:, None], scores[labels == 0][None, :]
    p = np.clip(np.where(labels == 1, scores, 1 - scores), CLIP, 1 - CLIP)
    return {
        "auc": float(((positive > negative) + 0.5 * (positive == negative)).mean()),
        "log_loss": float(-np.log(p).mean()),
        "rmse": float(np.sqrt(((scores - labels) ** 2).mean())),
        "mae": float(np.abs(scores - labels).mean()),
    }


def test_four_rows_by_hand(spark: SparkSession) -> None:
    row = of_all(spark, [(0.9, 1), (0.5, 1), (0.5, 0), (0.2, 0)])
    assert row.auc == (1 + 1 + 0.5 + 1) / 4  # 0.9 beats both, 0.5 ties with one and beats the other
    assert row.log_loss == pytest.approx(-(math.log(0.9) + 2 * math.log(0.5) + math.log(0.8)) / 4)
    assert row.rmse == pytest.approx(math.sqrt((0.1**2 + 0.5**2 + 0.5**2 + 0.2**2) / 4))
    assert row.mae == pytest.approx((0.1 + 0.5 + 0.5 + 0.2) / 4)
    assert tuple(row)[4:] == (4, 2, 0)


def test_groups_equal_numpy_with_ties_and_without(spark: SparkSession) -> None:
    draw = np.random.default_rng(7)
    labels = (draw.random(300) < 0.3).astype(float)
    columns = {
        "smooth": draw.random(300),
        "tied": np.round(draw.random(300), 1),  # 0 and 1 among them
        "tiny": 10.0 ** -draw.uniform(0, 300, 300),
        "equal": np.full(300, 0.25),
    }
    runs = {name: list(zip(scores.tolist(), labels.tolist(), strict=True)) for name, scores in columns.items()}
    rows = scored(spark, **runs)
    found, again = metrics(rows), metrics(rows.repartition(7))
    for name, pairs in runs.items():
        assert found[name].asDict() == pytest.approx(
            oracle(pairs) | {"run_id": name, "n_rows": 300, "n_positive": labels.sum(), "n_rows_skipped": 0}
        )
        assert found[name].auc == again[name].auc
    assert found["equal"].auc == 0.5
    together = [pair for pairs in runs.values() for pair in pairs]
    (row,) = scored_metrics(rows).collect()
    assert row.asDict() == pytest.approx(oracle(together) | {"n_rows": 1_200, "n_positive": 4 * labels.sum(), "n_rows_skipped": 0})


def test_scores_of_any_size_and_sign_are_ranked(spark: SparkSession) -> None:
    scores = [-math.pi * 1e300, -2.0, -1.99, -1e-310, 0.0, 5e-324, 1e-5, 2.0, 2.0000000000000004, 1e300]
    alternating = [(score, float(place % 2)) for place, score in enumerate(scores)]
    row = of_all(spark, alternating)
    assert (row.auc, row.log_loss) == ((1 + 2 + 3 + 4 + 5) / 25, None)  # the n-th positive beats n negatives; no probabilities


def test_one_class_has_no_auc_and_ratings_only_have_errors(spark: SparkSession) -> None:
    found = metrics(scored(spark, positive=[(0.5, 1), (0.25, 1)], negative=[(0.5, 0)], ratings=[(3.5, 4), (2.0, 4), (1.0, 0)]))
    assert found["positive"].auc is None
    assert found["positive"].log_loss == pytest.approx(-(math.log(0.5) + math.log(0.25)) / 2)
    assert found["negative"].auc is None
    assert found["negative"].log_loss == pytest.approx(-math.log(0.5))
    ratings = found["ratings"]
    assert (ratings.auc, ratings.log_loss) == (None, None)
    assert (ratings.rmse, ratings.mae) == pytest.approx((math.sqrt((0.25 + 4 + 1) / 3), (0.5 + 2 + 1) / 3))


def test_sure_and_wrong_costs_what_the_clipping_allows(spark: SparkSession) -> None:
    assert of_all(spark, [(0.0, 1)]).log_loss == pytest.approx(52 * math.log(2))  # -ln(2 ** -52), 36.04 nats
    assert of_all(spark, [(1.0, 0)]).log_loss == pytest.approx(52 * math.log(2))
    assert of_all(spark, [(1.0, 1), (0.0, 0)]).log_loss == pytest.approx(0, abs=1e-15)


def test_rows_without_a_number_are_counted_and_nothing_else(spark: SparkSession) -> None:
    gaps: Pairs = [(None, 1), (0.5, None), (math.nan, 0), (math.inf, 1), (-math.inf, 1), (0.5, math.nan)]
    found = metrics(scored(spark, some=[*gaps, (0.75, 1), (0.25, 0)], none=gaps))
    assert tuple(found["some"])[1:] == pytest.approx((1, -math.log(0.75), 0.25, 0.25, 2, 1, 6))
    assert tuple(found["none"])[1:] == (None, None, None, None, 0, 0, 6)
    assert tuple(of_all(spark, [])) == (None, None, None, None, 0, 0, 0)
