"""What is known of a user before a campaign, which campaigns can be learnt from, and how scores fall into bins."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from pyspark.ml.functions import vector_to_array
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mapping_spark.campaign.settings import UpliftConfig
from mapping_spark.campaign.uplift_tables import HISTORY_DAYS, calibration_rows, history_features, learnable, metric_rows, with_bins
from mapping_spark.tables.frames import rows, small
from mapping_spark.tables.gold import CAMPAIGN_OUTCOMES

from .market import at, event, events

START = at(20, 12)
TICK = dt.timedelta(microseconds=1)


def test_features_look_112_days_back_and_not_at_the_campaign(spark: SparkSession) -> None:
    since = START - dt.timedelta(days=HISTORY_DAYS)
    happened = events(
        spark,
        *(
            event("purchase", user, when, item_id=item, value=value and Decimal(value), currency=value and "EUR")
            for user, when, item, value in (
                ("edges", since, "tea", "3"),
                ("edges", START - TICK, "jam", "4"),
                ("outside", since - TICK, "tea", "100"),
                ("outside", START, "tea", "100"),
                ("often", at(18, 8), "tea", "1"),
                ("often", at(18, 9), "tea", "2"),
                ("often", at(10), "milk", None),  # no rate: counted, worth nothing
            )
        ),
        event("refund", "edges", at(19), item_id="oil", value=Decimal(50), currency="EUR"),
    )
    users = small(spark, [(name,) for name in ("edges", "outside", "often", "nobody")], "user_id string")
    scaled = history_features(happened, users, START).select("user_id", vector_to_array(F.col("features")).alias("of")).collect()
    nothing = [HISTORY_DAYS, 0, 0, 0]
    assert {row.user_id: row.of for row in scaled} == {
        "edges": pytest.approx([0, math.log(3), math.log(3), math.log(8)]),  # recency, and the logs of 1 + days, items, money
        "often": pytest.approx([2, math.log(3), math.log(3), math.log(4)]),
        "outside": nothing,
        "nobody": nothing,
    }


def test_a_campaign_is_learnt_from_with_enough_users_in_both_arms(spark: SparkSession) -> None:
    sizes = {"enough": (3, 3), "few held out": (9, 2), "few sent": (2, 9), "two variants": (3, 4)}
    users = [
        {"campaign_id": name, "user_id": f"{variant}{n}", "variant": variant if n % 2 or variant == "control" else "other"}
        for name, (sent, held_out) in sizes.items()
        for variant, size in (("mailed", sent), ("control", held_out))
        for n in range(size)
    ]
    assert learnable(rows(spark, CAMPAIGN_OUTCOMES, *users), UpliftConfig(min_users=3)) == ["enough", "two variants"]


def test_equal_scores_share_a_bin_and_the_highest_are_first(spark: SparkSession) -> None:
    scored = small(spark, [(float(n),) for n in range(20)] + [(19.0,)] * 3, "uplift double")
    found = with_bins(scored, 4).groupBy("uplift").agg({"bin": "collect_set"}).collect()
    bins = {row.uplift: row[1] for row in found}
    assert all(len(of) == 1 for of in bins.values())
    ordered = [bins[score][0] for score in sorted(bins, reverse=True)]
    assert ordered == sorted(ordered)
    assert (ordered[0], ordered[-1]) == (0, 3)
    assert with_bins(scored.where("uplift < 0"), 4).isEmpty()
    assert len({row.bin for row in with_bins(scored.where("uplift = 19"), 4).collect()}) == 1  # no order, no parts


def test_rows_of_metrics_and_deciles_leave_out_what_is_no_number() -> None:
    # Best bin: 2 treated with outcomes 1 and 1, 1 held out with 0; then 1 treated with 0, nobody held out.
    sums = np.array([[2.0, 1, 2, 0], [1, 0, 0, 0]])
    found = {row["metric"]: row for row in metric_rows(sums[:, :, None])}
    assert {name: row["n_users"] for name, row in found.items()} == {"qini": 4, "auuc": 4}
    assert all("ci_low" not in row for row in found.values())  # no replicates, no interval
    bins = pd.DataFrame(sums, columns=["n_treated", "n_control", "treated_outcome", "control_outcome"])
    bins = bins.assign(bin=[0, 1], treated_outcome_sq=[2.0, 0], control_outcome_sq=[0.0, 0], uplift=[1.5, 0.1])
    best, worst = calibration_rows(bins.iloc[::-1])  # in any order of rows
    assert best == {"decile": 1, "n_treated": 2, "n_control": 1, "predicted": 1.5 / 3, "observed": 1}  # one held out: no interval
    assert worst == {"decile": 2, "n_treated": 1, "n_control": 0, "predicted": pytest.approx(0.1)}
