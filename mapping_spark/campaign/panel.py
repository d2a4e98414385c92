"""What users spent week by week around a campaign's start, summed so that an effect can be told without a holdout.

Weeks are counted from the campaign's first business day: week 0 begins with it, week -1 is the one before. An origin is the week
whose beginning is taken for the start: 0, or a placebo week of the past. Around an origin lie `far` and `near` (history, half the
weeks each, near the later) and `after`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import ContractError

SUMS = ("n_users", "change", "change_sq")
"""Sums over users, beside `week_0` ... of each week's spending from the origin's first week of history on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weeks:
    """Which weeks are compared."""

    history: int
    """Before an origin; even, the first half is what users are matched on."""
    after: int
    """From an origin on."""
    origins: tuple[int, ...]
    """0, and placebo weeks so early that the campaign lies outside their weeks."""

    @property
    def first(self) -> int:
        """The earliest week that counts."""
        return min(self.origins) - self.history

    @classmethod
    def around(cls, *, first_day: dt.date, start: dt.date, after: int, history: int, step: int) -> Weeks:
        """Every `step` weeks a placebo origin that lies whole between the data's first day and the campaign's start.

        Raises `ContractError` where the data holds too few weeks before the campaign, or none of it.
        """
        whole_weeks = (start - first_day).days // 7
        if after < 1 or whole_weeks < history:
            found = f"{whole_weeks} whole weeks before {start} and {after} from then on"
            raise ContractError("effect without a holdout", found, f"{history} and at least 1", "Choose a later campaign.")
        return cls(history=history, after=after, origins=(0, *range(-after, history - whole_weeks - 1, -step)))


def weekly(purchases: DataFrame, start: dt.date) -> DataFrame:
    """(user_id, week int, spent double): purchases (user_id, event_date, value) by week from `start` on; a null value is 0."""
    week = F.floor(F.datediff("event_date", F.lit(start)) / 7).cast("int")
    return purchases.groupBy("user_id", week.alias("week")).agg(F.sum("value").cast("double").alias("spent")).fillna(0.0, ["spent"])


def panel(spent: DataFrame, mailed: DataFrame, weeks: Weeks) -> DataFrame:
    """(user_id, is_mailed, spent array<double>): one row per user who bought before the campaign or was mailed.

    `spent[0]` is of `weeks.first`, the last of the campaign's last week; a week without a purchase is 0. `mailed`: (user_id), once each.
    """
    length = weeks.after - weeks.first
    within = spent.where(F.col("week").between(weeks.first, weeks.after - 1))
    each = [F.sum(F.when(F.col("week") == weeks.first + n, F.col("spent")).otherwise(0.0)).alias(f"w{n}") for n in range(length)]
    before = F.max(F.col("week") < 0).alias("bought_before")
    by_user = within.groupBy("user_id").agg(before, F.array(*each).alias("spent"))
    known = by_user.join(mailed.select("user_id", F.lit(True).alias("is_mailed")), on="user_id", how="full")
    nothing = F.array_repeat(F.lit(0.0), length)
    filled = known.select(
        "user_id", F.coalesce("is_mailed", F.lit(False)).alias("is_mailed"), F.coalesce("spent", nothing).alias("spent"), "bought_before"
    )
    return filled.where(F.col("is_mailed") | F.col("bought_before")).drop("bought_before")


def sums_by_stratum(users: DataFrame, weeks: Weeks, n_strata: int) -> pd.DataFrame:
    """(origin, is_mailed, stratum, n_users, change, change_sq, week_0 ...): what effects are told from; few rows, two passes.

    `change`: mean weekly spending after the origin less that of the near weeks, currency. A stratum holds users of like spending in
    the far weeks, between quantiles of the mailed; those are other weeks than the near ones, so that matching does not turn chance
    highs into a fall (Daw and Hatfield 2018, "Matching and regression to the mean in difference-in-differences analysis").
    """
    around = _by_origin(users, weeks)
    quantiles = [n / n_strata for n in range(1, n_strata)]
    bounds = F.percentile_approx("far", quantiles, 10_000) if quantiles else F.first(F.array().cast("array<double>"))
    edges = around.where("is_mailed").groupBy("origin").agg(bounds.alias("edges"))
    stratum = F.size(F.filter("edges", lambda edge: edge < F.col("far")))
    placed = around.join(F.broadcast(edges), on="origin", how="inner").withColumn("stratum", stratum)
    by_week = [F.sum(F.col("window")[n]).alias(f"week_{n}") for n in range(weeks.history + weeks.after)]
    change = F.col("after") - F.col("near")
    totals = [F.count(F.lit(1)).alias("n_users"), F.sum(change).alias("change"), F.sum(change * change).alias("change_sq")]
    return placed.groupBy("origin", "is_mailed", "stratum").agg(*totals, *by_week).toPandas()


def _by_origin(users: DataFrame, weeks: Weeks) -> DataFrame:
    exploded = users.withColumn("origin", F.explode(F.array(*map(F.lit, weeks.origins))))
    begin = F.col("origin") - F.lit(weeks.history + weeks.first) + 1
    windowed = exploded.withColumn("window", F.slice("spent", begin, weeks.history + weeks.after))
    half = weeks.history // 2
    parts = {"far": (0, half), "near": (half, weeks.history), "after": (weeks.history, weeks.history + weeks.after)}
    return windowed.withColumns({name: _mean(range(*bounds)) for name, bounds in parts.items()})


def _mean(positions: Sequence[int]) -> Column:
    return reduce(lambda total, position: total + position, [F.col("window")[n] for n in positions]) / len(positions)
