"""From users to sums to a verdict, in Spark: every sum by hand, and the same row that plain Python gives."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from pyspark.sql import DataFrame, Row, SparkSession
from scipy.stats import chi2

from mapping_spark.campaign.experiment_sums import METRICS, build_experiment_sums, metrics, revenue_before
from mapping_spark.campaign.experiments import ALL
from mapping_spark.campaign.moments import Moments
from mapping_spark.campaign.results import build_looks, build_results
from mapping_spark.campaign.settings import ExperimentConfig
from mapping_spark.errors import ConfigError
from mapping_spark.tables.experiments import CAMPAIGN_ALLOCATIONS, EXPERIMENT_RESULTS, EXPERIMENT_SUMS
from mapping_spark.tables.frames import empty, rows
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES
from mapping_spark.tables.silver import CAMPAIGN_AUDIENCE

from .market import at, campaigns, event, events

CONFIG = ExperimentConfig(pre_period_days=10, winsor_quantile=0.5)
USERS = [  # user, campaign, variant, segment, conversions, revenue
    ("u1", "c1", "mailed", "s", 2, 8),
    ("u2", "c1", "mailed", "t", 0, 0),
    ("u3", "c1", "control", "s", 1, 4),
    ("u4", "c1", "control", "s", 0, 100),
    ("u1", "c2", "mailed", "s", 0, 1),
]


@pytest.fixture(scope="module")
def sums(spark: SparkSession) -> DataFrame:
    def outcome(user: str, campaign: str, variant: str, segment: str, n: int, revenue: int) -> dict[str, Any]:
        labels = {"user_id": user, "campaign_id": campaign, "variant": variant, "segment": segment}
        return labels | {"n_conversions": n, "is_converted": n > 0, "revenue": Decimal(revenue), "n_clicks": n, "n_impressions": 3}

    outcomes = rows(spark, CAMPAIGN_OUTCOMES, *(outcome(*user) for user in USERS))
    members = [{"campaign_id": c, "user_id": user, "variant": v, "assigned_at": at(20)} for user, c, v, *_ in USERS]
    money = {"currency": "EUR", "item_id": "milk"}
    happened = events(
        spark,
        event("purchase", "u1", at(10), value=Decimal(3), **money),  # the first moment of the window
        event("purchase", "u1", at(19, 23), value=Decimal(2), **money),
        event("purchase", "u1", at(20), value=Decimal(100), **money),  # when assigned: too late
        event("purchase", "u3", at(9, 23), value=Decimal(100), **money),  # too early
        event("purchase", "u4", at(15), value=Decimal(7), **money),
    )
    before = revenue_before(happened, rows(spark, CAMPAIGN_AUDIENCE, *members), CONFIG)
    return build_experiment_sums(outcomes, before, CONFIG).persist()


def moments(sums: DataFrame, metric: str, variant: str, segment: str, campaign: str = "c1") -> Moments:
    where = {"metric": metric, "variant": variant, "segment": segment, "campaign_id": campaign}
    (row,) = [row for row in sums.collect() if where.items() <= row.asDict().items()]
    return Moments.from_row(row.asDict())


def test_sums_of_users_are_those_of_plain_numbers(sums: DataFrame) -> None:
    spent, before = np.array([4.0, 100.0]), np.array([0.0, 7.0])
    assert moments(sums, "revenue_per_user", "control", "s") == Moments.of(spent, covariate=before)
    assert moments(sums, "revenue_per_user", "mailed", "s") == Moments.of(np.array([8.0]), covariate=np.array([5.0]))
    assert moments(sums, "revenue_per_user", "mailed", "s", "c2") == Moments.of(np.array([1.0]), covariate=np.array([5.0]))
    assert moments(sums, "conversion_rate", "control", "s") == Moments.from_counts(1, 2)
    assert moments(sums, "unique_click_rate", "control", "s") == Moments.from_counts(1, 2)
    assert moments(sums, "click_through_rate", "control", "s") == Moments.of(np.array([1.0, 0]), np.array([3.0, 3]))


def test_revenue_is_cut_off_at_the_median_of_buyers(sums: DataFrame) -> None:
    # c1's buyers spent 8, 4 and 100, all variants together: the median is 8.
    assert moments(sums, "revenue_per_user_winsorised", "control", "s").numerator == 4 + 8


def test_every_metric_counts_every_user(sums: DataFrame) -> None:
    counts = {(row.campaign_id, row.metric): row[2] for row in sums.groupBy("campaign_id", "metric").sum("n_users").collect()}
    assert counts == {(campaign, metric): n for campaign, n in (("c1", 4), ("c2", 1)) for metric in METRICS}


def results(spark: SparkSession, sums: DataFrame, as_of: dt.date) -> dict[tuple[str, ...], Row]:
    allocations = rows(
        spark,
        CAMPAIGN_ALLOCATIONS,
        {"campaign_id": "c1", "first_bucket": 0, "last_bucket": 99, "variant": "control"},
        {"campaign_id": "c1", "first_bucket": 100, "last_bucket": 199, "variant": "mailed"},
    )
    found = build_results(sums, allocations, campaigns(spark), CONFIG, as_of=as_of).collect()
    return {(row.campaign_id, row.metric, row.comparison, row.segment): row for row in found}


def test_a_campaign_is_read_as_an_experiment(spark: SparkSession, sums: DataFrame) -> None:
    found = results(spark, sums, dt.date(2017, 3, 14))
    row = found["c1", "conversion_rate", "mailed against control", "all"]
    assert (row.role, row.n_users, row.n_control_users, row.value, row.control_value) == ("primary", 2, 2, 1 / 2, 1 / 2)
    assert (row.sample_ratio_p_value, row.verdict) == (1.0, "no_difference_shown")
    alone = found["c2", "conversion_rate", "mailed alone", "all"]
    assert (alone.verdict, alone.difference, alone.value) == ("no_verdict", None, 0.0)
    assert "nobody was held out" in alone.reason


def test_shares_of_a_campaign_assigned_elsewhere_are_those_of_the_settings(spark: SparkSession, sums: DataFrame) -> None:
    planned = CONFIG.model_copy(update={"shares": {"c1": {"control": 1 / 4, "mailed": 3 / 4}}})
    found = build_results(sums, empty(spark, CAMPAIGN_ALLOCATIONS), campaigns(spark), planned, as_of=dt.date(2017, 3, 14)).collect()
    known = {row.campaign_id: row.sample_ratio_p_value for row in found if row.segment == ALL}
    # Of four users two were mailed where three were expected: chi-square 1/3 + 1 with one degree of freedom.
    assert known == {"c1": pytest.approx(chi2.sf(4 / 3, 1)), "c2": None}


def test_shares_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValidationError, match="two variants or more, each above 0"):
        ExperimentConfig(shares={"c1": {"control": 0.0, "mailed": 1.0}})


def test_every_run_leaves_a_look_at_the_primary_metric_of_each_experiment(spark: SparkSession, sums: DataFrame) -> None:
    found = build_looks(rows(spark, EXPERIMENT_RESULTS, *(row.asDict() for row in results(spark, sums, dt.date(2017, 3, 14)).values())))
    (look,) = found.collect()  # nobody was held out of c2
    assert (look.campaign_id, look.metric, look.comparison) == ("c1", "conversion_rate", "mailed against control")
    assert (look.as_of_date, look.n_users, look.difference, look.verdict) == (dt.date(2017, 3, 14), 2, 0.0, "no_difference_shown")


def test_without_campaigns_there_are_no_rows(spark: SparkSession) -> None:
    assert results(spark, empty(spark, EXPERIMENT_SUMS), dt.date(2017, 3, 14)) == {}


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ConfigError, match="revenu_per_user"):
        metrics(ExperimentConfig(primary=("revenu_per_user",)))
