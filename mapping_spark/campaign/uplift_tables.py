"""gold.uplift_scores and how good they are (gold.uplift_bins, _calibration, _metrics): who was moved by campaigns that held users out."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from functools import partial, reduce
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.base_learners import FEATURES, BaseLearner
from mapping_spark.campaign.qini import METRICS, Sums, calibration, merged, sums_of_bins, with_interval
from mapping_spark.campaign.settings import UpliftConfig
from mapping_spark.campaign.uplift import cross_fit, cross_fit_with, untreated
from mapping_spark.evaluation.bootstrap import poisson_weights
from mapping_spark.evaluation.metrics import Numbers
from mapping_spark.tables.contract import Table
from mapping_spark.tables.frames import conform, empty, rows
from mapping_spark.tables.uplift import UPLIFT_BINS, UPLIFT_CALIBRATION, UPLIFT_METRICS, UPLIFT_SCORES

CONTROL = "control"
HISTORY_DAYS = 112
N_DECILES = 10
_SUMS = "bin int, replicate int, n_treated double, n_control double, treated double, control double"


def learnable(outcomes: DataFrame, config: UpliftConfig) -> list[str]:
    """The campaigns with enough users sent to and enough held out, by name: all others have no uplift."""
    held_out = F.count_if(F.col("variant") == CONTROL)
    arms = outcomes.groupBy("campaign_id").agg(held_out.alias("held_out"), (F.count(F.lit(1)) - held_out).alias("sent"))
    enough = arms.where((F.col("held_out") >= config.min_users) & (F.col("sent") >= config.min_users))
    return sorted(row.campaign_id for row in enough.select("campaign_id").collect())  # campaigns are few


def history_features(events: DataFrame, users: DataFrame, before: dt.datetime) -> DataFrame:
    """`users` with `features`, what they bought in the 112 days before a moment (UTC): recency, baskets, items and spending, logged.

    Users who bought nothing have 0 everywhere and the recency of the first day.
    """
    since = before - dt.timedelta(days=HISTORY_DAYS)
    bought = events.where((F.col("event_type") == "purchase") & (F.col("event_at") >= F.lit(since)) & (F.col("event_at") < F.lit(before)))
    by_user = bought.groupBy("user_id").agg(
        F.datediff(F.lit(before), F.max("event_at")).cast("double").alias("recency"),
        F.log1p(F.countDistinct("event_date").cast("double")).alias("days"),
        F.log1p(F.countDistinct("item_id").cast("double")).alias("items"),
        F.log1p(F.greatest(F.sum("value").cast("double"), F.lit(0.0))).alias("spent"),
    )
    filled = users.join(by_user, on="user_id", how="left").fillna(float(HISTORY_DAYS), ["recency"]).fillna(0.0, ["days", "items", "spent"])
    names = ("recency", "days", "items", "spent")
    return filled.withColumn(FEATURES, array_to_vector(F.array(*names))).drop(*names)


def score_campaign(outcomes: DataFrame, events: DataFrame, start: dt.datetime, config: UpliftConfig, seed: int) -> DataFrame:
    """gold.uplift_scores of one campaign, without as_of_date, with `is_treated` and `outcome`: the effect of a send on conversion,
    and the chance to convert without one.

    The propensity is the share sent to: users must have been held out by chance. Runs Spark jobs at once.
    """
    share = outcomes.agg(F.avg((F.col("variant") != CONTROL).cast("double"))).collect()[0][0]
    users = outcomes.select("user_id", "campaign_id", "variant", "segment", "is_converted")
    arms = {"is_treated": (F.col("variant") != CONTROL).cast("int"), "outcome": F.col("is_converted").cast("double")}
    ready = history_features(events, users.withColumns(arms | {"propensity": F.lit(share)}), start).drop("is_converted")
    base = BaseLearner(kind=config.base, seed=seed)
    at_rest = cross_fit_with(ready, untreated, base, n_folds=config.n_folds).out_of_fold(ready, "if_not")
    scored = cross_fit(ready, config.learner, base, n_folds=config.n_folds).out_of_fold(at_rest)
    return scored.drop(FEATURES, "propensity").withColumn("learner", F.lit(config.learner))


def with_bins(scored: DataFrame, n_bins: int) -> DataFrame:
    """`scored` (uplift) with `bin`, from 0 for the highest, of about equal size; equal scores share a bin."""
    quantiles = [n / n_bins for n in range(1, n_bins)]
    edges = scored.agg(F.percentile_approx("uplift", quantiles, 10_000)).collect()[0][0] or []
    above = F.size(F.filter(F.array(*map(F.lit, edges)), lambda edge: edge >= F.col("uplift"))) if edges else F.lit(0)
    return scored.withColumn("bin", above)


def build_bins(binned: DataFrame, as_of: dt.date) -> DataFrame:
    """gold.uplift_bins: sums by (campaign, learner, bin)."""
    treated, outcome = F.col("is_treated") == 1, F.col("outcome")
    arms = {"treated": treated, "control": ~treated}
    sums = binned.groupBy("campaign_id", "learner", "bin").agg(
        *(F.count_if(arm).alias(f"n_{name}") for name, arm in arms.items()),
        *(F.sum(F.when(arm, outcome).otherwise(0.0)).alias(f"{name}_outcome") for name, arm in arms.items()),
        *(F.sum(F.when(arm, outcome**2).otherwise(0.0)).alias(f"{name}_outcome_sq") for name, arm in arms.items()),
        F.sum("uplift").alias("uplift"),
    )
    return conform(sums.withColumn("as_of_date", F.lit(as_of)), UPLIFT_BINS)


def replicate_sums(binned: DataFrame, config: UpliftConfig, seed: int) -> Numbers:
    """(B, 4, 1 + R), best first: the sums of each bin in each replicate. Only sums leave a partition."""
    users = binned.select(F.xxhash64("user_id").alias("user"), "bin", "is_treated", "outcome")
    partial_sums = users.mapInArrow(partial(_sums_of_partition, n_bins=config.n_bins, seed=seed, n_replicates=config.n_replicates), _SUMS)
    names = ("n_treated", "n_control", "treated", "control")
    summed = partial_sums.groupBy("bin", "replicate").agg(*(F.sum(name).alias(name) for name in names))
    found = pd.DataFrame(summed.toPandas())
    sums: Numbers = np.zeros((config.n_bins, len(Sums), 1 + config.n_replicates))
    sums[found["bin"].to_numpy()[:, None], np.arange(len(Sums)), found["replicate"].to_numpy()[:, None]] = found[list(names)].to_numpy()
    filled: Numbers = sums[sums[:, : Sums.TREATED, 0].sum(axis=1) > 0]
    return filled


def _sums_of_partition(batches: Iterator[pa.RecordBatch], *, n_bins: int, seed: int, n_replicates: int) -> Iterator[pa.RecordBatch]:
    sums = np.zeros((n_bins, len(Sums), 1 + n_replicates))
    for batch in batches:
        user_U, bin_U, treated_U, outcome_U = (batch.column(n).to_numpy() for n in range(4))
        sums += sums_of_bins(bin_U, n_bins, treated_U == 1, outcome_U, poisson_weights(seed, user_U, n_replicates))
    held = np.flatnonzero(sums[:, : Sums.TREATED, 0].sum(axis=1))
    keys = np.repeat(held, 1 + n_replicates), np.tile(np.arange(1 + n_replicates), len(held))
    numbers = [sums[held, quantity].ravel() for quantity in Sums]
    arrays = [*(pa.array(key, pa.int32()) for key in keys), *map(pa.array, numbers)]
    yield pa.RecordBatch.from_arrays(arrays, ["bin", "replicate", "n_treated", "n_control", "treated", "control"])


def metric_rows(sums_B4R: Numbers) -> Iterator[dict[str, Any]]:
    """Rows of gold.uplift_metrics of one ranking, but for its names."""
    n_users = int(sums_B4R[:, : Sums.TREATED, 0].sum())
    for name, metric in METRICS.items():
        found = with_interval(metric, sums_B4R)
        ends = {end: getattr(found, end) for end in ("ci_low", "ci_high") if not math.isnan(getattr(found, end))}
        yield {"metric": name, "value": found.value, "n_users": n_users} | ends


def calibration_rows(bins: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows of gold.uplift_calibration of one campaign, but for its names, from its rows of gold.uplift_bins."""
    ordered = bins.sort_values("bin")
    counts, outcomes = ["n_treated", "n_control"], ["treated_outcome", "control_outcome"]
    parts = (ordered[names].to_numpy(float) for names in ([*counts, *outcomes], [f"{name}_sq" for name in outcomes], "uplift"))
    sums, squares, uplift = (merged(part, N_DECILES) for part in parts)
    found = calibration(sums, squares, uplift)
    for at, (n_treated, n_control) in enumerate(sums[:, : Sums.TREATED]):
        numbers = {"observed": found.observed_B[at], "ci_low": found.ci_low_B[at], "ci_high": found.ci_high_B[at]}
        known = {name: float(value) for name, value in numbers.items() if not math.isnan(value)}
        facts = {"decile": at + 1, "n_treated": int(n_treated), "n_control": int(n_control)}
        yield facts | {"predicted": float(found.predicted_B[at])} | known


