"""Ranked lists in, gold.model_metrics out: every model, protocol, metric and cut-off together.

The order: mark each list's hits, one grouped pass to a row per (run, protocol, user) with a column `metric@k` each, then
the bootstrap over those rows. `user_metrics` is the middle step on its own, for paired differences between two runs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.bootstrap import bootstrap_means
from mapping_spark.evaluation.metrics import ACCURACY, coverage, novelty, self_information
from mapping_spark.tables.frames import conform
from mapping_spark.tables.gold import MODEL_METRICS

RUN = ("run_id", "model", "protocol")


def evaluate(
    lists: DataFrame,
    relevant: DataFrame,
    interactions: DataFrame,
    *,
    as_of_date: dt.date,
    ks: Sequence[int],
    n_replicates: int,
    seed: int,
) -> DataFrame:
    """Every metric of every run at every cut-off in `ks`, with its interval: the rows of gold.model_metrics.

    `lists`: (run_id, model, protocol, user_idx, item_idx, rank int from 1), all runs and protocols together; an item twice in
    a list counts at its best rank, the other place as one with nothing. `relevant`: what `relevant_items` gives.
    `interactions`: the slice of silver.interactions the models were fitted on; its users are the known users, its items the
    catalogue.

    ndcg, hit_rate, precision, recall, map, mrr: mean over known users with something relevant, a user without a list counting
    0; n_users + n_users_skipped = known users. novelty, coverage: over all lists given, as they need no relevance; n_users
    are the users with a list, nobody is skipped. coverage has no interval. A run without any row in `lists` is not seen.
    Raises `ConfigError` where `ks` is empty, repeats, or has a cut-off below 1.
    """
    per_user = user_metrics(lists, relevant, interactions, ks=ks)
    columns = [name for name in per_user.columns if "@" in name]
    means = bootstrap_means(per_user, by=RUN, columns=columns, n_replicates=n_replicates, seed=seed)
    name = F.split("name", "@")
    long = means.withColumns({"metric": name[0], "k": name[1].cast("int")})
    skipped = F.when(F.col("metric").isin(list(ACCURACY)), F.col("n_known_users") - F.col("n_users")).otherwise(0)
    counted = long.crossJoin(_n_known_users(interactions)).withColumn("n_users_skipped", skipped)
    every = _beside_novelty(counted, catalogue_coverage(lists, interactions, ks=ks))
    return conform(every.withColumns({"segment": F.lit("all"), "as_of_date": F.lit(as_of_date)}), MODEL_METRICS)


def user_metrics(lists: DataFrame, relevant: DataFrame, interactions: DataFrame, *, ks: Sequence[int]) -> DataFrame:
    """Each user's metrics in each run: (run_id, model, protocol, user_idx, `ndcg@5` ... `novelty@20` double).

    One row per (run, protocol, user) with a list or with something relevant. Accuracy is null where nothing is relevant,
    novelty where the list is empty. Arguments and errors as in `evaluate`.
    """
    cuts = _checked(ks)
    rows = _places(lists, relevant, interactions, max(cuts)).unionByName(_asked(lists, relevant), allowMissingColumns=True)
    place = F.when(F.col("rank").isNotNull(), F.struct("rank", "item_idx", "is_hit", "information"))
    users = rows.groupBy(*RUN, "user_idx").agg(F.sort_array(F.collect_list(place)).alias("places"), F.max("n_relevant").alias("n_relevant"))
    places = F.col("places")
    # an item's first place is its best rank; a list is short, so looking each item up in it is cheap
    once = users.withColumn("places", F.filter(places, lambda place, at: F.array_position(places["item_idx"], place["item_idx"]) == at + 1))
    hit_ranks = F.filter(places, lambda place: place["is_hit"])["rank"]
    marked = once.withColumn("hit_ranks", hit_ranks)
    accuracy = [
        function(F.col("hit_ranks"), F.col("n_relevant"), k).alias(f"{name}@{k}") for name, function in ACCURACY.items() for k in cuts
    ]
    return marked.select(*RUN, "user_idx", *accuracy, *(novelty(places, k).alias(f"novelty@{k}") for k in cuts))


def catalogue_coverage(lists: DataFrame, interactions: DataFrame, *, ks: Sequence[int]) -> DataFrame:
    """Coverage of each run at each cut-off: (run_id, model, protocol, k int, coverage double).

    An item that no interaction holds is outside the catalogue and does not count; a run that shows no other has no row.
    """
    cuts = _checked(ks)
    catalogue = interactions.select("item_idx").distinct()
    n_items = catalogue.agg(F.count("*").alias("n_items"))  # one row, so the cross join adds none
    shown = lists.groupBy(*RUN, "item_idx").agg(F.min("rank").alias("best_rank")).join(catalogue, on="item_idx", how="left_semi")
    shares = (coverage(F.col("best_rank"), F.col("n_items"), k).alias(f"{k}") for k in cuts)
    wide = shown.crossJoin(n_items).groupBy(*RUN).agg(*shares)
    return wide.unpivot(list(RUN), [f"{k}" for k in cuts], "k", "coverage").withColumn("k", F.col("k").cast("int"))


def _places(lists: DataFrame, relevant: DataFrame, interactions: DataFrame, depth: int) -> DataFrame:
    """The first `depth` ranks of every list, each with whether it is a hit and how surprising the item is."""
    key = ["protocol", "user_idx", "item_idx"]
    hits = relevant.select(*key, F.lit(True).alias("is_hit"))  # one row per key
    holders = interactions.groupBy("item_idx").agg(F.count("*").alias("n_item_users"))  # interactions: one row per (user, item)
    shown = lists.where(F.col("rank") <= depth).join(hits, on=key, how="left").join(holders, on="item_idx", how="left")
    information = self_information(F.col("n_item_users"), F.col("n_known_users")).alias("information")
    return shown.crossJoin(_n_known_users(interactions)).select(*RUN, "user_idx", "rank", "item_idx", "is_hit", information)


def _asked(lists: DataFrame, relevant: DataFrame) -> DataFrame:
    """One row per run and user with something relevant: every run is asked for every such user, list or no list."""
    runs = lists.select(*RUN).distinct()  # as many rows as runs x protocols
    n_relevant = relevant.groupBy("protocol", "user_idx").agg(F.count("*").alias("n_relevant"))
    return n_relevant.join(F.broadcast(runs), on="protocol", how="inner")


def _n_known_users(interactions: DataFrame) -> DataFrame:
    """One row, so a cross join with it adds none: how many users the interactions know."""
    return interactions.agg(F.count_distinct("user_idx").alias("n_known_users"))


def _beside_novelty(means: DataFrame, shares: DataFrame) -> DataFrame:
    """Add a row for coverage beside each of novelty: both count the users with a list. Without an interval: no mean over users."""
    columns = ("metric", "value", "ci_low", "ci_high")
    none = F.lit(None).cast("double")
    share = F.when(F.col("n_users") > 0, F.coalesce("coverage", F.lit(0.0)))  # lists that show nothing of the catalogue cover 0
    own = F.struct(*columns)
    coverage_row = F.struct(*(value.alias(name) for name, value in zip(columns, (F.lit("coverage"), share, none, none), strict=True)))
    metrics = F.when(F.col("metric") == "novelty", F.array(own, coverage_row)).otherwise(F.array(own))
    joined = means.join(shares, on=[*RUN, "k"], how="left")
    return joined.select(*RUN, "k", "n_users", "n_users_skipped", F.inline(metrics))


def _checked(ks: Sequence[int]) -> tuple[int, ...]:
    cuts = tuple(sorted(set(ks)))
    if not cuts or cuts[0] < 1 or len(cuts) < len(ks):
        raise ConfigError("evaluation.ks", f"{list(ks)}", "different cut-offs, each 1 or more", "Use for example [5, 10, 20].")
    return cuts
