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
from mapping_spark.evaluation.metrics import ACCURACY, coverage, novelty
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
    long = means.withColumns({"metric": name[0], "k": name[1].cast("int")}).drop("name")
    known = interactions.select(F.count_distinct("user_idx").alias("n_known_users"))  # one row, so the cross join adds none
    is_accuracy = F.col("metric").isin(list(ACCURACY))
    n_skipped = F.when(is_accuracy, F.col("n_known_users") - F.col("n_users")).otherwise(0)
    counted = long.crossJoin(known).withColumn("n_users_skipped", n_skipped).drop("n_known_users")
    every = counted.unionByName(catalogue_coverage(lists, interactions, ks=ks))
    return conform(every.withColumns({"segment": F.lit("all"), "as_of_date": F.lit(as_of_date)}), MODEL_METRICS)


def user_metrics(lists: DataFrame, relevant: DataFrame, interactions: DataFrame, *, ks: Sequence[int]) -> DataFrame:
    """Each user's metrics in each run: (run_id, model, protocol, user_idx, `ndcg@5` ... `novelty@20` double).

    One row per (run, protocol, user) with a list or with something relevant. Accuracy is null where nothing is relevant,
    novelty where the list is empty. Arguments and errors as in `evaluate`.
    """
    cuts = _checked(ks)
    n_relevant = relevant.groupBy("protocol", "user_idx").agg(F.count("*").alias("n_relevant"))
    runs = lists.select(*RUN).distinct()  # as many rows as runs x protocols: they multiply the users, not the items
    asked = n_relevant.join(F.broadcast(runs), on="protocol", how="inner")
    users = _per_list(lists, relevant, interactions, cuts).join(asked, on=[*RUN, "user_idx"], how="full")
    hit_ranks = F.coalesce("hit_ranks", F.array().cast("array<int>"))
    accuracy = [function(hit_ranks, F.col("n_relevant"), k).alias(f"{name}@{k}") for name, function in ACCURACY.items() for k in cuts]
    return users.select(*RUN, "user_idx", *accuracy, *(f"novelty@{k}" for k in cuts))


def catalogue_coverage(lists: DataFrame, interactions: DataFrame, *, ks: Sequence[int]) -> DataFrame:
    """Coverage of each run at each cut-off, shaped as the columns of gold.model_metrics that depend on the metric.

    An item outside the catalogue (no interaction holds it) does not count. The ends of the interval are null: a share of
    a catalogue is no mean over users.
    """
    cuts = _checked(ks)
    catalogue = interactions.select("item_idx").distinct()
    by_user = lists.groupBy(*RUN, "user_idx").agg(F.min("rank").alias("best_rank"))
    by_item = lists.groupBy(*RUN, "item_idx").agg(F.min("rank").alias("best_rank")).join(catalogue, on="item_idx", how="left_semi")
    n_users = by_user.groupBy(*RUN).agg(*(F.count_if(F.col("best_rank") <= k).alias(f"n_users@{k}") for k in cuts))
    n_items = catalogue.agg(F.count("*").alias("n_items"))  # one row
    # the catalogue's size is one number: max() only carries it through the grouping
    shares = (coverage(F.col("best_rank"), F.max("n_items"), k).alias(f"coverage@{k}") for k in cuts)
    wide = n_users.join(by_item.crossJoin(n_items).groupBy(*RUN).agg(*shares), on=list(RUN), how="left")
    at_cuts = [F.struct(F.lit(k).alias("k"), F.col(f"coverage@{k}").alias("value"), F.col(f"n_users@{k}").alias("n_users")) for k in cuts]
    long = wide.select(*RUN, F.inline(F.array(*at_cuts)))
    none = F.lit(None).cast("double")
    return long.withColumns({"metric": F.lit("coverage"), "ci_low": none, "ci_high": none, "n_users_skipped": F.lit(0)})


def _per_list(lists: DataFrame, relevant: DataFrame, interactions: DataFrame, ks: Sequence[int]) -> DataFrame:
    """One row per list: hit_ranks (ascending) and novelty at each cut-off."""
    key = ["protocol", "user_idx", "item_idx"]
    hits = relevant.select(*key, F.lit(True).alias("is_hit"))  # one row per key
    holders = interactions.groupBy("item_idx").agg(F.count("*").alias("n_item_users"))  # interactions: one row per (user, item)
    known = interactions.select(F.count_distinct("user_idx").alias("n_known_users"))  # one row, so the cross join adds none
    shown = lists.where(F.col("rank") <= max(ks)).join(hits, on=key, how="left")
    best = shown.groupBy(*RUN, "user_idx", "item_idx", "is_hit").agg(F.min("rank").alias("rank"))
    priced = best.join(holders, on="item_idx", how="left").crossJoin(known)
    novelties = (novelty(F.col("rank"), F.col("n_item_users"), F.col("n_known_users"), k).alias(f"novelty@{k}") for k in ks)
    hit_ranks = F.sort_array(F.collect_list(F.when(F.col("is_hit"), F.col("rank")))).alias("hit_ranks")
    return priced.groupBy(*RUN, "user_idx").agg(hit_ranks, *novelties)


def _checked(ks: Sequence[int]) -> tuple[int, ...]:
    cuts = tuple(sorted(set(ks)))
    if not cuts or cuts[0] < 1 or len(cuts) < len(ks):
        raise ConfigError("evaluation.ks", f"{list(ks)}", "different cut-offs, each 1 or more", "Use for example [5, 10, 20].")
    return cuts
