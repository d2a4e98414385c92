"""Whom to send what under a budget: greedy on the net gain per unit of cost, beside a bound no plan can beat.

Offers: (user_id, campaign_id, channel, segment string, uplift, value, cost double), at most one row per user and campaign;
`uplift` in outcomes, `value` of an outcome and `cost` of a send in one currency. Net gain = uplift x value - cost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from scipy import sparse
from scipy.optimize import linprog

from mapping_spark.errors import ConfigError
from mapping_spark.tables.frames import small

KEYS = ("level", "segment", "channel")
"""A cell: users of like gain per cost, one segment and one channel. Few rows, however many users."""
_LEVELS_PER_OCTAVE = 16
_FREE = 32_767
"""Level of what costs nothing."""
_PARTS = 64
"""Cells are parted by a hash of the user, so that none grows with the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What a plan may use at most."""

    budget: float
    """Of all sends together, in the currency of the offers' cost; 0 sends only what is free."""
    by_segment: Mapping[str, int] = field(default_factory=dict)
    """Users per segment; a segment not named has no cap."""
    by_channel: Mapping[str, int] = field(default_factory=dict)
    """Users per channel; a channel not named has no cap."""

    def __post_init__(self) -> None:
        wrong = [f"{name} = {cap}" for name, cap in (*self.by_segment.items(), *self.by_channel.items()) if cap < 0]
        wrong += [f"budget = {self.budget}"] if not self.budget >= 0 else []
        if wrong:
            raise ConfigError("targeting", ", ".join(wrong), "a budget and caps of 0 or more", "Mend the settings.")


def best_offers(offers: DataFrame) -> DataFrame:
    """Each user's offer with the largest net gain above 0, with `gain` and the cell it falls in; ties by the cheaper, then by name."""
    named = offers.withColumn("gain", F.col("uplift") * F.col("value") - F.col("cost"))
    order = F.struct("gain", -F.col("cost"), F.col("campaign_id"), F.col("channel"))
    best = named.where(F.col("gain") > 0).groupBy("user_id").agg(F.max_by(F.struct(*named.columns), order).alias("best"))
    part = F.pmod(F.xxhash64(F.lit("plan"), "user_id"), F.lit(_PARTS)).cast("int")
    return best.select("best.*").withColumns({"level": _level(), "part": part})


def _level() -> Column:
    octaves = F.floor(F.log2(F.col("gain") / F.col("cost")) * _LEVELS_PER_OCTAVE).cast("int")
    return F.when(F.col("cost") > 0, octaves).otherwise(F.lit(_FREE))


def cells_of(best: DataFrame) -> DataFrame:
    """(level, segment, channel, part, n, gain, cost, dearest): sums of `best_offers` by cell, and the cost of its dearest offer."""
    sums = [F.count(F.lit(1)).alias("n"), F.sum("gain").alias("gain"), F.sum("cost").alias("cost"), F.max("cost").alias("dearest")]
    return best.groupBy(*KEYS, "part").agg(*sums)


def allocate(cells: pd.DataFrame, caps: Caps) -> pd.DataFrame:
    """The cells with `n_max` and `cost_max`: how many users of each, and for how much, are sent; best cells first.

    Budget and caps hold for every choice within those limits. A cell that does not fit is taken in part: so at most the cost of a
    few users is left over where users remain (Dantzig 1957, the greedy for a knapsack).
    """
    ordered = cells.assign(ratio=cells.gain / cells.cost.clip(lower=1e-300)).sort_values(["ratio", *KEYS, "part"], ascending=False)
    left, by_segment, by_channel = caps.budget, dict(caps.by_segment), dict(caps.by_channel)
    limits = []
    for cell in ordered.itertuples():
        n_max = min(cell.n, by_segment.get(cell.segment, cell.n), by_channel.get(cell.channel, cell.n))
        cost_max = min(left, cell.cost if n_max == cell.n else n_max * cell.dearest)
        limits.append((n_max, cost_max))
        left -= cost_max
        for used, name in ((by_segment, cell.segment), (by_channel, cell.channel)):
            if name in used:
                used[name] -= n_max
    return ordered.assign(n_max=[n for n, _ in limits], cost_max=[cost for _, cost in limits])


def choose(best: DataFrame, allocated: DataFrame) -> DataFrame:
    """The rows of `best_offers` that are sent: in each cell the best first, ties by user, while `n_max` and `cost_max` hold.

    `allocated`: (level, segment, channel, part, n_max, cost_max), one row per cell.
    """
    in_cell = Window.partitionBy(*KEYS, "part").orderBy(F.desc("gain"), "user_id").rowsBetween(Window.unboundedPreceding, 0)
    slack = 1 + 1e-9  # sums of doubles depend on their order in the last digits
    limited = best.join(F.broadcast(allocated.select(*KEYS, "part", "n_max", "cost_max")), on=[*KEYS, "part"], how="inner")
    running = limited.withColumns({"n_before": F.count(F.lit(1)).over(in_cell), "cost_before": F.sum("cost").over(in_cell)})
    chosen = running.where((F.col("n_before") <= F.col("n_max")) & (F.col("cost_before") <= F.col("cost_max") * slack))
    return chosen.drop("level", "part", "n_max", "cost_max", "n_before", "cost_before")


