"""From fitted vectors to lists: (user_idx, item_idx, score, rank)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mapping_spark.errors import MissingInput
from mapping_spark.models.base import Fusion, Vectors
from mapping_spark.recommend.settings import Grid
from mapping_spark.recommend.topk import DEFAULT_GRID, first_k, top_k


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who gets lists, of what, and how long.

    `users`: (user_idx), one row each; None for all the model knows. `items`: (item_idx), one row each, what may be listed;
    None for all. Rules on items act here, before the search, so they never leave holes. `exclude`: (user_idx, item_idx)
    pairs that are not listed (see `seen`); the next best take their place.
    """

    k: int
    users: DataFrame | None = None
    items: DataFrame | None = None
    exclude: DataFrame | None = None
    grid: Grid = DEFAULT_GRID


def seen(interactions: DataFrame) -> DataFrame:
    """Pairs (user_idx, item_idx) of silver.interactions, for `Request.exclude`."""
    return interactions.select("user_idx", "item_idx")


def retrieve(vectors: Vectors, request: Request) -> DataFrame:
    """A model's own lists: (user_idx, item_idx, score double, rank int from 1), at most `request.k` rows per user.

    A user the model does not know has no rows. Errors as in `topk.top_k`.
    """
    users = _among(vectors.users, request.users, "user_idx")
    items = _among(vectors.items, request.items, "item_idx")
    return top_k(users, items, request.k, grid=request.grid, exclude=request.exclude)


def retrieve_fused(model: Fusion, members: Mapping[str, Vectors], interactions: DataFrame, request: Request) -> DataFrame:
    """A fusion model's lists, made of its members' lists of `model.depth` items (or k, if that is more).

    Rules and exclusions act on the members' lists, so the fused list holds what they let through. Raises `MissingInput`
    naming the members without vectors.
    """
    missing = sorted(set(model.members) - set(members))
    if missing:
        raise MissingInput("retrieving by fusion", f"no vectors of {missing}", "vectors of every member", "Fit them first.")
    deep = replace(request, k=max(model.depth, request.k))
    lists = [retrieve(members[name], deep).withColumn("model", F.lit(name)) for name in model.members]
    return first_k(model.fuse(reduce(DataFrame.unionByName, lists), interactions), request.k)


def _among(vectors: DataFrame, wanted: DataFrame | None, index: str) -> DataFrame:
    return vectors if wanted is None else vectors.join(wanted.select(index), on=index, how="left_semi")
