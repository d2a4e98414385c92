"""Order and boundaries of popularity, rungs and reasons where counts are equal, segments have odd names or nothing is known."""

from __future__ import annotations

import datetime as dt

from mapping_spark.recommend.evidence import popularity_lists
from mapping_spark.recommend.ladder import fill_ladder
from mapping_spark.recommend.reasons import add_reasons
from mapping_spark.recommend.settings import RecommendConfig

from .conftest import Chosen, MakeEvidence, MakeLists

LONG_AGO = {"last_at": dt.datetime(2017, 1, 1)}


def test_equal_counts_are_ordered_by_users_ever_and_then_by_item(known: MakeEvidence) -> None:
    chosen: Chosen = {(1, 30): {}, (2, 30): LONG_AGO, (1, 20): {}, (1, 10): {}, (2, 40): LONG_AGO, (2, 50): LONG_AGO, (3, 50): LONG_AGO}
    evidence = known({1: "a", 2: "a"}, [10, 20, 30, 40, 50], chosen)
    found = {(row.stage, row.position): (row.item_idx, row.n_users) for row in popularity_lists(evidence, RecommendConfig()).collect()}
    assert [found["popular", place] for place in range(1, 6)] == [(30, 1), (10, 1), (20, 1), (50, 0), (40, 0)]
    # nobody of the segment took 40 or 50 lately, so its list ends
    assert [found.get(("segment_popular", place)) for place in range(1, 5)] == [(30, 1), (10, 1), (20, 1), None]


def test_a_segment_without_a_name_is_a_segment_like_any_other(known: MakeEvidence, ranked: MakeLists) -> None:
    """Users 1 and 2 are of the segment '', user 3 of none; user 2 and others took 10, user 4 took 20."""
    chosen: Chosen = {(2, 10): {}, (3, 10): {}, (4, 20): {}}
    evidence, config = known({1: "", 2: "", 3: None}, [10, 20], chosen), RecommendConfig(k=2, min_users_shown=1)
    popular = popularity_lists(evidence, config)
    slots = fill_ladder(ranked({}), popular, evidence, config)
    found = {(row.user_idx, row.item_idx): (row.stage, row.reason) for row in add_reasons(slots, popular, evidence, config).collect()}
    assert found == {
        (1, 10): ("segment_popular", "1 user like you in the last 30 days"),
        (1, 20): ("popular", "1 user in the last 30 days"),
        (2, 10): ("segment_popular", "bought once, 1 day ago"),
        (2, 20): ("popular", "1 user in the last 30 days"),
        (3, 10): ("popular", "bought once, 1 day ago"),
        (3, 20): ("popular", "1 user in the last 30 days"),
    }


def test_a_reason_names_as_many_users_as_it_must_and_not_one_less(known: MakeEvidence, ranked: MakeLists) -> None:
    """Of the model's slots 10 has two users, 20 one; two are enough to be named."""
    chosen: Chosen = {(2, 10): {}, (3, 10): {}, (3, 20): {}}
    evidence, config = known({1: None}, [10, 20], chosen), RecommendConfig(k=2, min_users_shown=2, model="als")
    popular = popularity_lists(evidence, config)
    slots = fill_ladder(ranked({1: [20, 10]}), popular, evidence, config)
    found = {row.item_idx: (row.reason_code, row.reason) for row in add_reasons(slots, popular, evidence, config).collect()}
    assert found == {10: ("popular", "2 users in the last 30 days"), 20: ("model_rank", "place 1 in the list of als")}


def test_an_item_keeps_the_highest_rung_that_offers_it_and_its_score(known: MakeEvidence, ranked: MakeLists) -> None:
    """Item 20 is in the model's list, like the user's own, and popular in the segment and everywhere."""
    chosen: Chosen = {(1, 10): {"weight": 2.0}, (2, 20): {}, (2, 30): {}, (3, 30): {}}
    evidence, config = known({1: "a", 2: "a"}, [10, 20, 30], chosen, similar={10: [20]}), RecommendConfig(k=3)
    slots = fill_ladder(ranked({1: [20]}), popularity_lists(evidence, config), evidence, config).where("user_idx = 1").collect()
    assert [(row["rank"], row.item_idx, row.stage, row.score) for row in sorted(slots, key=lambda row: row["rank"])] == [
        (1, 20, "model", 1.0),
        (2, 10, "segment_popular", 1.0),  # user 1 of the segment has it
        (3, 30, "segment_popular", 1.0),  # user 2; that of 3 users two have it counts one rung below
    ]