@dataclass(frozen=True, slots=True)
class Prices:
    """What a unit of each limit is worth at the optimum of the linear programme: its dual."""

    budget: float
    by_segment: Mapping[str, float]
    by_channel: Mapping[str, float]


def prices(cells: pd.DataFrame, caps: Caps) -> Prices:
    """Duals of the programme over cells (shares of each cell within budget and caps, largest gain), by HiGHS."""
    summed = cells.groupby(list(KEYS), as_index=False)[["n", "gain", "cost"]].sum()
    limits: list[tuple[Any, float]] = [(summed.cost.to_numpy(float), caps.budget)]
    limits += [(np.where(summed.segment == name, summed.n, 0.0), float(cap)) for name, cap in caps.by_segment.items()]
    limits += [(np.where(summed.channel == name, summed.n, 0.0), float(cap)) for name, cap in caps.by_channel.items()]
    if summed.empty:
        return Prices(0.0, dict.fromkeys(caps.by_segment, 0.0), dict.fromkeys(caps.by_channel, 0.0))
    matrix = sparse.csr_matrix(np.stack([row for row, _ in limits]))
    solved = linprog(-summed.gain.to_numpy(float), A_ub=matrix, b_ub=[limit for _, limit in limits], bounds=(0, 1), method="highs")
    duals = np.maximum(-solved.ineqlin.marginals, 0.0)
    n = len(caps.by_segment)
    of_segments, of_channels = duals[1 : 1 + n], duals[1 + n :]
    return Prices(
        float(duals[0]), dict(zip(caps.by_segment, of_segments, strict=True)), dict(zip(caps.by_channel, of_channels, strict=True))
    )


def upper_bound(offers: DataFrame, caps: Caps, at: Prices) -> float:
    """A net gain that no plan within the caps exceeds, whatever the prices; close where they are the optimum's. One aggregation.

    Lagrange: sum over users of the best offer's gain less the price of what it uses (0 if that is negative), plus the price of
    all that may be used (Fisher 1981). With the linear programme's duals it is that programme's value, up to the width of a level.
    """
    used = F.col("cost") * at.budget + _price_of("segment", at.by_segment) + _price_of("channel", at.by_channel)
    surplus = F.col("uplift") * F.col("value") - F.col("cost") - used
    by_user = offers.groupBy("user_id").agg(F.greatest(F.max(surplus), F.lit(0.0)).alias("surplus"))
    total = by_user.agg(F.sum("surplus")).collect()[0][0] or 0.0
    limits = at.budget * caps.budget if at.budget else 0.0  # a budget without end has no price
    limits += sum(price * caps.by_segment[name] for name, price in at.by_segment.items())
    return float(total + limits + sum(price * caps.by_channel[name] for name, price in at.by_channel.items()))


def _price_of(column: str, prices_by_name: Mapping[str, float]) -> Column:
    price = F.lit(0.0)
    for name, value in prices_by_name.items():
        price = F.when(F.col(column) == name, F.lit(float(value))).otherwise(price)
    return price


@dataclass(frozen=True)
class TargetingPlan:
    """Who is sent what, what that is expected to bring, and how far from the best possible it can be."""

    chosen: DataFrame
    gain: float
    """Expected net gain, currency."""
    cost: float
    bound: float
    """No plan within the caps gains more, currency."""

    @property
    def gap(self) -> float:
        """Share of the bound that the plan may have left, 0 to 1; NaN where nothing can be gained."""
        return 1 - self.gain / self.bound if self.bound > 0 else math.nan


def plan(offers: DataFrame, caps: Caps) -> TargetingPlan:
    """Greedy plan and its bound. Runs Spark jobs at once; what reaches the driver is cells, not users."""
    best = best_offers(offers).persist()
    cells = pd.DataFrame(cells_of(best).toPandas())
    if not caps.budget < math.inf:
        caps = Caps(budget=float(cells.cost.sum()), by_segment=caps.by_segment, by_channel=caps.by_channel)
    limits = allocate(cells, caps).query("n_max > 0")[[*KEYS, "part", "n_max", "cost_max"]]
    shape = "level int, segment string, channel string, part int, n_max bigint, cost_max double"
    chosen = choose(best, small(best.sparkSession, list(limits.itertuples(index=False, name=None)), shape))
    gain, cost = chosen.agg(F.sum("gain"), F.sum("cost")).collect()[0]
    return TargetingPlan(chosen, gain or 0.0, cost or 0.0, upper_bound(offers, caps, prices(cells, caps)))
