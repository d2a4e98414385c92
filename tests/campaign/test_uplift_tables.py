from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from mapping_spark.campaign.qini import qini, sums_of_scores
from mapping_spark.campaign.settings import TargetingConfig, UpliftConfig
from mapping_spark.campaign.targeting_table import build_plan
from mapping_spark.campaign.uplift_tables import replicate_sums, score_all, with_bins
from mapping_spark.tables.frames import empty, rows, small
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES
from mapping_spark.tables.measures import measure
from mapping_spark.tables.silver import CAMPAIGNS, EVENTS
from mapping_spark.tables.uplift import (
    PLAN_VALUES,
    TARGETING_PLAN,
    TARGETING_SUMMARY,
    UPLIFT_BINS,
    UPLIFT_CALIBRATION,
    UPLIFT_METRICS,
    UPLIFT_SCORES,
)

AS_OF = dt.date(2024, 4, 1)
CONFIG = UpliftConfig(learner="two_model", n_folds=2, n_bins=10, n_replicates=20, min_users=20)
START = dt.datetime(2024, 3, 1)


def outcomes(spark: SparkSession, campaign: str = "c") -> DataFrame:
    """80 users, every second held out. Those who bought before (u0 to u39) convert if they are sent the campaign, no one else does."""
    return rows(
        spark,
        CAMPAIGN_OUTCOMES,
        *(
            {
                "campaign_id": campaign,
                "user_id": f"u{n}",
                "variant": "control" if n % 2 else "mailed",
                "segment": "s",
                "is_converted": n < 40 and n % 2 == 0,
                "n_conversions": int(n < 40 and n % 2 == 0),
            }
            for n in range(80)
        ),
    )


def events(spark: SparkSession) -> DataFrame:
    bought = (
        {
            "event_id": f"e{n}",
            "user_id": f"u{n}",
            "item_id": "tea",
            "event_type": "purchase",
            "event_at": dt.datetime(2024, 2, 20),
            "event_date": dt.date(2024, 2, 20),
            "value": 5,
        }
        for n in range(40)
    )
    return rows(spark, EVENTS, *bought)


def campaigns(spark: SparkSession) -> DataFrame:
    each = {"start_at": START, "channel": "mail", "unit_cost": Decimal(1)}
    return rows(
        spark,
        CAMPAIGNS,
        {"campaign_id": "c", "end_at": dt.datetime(2024, 3, 8)} | each,
        {"campaign_id": "runs on", "end_at": dt.datetime(2024, 5, 1)} | each,
    )


def test_from_outcomes_to_a_plan_and_what_it_would_bring(spark: SparkSession) -> None:
    seen = outcomes(spark).unionByName(outcomes(spark, "runs on")).localCheckpoint()
    made = score_all(seen, campaigns(spark), events(spark), as_of=AS_OF, config=CONFIG, seed=7)
    scores = made[UPLIFT_SCORES].localCheckpoint()
    by_user = {row.user_id: row.uplift for row in scores.collect()}
    assert len(by_user) == 80
    assert min(by_user[f"u{n}"] for n in range(40)) > 0.5 > 0.3 > max(by_user[f"u{n}"] for n in range(40, 80))
    whole = measure(made[UPLIFT_BINS], UPLIFT_BINS).collect()[0]
    assert (whole.n_treated, whole.n_control, whole.treated_mean, whole.control_mean) == (40, 40, 0.5, 0)
    deciles = {row.decile: row for row in made[UPLIFT_CALIBRATION].collect()}
    assert sum(row.n_treated + row.n_control for row in deciles.values()) == 80
    best, worst = deciles[1], deciles[max(deciles)]  # scores of two kinds: the buyers', and those of no one else
    assert (best.observed, worst.observed) == (1, 0)
    assert best.predicted > 0.5 > 0.3 > worst.predicted
    found = {row.metric: row for row in made[UPLIFT_METRICS].collect()}
    assert found["qini"].ci_low <= found["qini"].value <= found["qini"].ci_high
    assert found["qini"].value == pytest.approx(0.125, abs=0.02)  # half of the users hold all of the effect of 0.5
    planned = build_plan(scores, campaigns(spark), seen, as_of=AS_OF, config=TargetingConfig(budget=Decimal(100), value=Decimal(3)))
    assert {row.user_id for row in planned[TARGETING_PLAN].collect()} == {f"u{n}" for n in range(40)}
    (summary,) = planned[TARGETING_SUMMARY].collect()
    assert (summary.n_users, summary.cost, summary.gap) == (40, 40, pytest.approx(0, abs=1e-9))
    value = measure(planned[PLAN_VALUES], PLAN_VALUES).collect()[0]
    # of the 80, the plan agrees with what 20 treated and 20 held out were given, each of weight 2
    assert (value.n_users, value.n_targeted, value.ips, value.snips) == (80, 40, 0.5, 0.5)
    # modelled: about 1 for buyers under the plan and 0 for the others, so that little is left to weigh
    assert value.doubly_robust == pytest.approx(0.5, abs=0.1)
    assert value.doubly_robust_high - value.doubly_robust_low < value.ips_high - value.ips_low


def test_a_campaign_that_held_no_one_out_has_no_uplift_and_no_plan(spark: SparkSession) -> None:
    made = score_all(outcomes(spark).where("variant = 'mailed'"), campaigns(spark), events(spark), as_of=AS_OF, config=CONFIG, seed=7)
    assert {table.name: frame.count() for table, frame in made.items()} == dict.fromkeys(
        [UPLIFT_SCORES.name, UPLIFT_BINS.name, UPLIFT_CALIBRATION.name, UPLIFT_METRICS.name], 0
    )
    planned = build_plan(empty(spark, UPLIFT_SCORES), campaigns(spark), outcomes(spark), as_of=AS_OF, config=TargetingConfig())
    (summary,) = planned[TARGETING_SUMMARY].collect()
    assert (summary.n_users, summary.gain, summary.bound, summary.gap, summary.budget) == (0, 0, 0, None, None)
    assert planned[PLAN_VALUES].count() == 0


def test_sums_per_bin_and_replicate_equal_the_exact_ranking(spark: SparkSession) -> None:
    rng = np.random.default_rng(1)
    score, treated, outcome = np.arange(40) / 40, rng.integers(0, 2, 40), rng.integers(0, 2, 40).astype(float)
    users = list(zip((f"u{n}" for n in range(40)), map(float, score), map(int, treated), map(float, outcome), strict=True))
    scored = small(spark, users, "user_id string, uplift double, is_treated int, outcome double")
    config = CONFIG.model_copy(update={"n_bins": 40})
    sums = replicate_sums(with_bins(scored, 40), config, seed=3)
    assert qini(sums)[0] == pytest.approx(qini(sums_of_scores(score, treated == 1, outcome))[0])
    assert sums[:, :2, 0].sum() == 40
    assert 25 < sums[:, :2, 1].sum() < 55  # a replicate draws about as many
