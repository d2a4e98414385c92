from __future__ import annotations

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from mapping_spark.campaign.base_learners import BaseLearner
from mapping_spark.campaign.pseudo_outcomes import doubly_robust_effect, imputed_effect, transformed_class
from mapping_spark.campaign.uplift import LEARNERS, cross_fit
from mapping_spark.errors import ConfigError, ContractError
from mapping_spark.tables.frames import small

from .planted import frame, planted, planted_clicks

NUMBERS, CLICKS = BaseLearner(is_binary=False), BaseLearner(is_binary=True)


def test_pseudo_outcomes_by_hand(spark: SparkSession) -> None:
    shape = "is_treated int, outcome double, propensity double, m1 double, m0 double"
    users = small(spark, [(1, 1.0, 0.25, 0.5, 0.25), (0, 1.0, 0.25, 0.5, 0.25)], shape)
    found = users.select(transformed_class(), imputed_effect("m1", "m0"), doubly_robust_effect("m1", "m0")).collect()
    assert tuple(found[0]) == (1, 1 - 0.25, 0.25 + (1 - 0.5) / 0.25)
    assert tuple(found[1]) == (0, 0.5 - 1, pytest.approx(0.25 - (1 - 0.25) / 0.75))


@pytest.mark.parametrize("learner", [name for name in LEARNERS if name != "class_transformation"])
def test_a_planted_effect_is_found_by_every_learner(spark: SparkSession, learner: str) -> None:
    users = frame(spark, planted(200, seed=1))
    found = pd.DataFrame(cross_fit(users, learner, NUMBERS, n_folds=2).out_of_fold(users).select("user_id", "uplift", "x1").toPandas())
    assert found.user_id.is_unique
    assert len(found) == 200
    assert found.uplift.corr(found.x1, method="spearman") > 0.99
    assert (found.uplift - found.x1).abs().mean() < 0.05


def test_the_transformed_class_ranks_clicks_by_effect(spark: SparkSession) -> None:
    users = frame(spark, planted_clicks(1000, seed=2))
    fitted = cross_fit(users, "class_transformation", CLICKS, n_folds=2)
    found = pd.DataFrame(fitted.score(users).select("uplift", "x1").toPandas())
    assert found.uplift.corr(found.x1, method="spearman") > 0.8


def test_boosted_trees_are_a_base_learner_too(spark: SparkSession) -> None:
    users = frame(spark, planted(300, seed=3))
    base = BaseLearner(kind="boosted", is_binary=False, n_trees=1, depth=2, learning_rate=1.0)
    found = pd.DataFrame(cross_fit(users, "two_model", base, n_folds=2).out_of_fold(users).select("uplift", "x1").toPandas())
    assert found.uplift.corr(found.x1, method="spearman") > 0.6


def test_what_cannot_be_learnt_from_is_refused(spark: SparkSession) -> None:
    users = frame(spark, planted(20, seed=4))
    with pytest.raises(ContractError, match="no user held out"):
        cross_fit(users.where("is_treated = 1"), "two_model", NUMBERS)
    with pytest.raises(ContractError, match="20 outcomes that are no number of 0 or 1; 20 propensities outside 0 to 1"):
        cross_fit(frame(spark, planted(20, seed=4), propensity=1.0), "two_model", CLICKS)
    with pytest.raises(ConfigError, match="'s_learner' on 5 folds"):
        cross_fit(users, "s_learner", NUMBERS)
    with pytest.raises(ConfigError, match="an outcome that is a number"):
        cross_fit(users, "class_transformation", NUMBERS)
