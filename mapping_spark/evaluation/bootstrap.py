"""How sure a mean over users is: Poisson bootstrap, in one pass over the users and with nothing on the driver.

Each replicate gives each user a weight from Poisson(1), which for many users is the multinomial of drawing users with
replacement (Hanley and MacGibbon 2006; Chamandy et al. 2012, "Estimating uncertainty for massive data streams"). The
weight is a hash of (seed, user, replicate): the same in every run, on every partitioning and for every model, so
differences between models are paired. Cost is linear in users x replicates; only sums per replicate are shuffled.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError

INTERVAL = (0.025, 0.975)
"""Quantiles of the replicates' means that bound the 95 % percentile interval (Efron 1979)."""

_UNIFORM_BITS = 53  # what a double holds exactly
_MAX_WEIGHT = 17  # P(Poisson(1) > 17) < 2 ** -53: no uniform draw of 53 bits can reach beyond


def bootstrap_means(values: DataFrame, *, by: Sequence[str], columns: Sequence[str], n_replicates: int, seed: int) -> DataFrame:
    """Mean over users of each of `columns` per group, with its 95 % percentile interval.

    `values`: (`by` ..., user_idx bigint, `columns` ... double), one row per (`by`, user). Null means that the user does
    not count for that column. Gives (`by` ..., name string, value, ci_low, ci_high double, n_users bigint), one row per
    group and column. `value` is the plain mean, and null with both ends where no user counts; the ends are null with
    `n_replicates` = 0. A replicate in which no counting user was drawn gives no mean and is left out. Sums of doubles
    depend on their order in the last digit. Raises `ConfigError` where `n_replicates` is negative.
    """
    if n_replicates < 0:
        raise ConfigError("bootstrap", f"n_replicates = {n_replicates}", "0 or more", "Use 200, or 0 for no interval.")
    means = _replicate_means(values, by, columns, n_replicates, seed)
    is_plain = F.col("replicate") == 0
    ends = F.percentile(F.when(~is_plain, F.col("mean")), list(INTERVAL)).alias("ends")
    plain = (F.max(F.when(is_plain, F.col("mean"))).alias("value"), F.max(F.when(is_plain, F.col("weight"))).alias("n_users"))
    summary = means.groupBy(*by, "name").agg(*plain, ends)
    return summary.select(*by, "name", "value", F.col("ends")[0].alias("ci_low"), F.col("ends")[1].alias("ci_high"), "n_users")


def paired_difference(
    candidate: DataFrame, champion: DataFrame, *, by: Sequence[str], columns: Sequence[str], n_replicates: int, seed: int
) -> DataFrame:
    """Mean over users of candidate minus champion, with the interval of that difference on the same users.

    Both frames: (`by` ..., user_idx, `columns` ...), one row per (`by`, user), `by` naming what the two have in common
    (the protocol, not the run). Users whom only one frame has are left out, and so are values that either has as null.
    Gives what `bootstrap_means` gives; the interval of two equal models is exactly [0, 0].
    """
    keys = [*by, "user_idx"]
    both = candidate.select(*keys, *columns).alias("a").join(champion.select(*keys, *columns).alias("b"), on=keys, how="inner")
    differences = both.select(*keys, *((F.col(f"a.`{name}`") - F.col(f"b.`{name}`")).alias(name) for name in columns))
    return bootstrap_means(differences, by=by, columns=columns, n_replicates=n_replicates, seed=seed)


def poisson_weight(seed: int, user: Column, replicate: Column) -> Column:
    """How often a replicate draws a user, int: Poisson(1) by its inverse distribution function on a hash in [0, 1)."""
    uniform = F.shiftrightunsigned(F.xxhash64(F.lit(seed).cast("bigint"), user, replicate), 64 - _UNIFORM_BITS)
    at_most = itertools.accumulate(math.exp(-1) / math.factorial(drawn) for drawn in range(_MAX_WEIGHT))
    bounds = [int(probability * 2**_UNIFORM_BITS) for probability in at_most]
    weight = F.when(uniform < bounds[0], 0)
    for drawn, bound in enumerate(bounds[1:], start=1):
        weight = weight.when(uniform < bound, drawn)
    return weight.otherwise(_MAX_WEIGHT)


def _replicate_means(values: DataFrame, by: Sequence[str], columns: Sequence[str], n_replicates: int, seed: int) -> DataFrame:
    """One row per (`by`, replicate, name): the mean, and how many users it counts by weight.

    Replicate 0 weighs every user 1: its mean is the plain one.
    """
    replicates = F.explode(F.sequence(F.lit(0), F.lit(n_replicates))).alias("replicate")
    drawn = values.select(*by, "user_idx", *columns, replicates)
    poisson = poisson_weight(seed, F.col("user_idx"), F.col("replicate"))
    weighted = drawn.withColumn("weight", F.when(F.col("replicate") == 0, 1).otherwise(poisson))
    wide = weighted.groupBy(*by, "replicate").agg(*(_weighted_mean(name) for name in columns))
    return wide.select(*by, "replicate", F.inline(F.array(*columns)))


def _weighted_mean(name: str) -> Column:
    weight = F.sum(F.when(F.col(name).isNotNull(), F.col("weight")).otherwise(0))
    mean = F.try_divide(F.sum(F.col(name) * F.col("weight")), weight)
    return F.struct(F.lit(name).alias("name"), mean.alias("mean"), weight.alias("weight")).alias(name)
