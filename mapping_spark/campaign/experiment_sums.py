"""From what each user of a campaign did to gold.experiment_sums: one aggregation, after which tests run on a few rows."""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.experiments import GUARDRAIL, MEAN, PRIMARY, PROPORTION, RATIO, Metric
from mapping_spark.campaign.lookback import looked_back
from mapping_spark.campaign.settings import ExperimentConfig
from mapping_spark.errors import ConfigError
from mapping_spark.tables.experiments import EXPERIMENT_SUMS
from mapping_spark.tables.frames import conform

METRICS: dict[str, tuple[Metric, str, str, str]] = {
    metric.name: (metric, numerator, denominator, covariate)
    for metric, numerator, denominator, covariate in (
        (Metric(name="conversion_rate", kind=PROPORTION), "if(is_converted, 1, 0)", "1", "0"),
        (Metric(name="conversions_per_user", kind=MEAN), "n_conversions", "1", "0"),
        (Metric(name="unique_click_rate", kind=PROPORTION), "if(n_clicks > 0, 1, 0)", "1", "0"),
        (Metric(name="click_through_rate", kind=RATIO), "n_clicks", "n_impressions", "0"),
        (Metric(name="revenue_per_user", kind=MEAN), "revenue", "1", "revenue_before"),
        (Metric(name="revenue_per_user_winsorised", kind=MEAN), "least(revenue, revenue_cap)", "1", "revenue_before"),
        (Metric(name="revenue_per_conversion", kind=RATIO), "revenue", "n_conversions", "0"),
        (Metric(name="discount_per_user", kind=MEAN, higher_is_better=False), "discount", "1", "0"),
    )
}
"""Every metric by name, with its numerator, denominator and covariate over gold.campaign_outcomes."""


def metrics(config: ExperimentConfig) -> tuple[Metric, ...]:
    """All metrics in the roles that the settings give them. Raises `ConfigError` where they name an unknown one."""
    unknown = [name for name in (*config.primary, *config.guardrails) if name not in METRICS]
    if unknown:
        raise ConfigError("experiments", f"the metrics {unknown}", f"metrics among {list(METRICS)}", "Mend primary or guardrails.")
    roles = dict.fromkeys(config.guardrails, GUARDRAIL) | dict.fromkeys(config.primary, PRIMARY)
    return tuple(
        replace(metric, role=roles.get(name, metric.role), margin=config.guardrails.get(name, 0.0))
        for name, (metric, *_) in METRICS.items()
    )


def revenue_before(events: DataFrame, audience: DataFrame, config: ExperimentConfig) -> DataFrame:
    """(campaign_id, user_id, revenue_before): purchases in the days before the user was assigned, the covariate of CUPED.

    Users without a purchase then have no row. Each (user, moment) is summed once, however many campaigns assigned at it.
    """
    moments = audience.select("user_id", F.col("assigned_at").alias("moment_at"))
    purchases = events.where(F.col("event_type") == "purchase").select("user_id", "event_at", "value")
    # distinct(): campaigns that assign a user at one moment share his sum; the join back gives it to each of them.
    pairs = looked_back(moments.distinct(), purchases, days=config.pre_period_days)
    sums = pairs.groupBy("user_id", "moment_at").agg(F.sum("value").cast("decimal(18,4)").alias("revenue_before"))
    members = audience.select("campaign_id", "user_id", F.col("assigned_at").alias("moment_at"))
    return members.join(sums, on=["user_id", "moment_at"], how="inner").select("campaign_id", "user_id", "revenue_before")


def build_experiment_sums(outcomes: DataFrame, before: DataFrame, config: ExperimentConfig) -> DataFrame:
    """gold.experiment_sums from gold.campaign_outcomes and `revenue_before`.

    Revenue is winsorised per campaign at a quantile (`percentile_approx`, rank right to 1 in 10,000) of the revenue of buyers of
    all variants together: of them, since among all users the quantile may be 0. Sums are exact decimals, cast at the end, so that
    they do not depend on the order of rows.
    """
    buyers = F.when(F.col("revenue") > 0, F.col("revenue"))
    caps = outcomes.groupBy("campaign_id").agg(F.percentile_approx(buyers, config.winsor_quantile).alias("revenue_cap"))
    # Neither join multiplies rows: `caps` has one row per campaign, `before` one per (campaign, user).
    users = (
        outcomes.join(F.broadcast(caps), on="campaign_id", how="left")
        .join(before, on=["campaign_id", "user_id"], how="left")
        .fillna(0, ["revenue_before", "revenue_cap"])
    )
    per_metric = users.select("campaign_id", "variant", "segment", F.inline(F.array(*(_values(name) for name in METRICS))))
    sums = per_metric.groupBy("campaign_id", "metric", "variant", "segment").agg(
        F.count(F.lit(1)).alias("n_users"),
        *(_sum(F.col(name)).alias(name) for name in ("numerator", "denominator", "covariate")),
        *(_sum(F.col(name) * F.col(name)).alias(f"{name}_sq") for name in ("numerator", "denominator", "covariate")),
        _sum(F.col("numerator") * F.col("denominator")).alias("numerator_denominator"),
        _sum(F.col("numerator") * F.col("covariate")).alias("numerator_covariate"),
        _sum(F.col("denominator") * F.col("covariate")).alias("denominator_covariate"),
    )
    return conform(sums, EXPERIMENT_SUMS)


def _values(name: str) -> Column:
    """What one user adds to one metric."""
    _, numerator, denominator, covariate = METRICS[name]
    parts = {"numerator": numerator, "denominator": denominator, "covariate": covariate}
    values = [F.expr(expression).cast("decimal(18,4)").alias(part) for part, expression in parts.items()]
    return F.struct(F.lit(name).alias("metric"), *values)


def _sum(column: Column) -> Column:
    return F.sum(column).cast("double")