def build_scores(scored: DataFrame, as_of: dt.date) -> DataFrame:
    """gold.uplift_scores."""
    return conform(scored.withColumn("as_of_date", F.lit(as_of)), UPLIFT_SCORES)


def build_calibration(bins: DataFrame, named: dict[str, Any]) -> DataFrame:
    """gold.uplift_calibration of one campaign, whose rows of gold.uplift_bins, at most 10,000, are read to the driver."""
    found = calibration_rows(pd.DataFrame(bins.toPandas()))
    return rows(bins.sparkSession, UPLIFT_CALIBRATION, *(named | row for row in found))


def build_metrics(like: DataFrame, named: dict[str, Any], sums_B4R: Numbers) -> DataFrame:
    """gold.uplift_metrics of one campaign; `named` holds as_of_date, campaign_id and learner."""
    return rows(like.sparkSession, UPLIFT_METRICS, *(named | row for row in metric_rows(sums_B4R)))


def score_all(
    outcomes: DataFrame, campaigns: DataFrame, events: DataFrame, *, as_of: dt.date, config: UpliftConfig, seed: int
) -> dict[Table, DataFrame]:
    """The four tables of a date, of every campaign that has ended by then and held enough users out. Runs Spark jobs at once."""
    started = campaigns.where(F.col("end_at") <= F.lit(as_of)).select("campaign_id", "start_at").collect()
    ended = {row.campaign_id: row.start_at for row in started}
    tables = (UPLIFT_SCORES, UPLIFT_BINS, UPLIFT_CALIBRATION, UPLIFT_METRICS)
    made: dict[Table, list[DataFrame]] = {table: [empty(outcomes.sparkSession, table)] for table in tables}
    for name in learnable(outcomes.where(F.col("campaign_id").isin(*ended)), config) if ended else []:
        scored = score_campaign(outcomes.where(F.col("campaign_id") == name), events, ended[name], config, seed)
        binned = with_bins(scored.persist(), config.n_bins)
        made[UPLIFT_SCORES].append(build_scores(scored, as_of))
        bins = build_bins(binned, as_of)
        made[UPLIFT_BINS].append(bins)
        named = {"as_of_date": as_of, "campaign_id": name, "learner": config.learner}
        made[UPLIFT_CALIBRATION].append(build_calibration(bins, named))
        made[UPLIFT_METRICS].append(build_metrics(scored, named, replicate_sums(binned, config, seed)))
    return {table: reduce(DataFrame.unionByName, frames) for table, frames in made.items()}
