"""What each model's settings refuse: told before anything is fitted, with the key and what would do."""

from __future__ import annotations

from typing import Any

import pytest

from mapping_spark.errors import ConfigError
from mapping_spark.models.als import AlsConfig
from mapping_spark.models.base import ModelConfig
from mapping_spark.models.fitting import describe_factors
from mapping_spark.models.registry import parse_configs
from mapping_spark.tables.contract import Table
from mapping_spark.tables.silver import USER_IDS
from mapping_spark.tables.sizing import LimitsConfig


@pytest.mark.parametrize(
    ("model", "settings", "told"),
    [
        ("als", {"rank": 0}, "rank = 0: Input should be greater than or equal to 1"),
        ("als", {"alpha": 0}, "alpha = 0: Input should be greater than 0"),
        ("als", {"feedback": "rating"}, "feedback = 'rating': Input should be 'implicit' or 'explicit'"),
        ("als", {"popularity_power": 1.1}, "popularity_power = 1.1"),
        ("association_rules", {"max_items_per_basket": 1}, "max_items_per_basket = 1"),  # one item is no pair
        ("association_rules", {"basket_decay": 0}, "basket_decay = 0"),  # would forget all but the latest
        ("association_rules", {"lift_power": 2}, "lift_power = 2"),
        ("item_knn", {"max_items_per_user": 1}, "max_items_per_user = 1"),
        ("item_knn", {"weighting": "jaccard"}, "weighting = 'jaccard'"),
        ("markov", {"step_decay": 1.5}, "step_decay = 1.5"),
        ("markov", {"n_popular": -1}, "n_popular = -1"),
        ("popularity", {"window_days": 0}, "window_days = 0"),
        ("popularity_all_time", {"window_days": 30}, "window_days = 30: Input should be None"),
        ("repeat", {"popularity_days": 0}, "popularity_days = 0"),
        ("tfidf", {"n_features": 2**24 + 1}, "n_features = 16777217"),
        ("hybrid", {"weights": {}}, "weights are all 0 for users with 0 items and more"),
        ("hybrid", {"rank_constant": -1}, "rank_constant = -1"),
        ("mf_bpr", {"negatives": {"n": 0}}, "n = 0: draw at least one negative"),
        ("mf_bpr", {"negatives": {"kind": "in_batch"}}, "in_batch per row, power 1.0: a batch's items are shared as they are"),
        ("mf_bpr", {"dropout": 1}, "dropout = 1: Input should be less than 1"),
        ("ncf", {"layers": [64, 0]}, "layers.1 = 0: Input should be greater than or equal to 1"),
        ("ncf", {"factors": 0, "layers": []}, "give one of them"),
        ("lstm", {"cell": "rnn"}, "cell = 'rnn'"),
        ("sasrec", {"heads": 3}, "dimension = 64 cannot be shared by heads = 3"),
        ("sasrec", {"calibration": 1.1}, "calibration = 1.1"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_key(model: str, settings: dict[str, Any], told: str) -> None:
    others: dict[str, dict[str, Any]] = {"popularity": {}}  # ncf ranks its list
    with pytest.raises(ConfigError) as fault:
        parse_configs(others | {model: settings})
    assert f"models.{model}" in str(fault.value)
    assert told in str(fault.value)


def test_heads_share_the_dimension_evenly_where_they_can() -> None:
    configs = parse_configs({"sasrec": {"dimension": 96, "heads": 3}, "mf_bpr": {"negatives": {"n": 8, "per": "batch", "power": 0.75}}})
    assert [type(config).__name__ for config in configs.values()] == ["SasRecConfig", "MfBprConfig"]


def count(table: Table) -> int:
    return 3_000 if table is USER_IDS else 1_000


def test_factors_of_every_user_and_item_are_told_and_those_over_the_limit_refused() -> None:
    models: dict[str, ModelConfig] = {"als": AlsConfig(rank=10), **parse_configs({"popularity": {}, "item_knn": {}})}
    assert AlsConfig(rank=10).factor_bytes(3_000, 1_000) == 4 * 10 * (3_000 + 1_000)
    assert describe_factors(models, LimitsConfig(), count) == ["als: factors of 0.2 MB"]  # the others hold none
    with pytest.raises(
        ConfigError, match="models.als: factors of 0.00016 GB; expected at most limits.factors_gb = 0.0001. Lower models.als"
    ):
        describe_factors(models, LimitsConfig(factors_gb=0.0001), count)
    assert describe_factors(models, LimitsConfig(factors_gb=0.00016), count) == ["als: factors of 0.2 MB"]  # a limit is still within
