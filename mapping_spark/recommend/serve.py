"""From fitted runs and published tables to what `publish` writes: the lists of one model, the items that are alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import ConfigError
from mapping_spark.models.base import ModelConfig
from mapping_spark.models.fitting import Fitted
from mapping_spark.models.registry import build
from mapping_spark.recommend.eligibility import eligible_items, eligible_users, known_before
from mapping_spark.recommend.evidence import Evidence
from mapping_spark.recommend.publish import build_recommendations
from mapping_spark.recommend.retrieve import Request, retrieve, retrieve_fused, seen
from mapping_spark.recommend.settings import Grid, RecommendConfig


def needed(name: str, configs: Mapping[str, ModelConfig]) -> dict[str, ModelConfig]:
    """Settings of a model and, for a fusion model, of its members. Raises `ConfigError` for a model that is not configured."""
    if name not in configs:
        fix = f"Choose one of them, or configure it: --set models.{name}={{}}."
        raise ConfigError("recommend", f"the model {name!r} has no settings under models", f"one of {sorted(configs)}", fix)
    model = build(name, configs[name], seed=0)
    members: tuple[str, ...] = getattr(model, "members", ())
    return {each: configs[each] for each in (name, *members)}


def lists_of(name: str, models: Mapping[str, Fitted], interactions: DataFrame, request: Request) -> DataFrame:
    """(user_idx, item_idx, score, rank) of the model `name`, at most `request.k` per user; kept, as the ladder reads it often."""
    vectors = {member: fitted.vectors for member, fitted in models.items() if fitted.vectors is not None}
    fusion = models[name].fusion
    lists = retrieve(vectors[name], request) if fusion is None else retrieve_fused(fusion, vectors, interactions, request)
    return lists.localCheckpoint(eager=False)


def published_similar(similar_items: DataFrame, item_ids: DataFrame, as_of: dt.date) -> DataFrame:
    """The slice of gold.similar_items of `as_of` by integers: (item_idx, similar_item_idx, score, rank)."""
    other = item_ids.select(F.col("item_id").alias("similar_item_id"), F.col("item_idx").alias("similar_item_idx"))
    slice_ = similar_items.where(F.col("as_of_date") == F.lit(as_of))
    # silver.item_ids has one row per item: neither join multiplies rows.
    joined = slice_.join(item_ids, on="item_id", how="inner").join(other, on="similar_item_id", how="inner")
    return joined.select("item_idx", "similar_item_idx", "score", "rank")


@dataclass(frozen=True, slots=True)
class Tables:
    """What recommending reads: silver.events, the id maps, users, items, blocked items, and the date's slices of the rest."""

    interactions: DataFrame
    events: DataFrame
    user_ids: DataFrame
    item_ids: DataFrame
    users: DataFrame
    items: DataFrame
    similar_items: DataFrame
    blocked_items: DataFrame

    def evidence(self, as_of: dt.date) -> Evidence:
        """Who gets recommendations and what may be recommended, by the rules that are tables."""
        return Evidence(
            users=eligible_users(self.user_ids, self.users, known_before(self.events, as_of)),
            items=eligible_items(self.item_ids, self.items, self.blocked_items),
            interactions=self.interactions,
            similar=published_similar(self.similar_items, self.item_ids, as_of),
            as_of=as_of,
        )


def recommend(tables: Tables, models: Mapping[str, Fitted], config: RecommendConfig, grid: Grid, as_of: dt.date) -> DataFrame:
    """The slice of gold.recommendations of `as_of`, by the model `config.model`; `models` holds it and its members."""
    evidence = tables.evidence(as_of)
    exclude = seen(tables.interactions) if config.exclude_seen else None
    request = Request(k=config.k, users=evidence.users, items=evidence.items, exclude=exclude, grid=grid)
    lists = lists_of(config.model, models, tables.interactions, request)
    return build_recommendations(lists, evidence, config, run_id=models[config.model].run_id)
