"""What settings refuse, each with what was found and what to use instead."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mapping_spark.campaign.settings import (
    AnomalyConfig,
    AssignmentConfig,
    AttributionConfig,
    CampaignPlan,
    EffectConfig,
    ExperimentConfig,
    ForecastConfig,
    PlannedLooks,
    Rule,
    TargetingConfig,
    UpliftConfig,
)
from mapping_spark.config import Section

RULE = {"name": "r", "measure": "roi", "below": 0.0, "action": "pause"}


@pytest.mark.parametrize(
    ("section", "given", "message"),
    [
        (PlannedLooks, {"users": 100, "shares": [0.5, 0.5, 1]}, "shares are [0.5, 0.5, 1.0]; use ascending ones above 0, the last 1"),
        (PlannedLooks, {"users": 100, "shares": [0, 1]}, "the last 1"),
        (PlannedLooks, {"users": 100, "shares": [0.5]}, "the last 1"),
        (PlannedLooks, {"users": 100, "shares": []}, "at least 1 item"),
        (PlannedLooks, {"users": 1, "shares": [1]}, "greater than or equal to 2"),
        (AttributionConfig, {"touch_types": ["clik"]}, "no event types ['clik']; use some of"),
        (AttributionConfig, {"touch_types": []}, "no event types []"),
        (AttributionConfig, {"window_days": 91}, "less than or equal to 90"),
        (AttributionConfig, {"half_life_days": 0}, "greater than 0"),
        (AttributionConfig, {"shapley_games": ["clicks"]}, "conversion_rate"),
        (EffectConfig, {"history_weeks": 5}, "history_weeks is 5; use an even number"),
        (EffectConfig, {"history_weeks": 2}, "greater than or equal to 4"),
        (ExperimentConfig, {"shares": {"c": {"a": 1.0}}}, "use two variants or more, each above 0"),
        (ExperimentConfig, {"winsor_quantile": 1.01}, "less than or equal to 1"),
        (ForecastConfig, {"models": []}, "at least 1 item"),
        (ForecastConfig, {"min_days": 27}, "greater than or equal to 28"),
        (AnomalyConfig, {"weeks": 2}, "greater than or equal to 3"),
        (UpliftConfig, {"n_folds": 1}, "greater than or equal to 2"),
        (UpliftConfig, {"learner": "s_learner"}, "dr_learner"),
        (TargetingConfig, {"budget": -1}, "greater than or equal to 0"),
        (CampaignPlan, {"variants": {}}, "at least 1 item"),
        (CampaignPlan, {"variants": {"a": "0.00005"}}, "a has 0.00005"),
        (CampaignPlan, {"variants": {"": "0.1", "(b": "0.1"}}, "'' is no variant; '(b' is no variant"),
        (CampaignPlan, {"variants": {"a": "0.6", "b": "0.4"}}, "the shares sum to 1.1, the holdout included"),
        (CampaignPlan, {"variants": {"a": "1.5"}}, "a has 1.5; the shares sum to 1.6"),
        (AssignmentConfig, {"global_holdout": 1}, "less than 1"),
        (Rule, RULE | {"measure": "roii"}, "'roii' is no measure of gold.campaign_kpis"),
        (Rule, RULE | {"above": 1.0}, "rule r needs exactly one of below and above"),
        (Rule, RULE | {"name": "Big Rule"}, "match"),
        (UpliftConfig, {"n_bin": 10}, "n_bin"),  # a misspelt setting is not ignored
    ],
)
def test_a_setting_that_cannot_be_is_refused(section: type[Section], given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        section.model_validate(given)
    assert message in str(refused.value)


def test_limits_themselves_are_allowed() -> None:
    whole = CampaignPlan.model_validate({"variants": {"a": "0.6", "b": "0.3"}})
    assert list(whole.shares) == ["control", "a", "b"]
    assert sum(whole.shares.values()) == 1
    assert PlannedLooks.model_validate({"users": 2, "shares": [1]}).shares == (1,)
    assert EffectConfig(history_weeks=4).history_weeks == 4
    beside = {"variants": {"a": "0.5"}, "layer": "mail"}
    other = {"variants": {"a": "0.5"}, "layer": "post"}
    plans = {"c1": beside | {"layer_to": "0.5"}, "c2": beside | {"layer_from": "0.5"}, "c3": other, "c4": {"variants": {"a": "0.9"}}}
    assert len(AssignmentConfig.model_validate({"campaigns": plans}).campaigns) == 4  # parts that touch do not overlap


def test_overlaps_of_a_layer_are_named() -> None:
    plan = {"variants": {"a": "0.5"}, "layer": "mail"}
    plans = {"c1": plan | {"layer_to": "0.3"}, "c2": plan | {"layer_from": "0.2", "layer_to": "0.5"}, "c3": plan | {"layer_from": "0.4"}}
    with pytest.raises(ValidationError, match="c1 and c2, c2 and c3 overlap in their layer"):
        AssignmentConfig.model_validate({"campaigns": plans})
