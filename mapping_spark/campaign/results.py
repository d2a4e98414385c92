"""gold.experiment_results and gold.experiment_looks: every campaign read as an experiment, from its sums."""

from __future__ import annotations

import datetime as dt
from itertools import groupby
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.experiment_sums import metrics
from mapping_spark.campaign.experiments import ALL, PRIMARY, Experiment, grouped, read_experiment
from mapping_spark.campaign.settings import ExperimentConfig
from mapping_spark.tables.experiments import EXPERIMENT_LOOKS, EXPERIMENT_RESULTS
from mapping_spark.tables.frames import conform, rows


def build_results(sums: DataFrame, allocations: DataFrame, campaigns: DataFrame, config: ExperimentConfig, *, as_of: dt.date) -> DataFrame:
    """One row per (campaign, metric, comparison, segment) of gold.experiment_sums, which is small: read to the driver.

    A campaign that is not over by the start of `as_of` (UTC), or not declared, is judged by always-valid p-values, one with planned
    looks by their bounds. Shares come from
    silver.campaign_allocations, else from the settings: a campaign with neither has no sample-ratio check.
    """
    shares = config.shares | _shares(allocations)
    over = campaigns.where(F.col("end_at") <= F.lit(dt.datetime.combine(as_of, dt.time(), dt.UTC)))
    ended = {row.campaign_id for row in over.select("campaign_id").collect()}  # one row per campaign
    all_sums = [row.asDict() for row in sums.orderBy("campaign_id", "metric", "segment", "variant").collect()]
    found = []
    for campaign_id, own in groupby(all_sums, key=lambda row: str(row["campaign_id"])):
        looks = config.looks.get(campaign_id)
        experiment = Experiment(
            metrics=metrics(config),
            planned_users=looks.users if looks else config.planned_users,
            looks=looks.shares if looks else (),
            shares=shares.get(campaign_id, {}),
            is_running=campaign_id not in ended,
            alpha=config.alpha,
            sample_ratio_level=config.sample_ratio_level,
        )
        facts: dict[str, Any] = {"campaign_id": campaign_id, "as_of_date": as_of}
        found += [facts | row for row in read_experiment(experiment, grouped(list(own)))]
    return rows(sums.sparkSession, EXPERIMENT_RESULTS, *found)


def build_looks(results: DataFrame) -> DataFrame:
    """gold.experiment_looks of a date from its gold.experiment_results: primary metrics of all users, where somebody was held out."""
    is_headline = (F.col("segment") == ALL) & (F.col("role") == PRIMARY)
    return conform(results.where(is_headline & (F.col("n_control_users") > 0)), EXPERIMENT_LOOKS)


def _shares(allocations: DataFrame) -> dict[str, dict[str, float]]:
    """Buckets of each variant by campaign: a few rows."""
    size = F.sum(F.col("last_bucket") - F.col("first_bucket") + 1)
    shares: dict[str, dict[str, float]] = {}
    for row in allocations.groupBy("campaign_id", "variant").agg(size.alias("n")).collect():
        shares.setdefault(row.campaign_id, {})[row.variant] = float(row.n)
    return shares
