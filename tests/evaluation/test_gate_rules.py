"""The gate rule by rule: where each limit lies, what is compared with what, and what the row says."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import pytest

from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.gate import Decision, GateConfig, Measured, Rule, decide

TODAY, NOW = dt.date(2017, 12, 1), dt.datetime(2018, 1, 1, tzinfo=dt.UTC)
CONFIG = GateConfig(baselines=("popularity", "als"))


def run(model: str, value: float, **more: Any) -> Measured:
    """A run whose replicates are its value: of two such runs the interval is their difference, and p is 0, or 1 where they are equal."""
    return Measured(model, model, (value,) * 3, **({"coverage": 0.5, "segment_gap": 0.0} | more))


def decided(*runs: Measured, champion: Measured | None = None, before: Measured | None = None, **settings: Any) -> dict[str, Decision]:
    config = CONFIG.model_copy(update=settings)
    return {decision.candidate.run_id: decision for decision in decide(runs, champion, before, config)}


def rules(decision: Decision) -> dict[str, Rule]:
    return {rule.name: rule for rule in decision.rules}


@pytest.mark.parametrize(
    ("name", "measured", "held"),
    [
        ("coverage", {"coverage": 0.002}, True),  # a limit itself is within
        ("coverage", {"coverage": 0.0019}, False),
        ("coverage", {"coverage": None}, True),  # what was not measured breaks no rule
        ("segment gap", {"segment_gap": 0.2}, True),
        ("segment gap", {"segment_gap": 0.2001}, False),
        ("segment gap", {"segment_gap": None}, True),
        ("scoring seconds", {"scoring_seconds": 3_600.0}, True),
        ("scoring seconds", {"scoring_seconds": 3_600.1}, False),
        ("scoring seconds", {}, True),
    ],
)
def test_a_limit_is_still_within(name: str, measured: dict[str, Any], held: bool) -> None:
    decision = decided(run("popularity", 0.125), run("knn", 0.25, **measured))["knn"]
    assert rules(decision)[name].held is held
    assert decision.verdict == ("promoted" if held else "rejected")
    assert decision.reason.count("broken") == (0 if held else 1)


def test_the_margin_itself_is_not_enough() -> None:
    champion, candidate = run("hybrid", 0.25), run("knn", 0.375)
    assert decided(champion, candidate, champion=champion, margin=0.125)["knn"].verdict == "rejected"
    assert decided(champion, candidate, champion=champion, margin=0.124)["knn"].verdict == "promoted"


def test_an_equal_run_is_not_better_than_champion_or_baseline() -> None:
    champion, baseline = run("hybrid", 0.25), run("als", 0.25)
    decision = decided(champion, baseline, run("knn", 0.25), champion=champion)["knn"]
    over_champion, over_als, *limits = decision.rules
    assert (decision.verdict, decision.delta, decision.ci_low, decision.ci_high) == ("rejected", 0, 0, 0)
    assert (over_champion.number, over_champion.held, over_als.number, over_als.held) == (0, False, 1, False)
    assert all(rule.held for rule in limits)


def test_significantly_worse_than_a_baseline_is_not_better() -> None:
    decision = decided(run("popularity", 0.5), run("als", 0.125), run("knn", 0.25))["knn"]
    worse, better, *_ = decision.rules
    assert (worse.name, worse.number, worse.held) == ("over popularity by -0.2500, adjusted p", 1, False)
    assert (better.name, better.number, better.held) == ("over als by 0.1250, adjusted p", 0, True)
    assert decision.reason == "over popularity by -0.2500, adjusted p 1 (broken: below 0.05)"  # a rejection tells what broke, alone


def test_without_a_champion_the_delta_is_over_the_best_baseline() -> None:
    found = decided(run("popularity", 0.125), run("als", 0.25), run("knn", 0.75))
    assert set(found) == {"knn"}  # baselines are what candidates are held against, not candidates
    assert (found["knn"].champion_run_id, found["knn"].delta) == (None, 0.5)


def test_baselines_that_are_not_configured_do_not_count() -> None:
    decision = decided(run("knn", 0.25))["knn"]
    assert (decision.verdict, decision.delta, decision.ci_low) == ("promoted", None, None)
    assert [rule.name for rule in decision.rules] == ["coverage", "segment gap", "scoring seconds", "item_popularity PSI", "score PSI"]


def test_the_first_champion_may_be_a_baseline_and_says_so() -> None:
    found = decided(run("popularity", 0.25), run("als", 0.125), run("knn", 0.0625))
    assert [(name, each.verdict) for name, each in found.items()] == [("knn", "rejected"), ("popularity", "promoted")]
    assert found["popularity"].reason == "no champion yet and no candidate passed: the best baseline"
    assert (found["popularity"].delta, found["popularity"].rules) == (None, ())


def test_of_two_equal_candidates_the_first_is_promoted_and_the_other_kept() -> None:
    found = decided(run("popularity", 0.125), run("knn", 0.25), run("sasrec", 0.25))
    assert (found["knn"].verdict, found["sasrec"].verdict) == ("promoted", "kept")
    assert found["sasrec"].reason == "passed, but another candidate is better: " + found["knn"].reason


def test_a_champion_that_is_a_baseline_is_judged_by_the_limits_alone_and_first() -> None:
    champion = run("als", 0.125, coverage=0.001)
    found = decided(run("popularity", 0.25), run("knn", 0.5), champion, champion=champion)
    assert list(found) == ["als", "knn"]
    assert (found["als"].verdict, found["als"].delta) == ("rejected", 0)
    assert found["als"].reason == "the champion's run of the date: coverage 0.001 (broken: at least 0.002)"
    assert (found["knn"].verdict, found["knn"].champion_run_id, found["knn"].delta) == ("promoted", "als", 0.375)


def test_a_bin_that_one_of_two_runs_lacks_counts_as_empty() -> None:
    champion = run("als", 0.25, distributions={"score": {2: 1, 4: 3}})
    before = Measured("old", "als", (0.25,), distributions={"score": {2: 4}, "item_popularity": {0: 9}})
    score = rules(decided(champion, champion=champion, before=before)["als"])["score PSI"]
    p, q = ((4 + 0.5) / 5, 0.5 / 5), ((1 + 0.5) / 5, (3 + 0.5) / 5)  # half a place more in each of two bins
    assert score.number == pytest.approx(sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True)))
    assert not score.held
    assert rules(decided(champion, champion=champion, before=before)["als"])["item_popularity PSI"].number is None


def test_rules_read_as_sentences() -> None:
    assert str(Rule("coverage", 0.00123456, 0.002, held=False, wanted="at least")) == "coverage 0.001235 (broken: at least 0.002)"
    assert str(Rule("score PSI", None, 0.25, held=True)) == "score PSI not comparable (held: at most 0.25)"


def test_the_row_holds_every_rule_and_an_id_of_its_facts() -> None:
    decision = decided(run("popularity", 0.125), run("knn", 0.25))["knn"]
    row = decision.row(CONFIG.compared, TODAY, NOW)
    checks = json.loads(row["checks"])
    assert [check["name"] for check in checks] == [rule.name for rule in decision.rules]
    assert checks[0] == {"name": "over popularity by 0.1250, adjusted p", "number": 0, "limit": 0.05, "held": True, "wanted": "below"}
    assert (row["candidate_run_id"], row["model"], row["as_of_date"], row["decided_at"]) == ("knn", "knn", TODAY, NOW)
    ids = {decision.row(CONFIG.compared, day, NOW)["decision_id"] for day in (TODAY, TODAY - dt.timedelta(1))}
    other = decided(run("popularity", 0.125), run("knn", 0.375))["knn"].row(CONFIG.compared, TODAY, NOW)["decision_id"]
    assert len(ids | {other}) == 3  # another date and other numbers are other decisions


def test_a_model_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"gate: the models \['knn', 'knn'\]; expected each model once. Judge one run per model."):
        decided(run("knn", 0.25), run("knn", 0.5))
