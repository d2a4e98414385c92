"""Who comes back: gold.user_cohorts (retention by week) and gold.user_activity (daily, weekly and monthly users)."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mapping_spark.tables.campaigns import USER_ACTIVITY, USER_COHORTS
from mapping_spark.tables.frames import conform

PASSIVE = ("campaign_send", "impression")
"""Event types that happen to a user, and so are no activity of his."""
MONTH_DAYS, WEEK_DAYS = 30, 7


def active_days(events: DataFrame, as_of: dt.date) -> DataFrame:
    """(user_id, date): each business day before `as_of` on which a user did something."""
    did = events.where((F.col("event_date") < F.lit(as_of)) & ~F.col("event_type").isin(*PASSIVE))
    return did.select("user_id", F.col("event_date").alias("date")).distinct()


def build_cohorts(active: DataFrame, as_of: dt.date) -> DataFrame:
    """Users by the week (from Monday) of their first active day, and how many were active in each week since.

    Every cohort has every week up to the one that holds the last day, also those in which nobody came back.
    """
    weeks = active.select("user_id", F.trunc("date", "week").alias("active_week")).distinct()
    first = weeks.groupBy("user_id").agg(F.min("active_week").alias("cohort_date"))
    since = F.floor(F.date_diff("active_week", "cohort_date") / 7).cast("int").alias("week")
    seen = weeks.join(first, on="user_id", how="inner").groupBy("cohort_date", since).agg(F.count(F.lit(1)).alias("n_active_users"))
    last = F.trunc(F.date_sub(F.lit(as_of), 1), "week")
    n_weeks = (F.date_diff(last, "cohort_date") / 7).cast("int")
    sizes = first.groupBy("cohort_date").agg(F.count(F.lit(1)).alias("n_users"))
    every = sizes.withColumn("week", F.explode(F.sequence(F.lit(0), n_weeks)))
    filled = every.join(seen, on=["cohort_date", "week"], how="left").fillna(0, ["n_active_users"])
    ends = F.date_add("cohort_date", 7 * (F.col("week") + 1))
    return conform(filled.withColumn("is_complete", ends <= F.lit(as_of)), USER_COHORTS)


def build_activity(active: DataFrame, as_of: dt.date) -> DataFrame:
    """Different users of every business day, of the 7 and of the 30 days that end with it, exactly.

    An active day makes its user a monthly one for 30 days or until his next active day: the number of such users is a running
    sum of beginnings less ends, in one pass over (user, day).
    """
    following = F.lead("date").over(Window.partitionBy("user_id").orderBy("date"))
    spells = active.withColumn("following", following)
    changes = F.array(F.struct(F.col("date").alias("day"), *_steps(1, 1, 1)), *(_end(days) for days in (1, WEEK_DAYS, MONTH_DAYS)))
    moved = spells.select(F.explode(changes).alias("change")).select("change.*")
    by_day = moved.groupBy("day").agg(*(F.sum(name).alias(name) for name in ("daily", "weekly", "monthly")))
    bounds = active.agg(F.min("date").alias("first")).where("first IS NOT NULL")  # one row
    days = bounds.select("first", F.explode(F.sequence("first", F.date_sub(F.lit(as_of), 1))).alias("day"))
    so_far = Window.orderBy("day").rowsBetween(Window.unboundedPreceding, 0)  # one row per day: few
    running = days.join(by_day, on="day", how="left").fillna(0, ["daily", "weekly", "monthly"])
    counted = running.select(
        F.col("day").alias("date"),
        *(F.sum(name).over(so_far).alias(f"n_{name}_users") for name in ("daily", "weekly", "monthly")),
        (F.date_diff("day", "first") >= MONTH_DAYS - 1).alias("is_full_month"),
    )
    return conform(counted, USER_ACTIVITY)


def _end(days: int) -> Column:
    """When the user stops to count among those of the last `days` days."""
    day = F.least(F.date_add("date", days), "following").alias("day")
    return F.struct(day, *_steps(*(-(days == of) for of in (1, WEEK_DAYS, MONTH_DAYS))))


def _steps(daily: int, weekly: int, monthly: int) -> list[Column]:
    values = {"daily": daily, "weekly": weekly, "monthly": monthly}
    return [F.lit(int(value)).cast("bigint").alias(name) for name, value in values.items()]
