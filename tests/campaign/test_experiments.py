"""What an experiment says: the right word for each case, and its reason."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from mapping_spark.campaign.bayes import beliefs
from mapping_spark.campaign.effects import Effect
from mapping_spark.campaign.experiments import Experiment, Metric, grouped, read_experiment
from mapping_spark.campaign.moments import SUMS, Moments
from mapping_spark.campaign.segments import shrink
from mapping_spark.campaign.sequential import always_valid, mixing_variance

CONVERSION = Metric(name="conversion", kind="proportion", role="primary")
HALVES = {"control": 0.5, "new": 0.5}


def sums(metric: str, segment: str, **groups: Moments) -> list[dict[str, Any]]:
    labels = {"metric": metric, "segment": segment}
    return [labels | {"variant": variant} | {name: getattr(group, name) for name in SUMS} for variant, group in groups.items()]


def verdict(control: tuple[int, int], new: tuple[int, int], **facts: Any) -> dict[str, Any]:
    experiment = Experiment(**({"metrics": (CONVERSION,), "shares": HALVES} | facts))
    groups = {"control": Moments.from_counts(*control), "new": Moments.from_counts(*new)}
    (row,) = [row for row in read_experiment(experiment, grouped(sums("conversion", "s", **groups))) if row["segment"] == "all"]
    return row


@pytest.mark.parametrize(
    ("control", "new", "word", "reason"),
    [
        ((100, 1000), (150, 1000), "better", "below 0.05"),
        ((150, 1000), (100, 1000), "worse", "below 0.05"),
        ((100, 1000), (105, 1000), "no_difference_shown", "not below 0.05"),
        ((100, 1000), (150, 1300), "no_verdict", "sample ratio mismatch"),
        ((0, 0), (150, 1300), "no_verdict", "nobody was held out"),
        ((0, 10), (0, 10), "no_difference_shown", "adjusted p 1"),
    ],
)
def test_the_verdict_is_a_word_with_its_reason(control: tuple[int, int], new: tuple[int, int], word: str, reason: str) -> None:
    row = verdict(control, new)
    assert row["verdict"] == word
    assert reason in row["reason"]


def test_the_published_landing_page_test_shows_no_difference() -> None:
    row = verdict((17_489, 145_274), (17_264, 145_310))
    assert round(row["p_value"], 4) == 0.1899
    assert row["verdict"] == "no_difference_shown"


def test_a_variant_that_nobody_was_given_has_a_row() -> None:
    experiment = Experiment(metrics=(CONVERSION,), shares={"control": 0.5, "new": 0.5, "third": 0.0})
    rows = read_experiment(experiment, grouped(sums("conversion", "s", control=Moments.from_counts(1, 9), new=Moments.from_counts(2, 9))))
    (row,) = [row for row in rows if row["variant"] == "third" and row["segment"] == "all"]
    assert (row["verdict"], row["reason"], row["value"]) == ("no_verdict", "0 users in the variant", None)


def test_while_it_runs_only_the_always_valid_p_value_decides() -> None:
    final = verdict((100, 1000), (130, 1000))
    running = verdict((100, 1000), (130, 1000), is_running=True, planned_users=4_000)
    assert (final["verdict"], running["verdict"]) == ("better", "no_difference_shown")
    assert running["adjusted_p_value"] == running["always_valid_p_value"] > final["p_value"]


def test_what_is_mixed_over_is_fixed_before_the_data() -> None:
    # mixing variance = (variance of a difference of 5,000 users each) * the same factor, however many users are seen by then
    early, late = (verdict((n // 10, n), (n // 10, n), is_running=True) for n in (100, 40_000))
    halves = [row["always_valid_high"] for row in (early, late)]
    for n, half in zip((100, 40_000), halves, strict=True):
        error = math.sqrt(2 * 0.1 * 0.9 / n)
        mixing = mixing_variance(math.sqrt(2 * 0.1 * 0.9 / 5_000))
        assert half == pytest.approx(always_valid(0.0, error, mixing).high, rel=0.02)


def test_planned_looks_decide_by_their_bounds() -> None:
    planned = {"looks": (0.5, 1.0), "planned_users": 4_000, "is_running": True}
    halfway = verdict((100, 1000), (140, 1000), **planned)  # Lan and DeMets' bounds of two looks are 2.963 and 1.969
    assert (halfway["verdict"], halfway["p_value"] < 0.01) == ("no_difference_shown", True)
    error = math.sqrt((0.1 * 0.9 + 0.14 * 0.86) / 999)  # .0145: z is 2.756
    assert halfway["always_valid_high"] - halfway["difference"] == pytest.approx(2.963 * error, rel=0.001)
    assert verdict((100, 1000), (145, 1000), **planned)["verdict"] == "better"
    at_its_end = planned | {"is_running": False}
    assert verdict((200, 2000), (238, 2000), **at_its_end)["verdict"] == "no_difference_shown"  # z 1.92
    assert verdict((200, 2000), (240, 2000), **at_its_end)["verdict"] == "better"  # z 2.02


@pytest.mark.parametrize(("new", "word"), [(99_000, "guardrail_held"), (90_000, "guardrail_broken"), (97_900, "guardrail_not_shown")])
def test_a_guardrail_is_held_only_where_harm_is_ruled_out(new: int, word: str) -> None:
    metric = Metric(name="conversion", kind="proportion", role="guardrail", margin=0.02)
    assert verdict((100_000, 1_000_000), (new, 1_000_000), metrics=(metric,))["verdict"] == word


def test_primary_metrics_of_all_variants_are_corrected_together() -> None:
    groups = {"control": Moments.from_counts(100, 1000), "a": Moments.from_counts(130, 1000), "b": Moments.from_counts(128, 1000)}
    rows = read_experiment(Experiment(metrics=(CONVERSION,)), grouped(sums("conversion", "s", **groups)))
    found = {row["variant"]: row for row in rows if row["segment"] == "all"}
    assert found["a"]["adjusted_p_value"] == pytest.approx(2 * found["a"]["p_value"])  # Holm, the smaller of two
    assert found["a"]["sample_ratio_p_value"] is None  # nobody declared shares


def test_segments_sum_to_all_and_one_that_was_assigned_wrongly_is_barred() -> None:
    fair = sums("conversion", "fair", control=Moments.from_counts(50, 500), new=Moments.from_counts(60, 500))
    skewed = sums("conversion", "skewed", control=Moments.from_counts(10, 100), new=Moments.from_counts(20, 160))
    rows = {row["segment"]: row for row in read_experiment(Experiment(metrics=(CONVERSION,), shares=HALVES), grouped(fair + skewed))}
    assert rows["all"]["n_users"] == rows["fair"]["n_users"] + rows["skewed"]["n_users"] == 660
    assert {segment: row["verdict"] for segment, row in rows.items()} == {
        "all": "no_difference_shown",
        "fair": "no_difference_shown",
        "skewed": "no_verdict",
    }


def effect(difference: float, error: float) -> Effect:
    return Effect(difference, error, difference - 2 * error, difference + 2 * error, 0.5, math.nan, math.nan, math.nan)


def test_weak_segments_are_drawn_to_the_common_effect() -> None:
    found = shrink({"large": effect(1.0, 0.01), "other": effect(2.0, 0.01), "tiny": effect(4.0, 3.0)}).segments
    assert found["large"].difference == pytest.approx(1.0, abs=0.01)
    assert found["tiny"].difference < 2
    alike = shrink({"a": effect(1.0, 1.0), "b": effect(1.2, 1.0)})
    assert alike.variance == 0
    assert alike.segments["a"].difference == alike.segments["b"].difference == pytest.approx(1.1)
    assert alike.segments["a"].ci_high - 1.1 == pytest.approx(1.96 / math.sqrt(2), abs=0.001)  # of the common effect


def test_one_segment_is_left_as_it_is() -> None:
    found = shrink({"only": effect(1.0, 0.5), "silent": effect(math.nan, math.nan)})
    assert (found.segments["only"].difference, list(found.segments)) == (1.0, ["only"])
    assert math.isnan(found.p_value)


def test_beliefs_of_two_uniform_draws() -> None:
    # Beta(2, 1) beats Beta(1, 1) in 2 of 3 cases; the larger of the two is 3/4 on average (integral of 1 - x^3).
    found = beliefs({"a": stats.beta(2, 1), "b": stats.beta(1, 1)})
    assert found["a"].probability_best == pytest.approx(2 / 3, abs=1e-4)
    assert found["a"].expected_loss == pytest.approx(3 / 4 - 2 / 3, abs=1e-4)
    assert found["b"].expected_loss == pytest.approx(3 / 4 - 1 / 2, abs=1e-4)


def test_beliefs_where_lower_is_better_mirror_each_other() -> None:
    posteriors = {"a": stats.norm(1, 1), "b": stats.norm(0, 2)}
    up, down = (
        beliefs(posteriors),
        beliefs({name: stats.norm(-p.mean(), p.std()) for name, p in posteriors.items()}, higher_is_better=False),
    )
    for name, belief in up.items():
        assert down[name].probability_best == pytest.approx(belief.probability_best, abs=1e-6)
        assert down[name].expected_loss == pytest.approx(belief.expected_loss, abs=1e-6)
    assert up["a"].probability_best == pytest.approx(stats.norm.cdf(1 / math.sqrt(5)), abs=1e-4)


def test_all_revenue_from_one_user_shows_no_difference() -> None:
    spent = np.zeros(1_000)
    spent[0] = 1e9
    metric = Metric(name="revenue", kind="mean", role="primary")
    rows = sums("revenue", "s", control=Moments.of(np.zeros(1_000)), new=Moments.of(spent))
    (row,) = [row for row in read_experiment(Experiment(metrics=(metric,)), grouped(rows)) if row["segment"] == "all"]
    assert row["verdict"] in ("no_difference_shown", "no_verdict")
