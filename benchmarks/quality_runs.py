"""What `make bench-quality` fits, the settings it chooses from, and the figures it is held to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Settings = Mapping[str, Any]
SESSIONS = "retailrocket-sessions"


@dataclass(frozen=True, slots=True)
class Run:
    """One model on one data set."""

    model: str
    budget_seconds: int
    candidates: tuple[Settings, ...]
    """The one that answers best on the validation part is fitted again on all training rows and tested."""
    published: Mapping[str, str] = field(default_factory=dict)
    """What others report, and where, by protocol."""
    reach: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What the model is held to, by protocol; of an error, at most."""


def als(**settings: Any) -> Settings:
    """Every weight is 1: a rating of 1, so that the confidence is 1 + alpha."""
    return dict(weight_scale=math.e - 1, popularity_power=0.0) | settings


def item_knn(**settings: Any) -> Settings:
    """Items of one user have neighbours too: a test item may be rare."""
    return dict(min_users=1) | settings


def explicit(**settings: Any) -> Settings:
    """Ratings, predicted as they are."""
    return dict(feedback="explicit", iterations=15) | settings


KNN = (item_knn(weighting="cosine", n_neighbours=50, shrinkage=0.0), item_knn(weighting="unit_user", n_neighbours=100, shrinkage=0.0))
TEXTS: tuple[Settings, ...] = ({}, {"min_items": 3})
EXPLICIT = "Spark's ALS RMSE .9650 MAE .7530, SVD RMSE .9387 (recommenders' README)"
CONTENT = "GRU4Rec {}, SASRec {}, TIGER {}, all trained on purchases (MiniOneRec)"

RUNS: dict[str, Run] = {
    "movielens-100k/als_as_published": Run(
        "als",
        60,
        (explicit(rank=10, regularization=0.05),),
        published={"explicit_75_25": EXPLICIT},
        reach={"explicit_75_25": {"rmse": 0.975, "mae": 0.763}},
    ),
    "movielens-100k/als": Run(
        "als",
        120,
        (explicit(rank=10, regularization=0.1), explicit(rank=32, regularization=0.1), explicit(rank=32, regularization=0.15)),
        published={"explicit_75_25": EXPLICIT},
        reach={"explicit_75_25": {"rmse": 0.94, "mae": 0.753}},
    ),
    "amazon-industrial/tfidf": Run(
        "tfidf", 60, TEXTS, published={"full_rank": CONTENT.format(".0999/.0669", ".1088/.0806", ".1321/.0908")}
    ),
    "amazon-office/tfidf": Run("tfidf", 60, TEXTS, published={"full_rank": CONTENT.format(".1019/.0669", ".1120/.0858", ".1408/.1002")}),
    "ml-1m-ncf/item_knn": Run(
        "item_knn",
        120,
        KNN,
        published={"given_99": "ItemKNN .6596/.3900 (RecSys2019 evaluation)"},
        reach={"given_99": {"hr10": 0.66, "ndcg10": 0.39}},
    ),
    "ml-1m-ncf/als": Run(
        "als",
        400,
        tuple(als(rank=rank, regularization=0.1, alpha=4.0) for rank in (64, 128)),
        published={"given_99": "iALS .7308/.4514 (settings of google-research/ials, in numpy), SLIM .7161/.4470 (RecSys2019 evaluation)"},
        reach={"given_99": {"hr10": 0.70, "ndcg10": 0.43}},
    ),
    "beauty/item_knn": Run("item_knn", 60, KNN),
    "beauty/als": Run("als", 120, tuple(als(rank=64, regularization=reg, alpha=20.0, iterations=5) for reg in (0.6, 1.5))),
    "gowalla/item_knn": Run("item_knn", 240, KNN, published={"full_rank": "ItemCF .1570/.1214 (BARS)"}),
    "gowalla/als": Run(
        "als",
        600,
        (
            als(rank=64, regularization=0.3, alpha=10.0, iterations=5),
            als(rank=128, regularization=0.6, alpha=20.0, iterations=5),
        ),
        published={"full_rank": "MF-BPR .1627/.1378, LightGCN .1820/.1547, EASE .1765/.1467 (BARS)"},
        reach={"full_rank": {"recall20": 0.160, "ndcg20": 0.130}},
    ),
    "ml-1m/item_knn": Run("item_knn", 120, KNN),
}

FLOORS: dict[str, dict[str, str]] = {
    "ml-1m-ncf/random": {"given_99": "Random .0987/.0442 (RecSys2019 evaluation)"},
    "ml-1m-ncf/popularity_all_time": {"given_99": "TopPop .4531/.2542 (RecSys2019 evaluation)"},
    "ml-1m/popularity_all_time": {"uniform_100": "PopRec .4329/.2377 (Kang, McAuley 2018)"},
    "beauty/popularity_all_time": {"full_rank": "Pop .0152/.0068 (S3-Rec)"},
}
"""What others report of the floors."""
SESSIONS_PUBLISHED = {
    "popularity_all_time": "POP 2.38/.51, in the data set's notes",
    "latest_in_session": "38.14/25.87, in the data set's notes",
    "markov": "GRU4Rec 44.01/23.67, COTREC 56.17/29.97 (COTREC)",
    "association_rules": "GRU4Rec 44.01/23.67, COTREC 56.17/29.97 (COTREC)",
}
"""By model: P@20 / MRR@20 in %."""
