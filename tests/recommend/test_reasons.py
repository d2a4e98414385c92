"""Each reason by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame

from mapping_spark.recommend.evidence import Evidence, popularity_lists
from mapping_spark.recommend.ladder import fill_ladder
from mapping_spark.recommend.reasons import REASON_CODES, add_reasons
from mapping_spark.recommend.settings import RecommendConfig

from .conftest import Chosen, MakeEvidence, MakeLists


def reasons(lists: DataFrame, evidence: Evidence, **settings: Any) -> dict[tuple[int, int], tuple[str, str]]:
    """(code, sentence) by user and item."""
    config = RecommendConfig(**{"model": "hybrid"} | settings)
    popular = popularity_lists(evidence, config)
    found = add_reasons(fill_ladder(lists, popular, evidence, config), popular, evidence, config).collect()
    assert {row.reason_code for row in found} <= set(REASON_CODES)
    pairs = [(row.user_idx, row.item_idx) for row in found]
    assert len(pairs) == len(set(pairs))
    return {(row.user_idx, row.item_idx): (row.reason_code, row.reason) for row in found}


def bought(times: int, day: dt.datetime) -> dict[str, Any]:
    return {"n_events": times, "last_at": day}


def test_bought_again_says_how_often_and_how_long_ago(known: MakeEvidence, ranked: MakeLists) -> None:
    chosen = {
        (1, 10): bought(9, dt.datetime(2017, 11, 27, 12)),
        (1, 20): bought(1, dt.datetime(2017, 11, 30, 12)),
        (1, 30): bought(2, dt.datetime(2017, 12, 1, 3)),  # still 30 November in New York
    }
    evidence = known({1: None}, [10, 20, 30], chosen)
    assert reasons(ranked({1: [10, 20, 30]}), evidence, k=3, time_zone="America/New_York") == {
        (1, 10): ("bought_again", "bought 9 times, last 4 days ago"),  # 1 December - 27 November
        (1, 20): ("bought_again", "bought once, 1 day ago"),
        (1, 30): ("bought_again", "bought 2 times, last 1 day ago"),
    }


def test_like_item_names_the_own_item_with_the_largest_weight_times_likeness(known: MakeEvidence, ranked: MakeLists) -> None:
    chosen: Chosen = {(1, 10): {"weight": 1.0}, (1, 20): {"weight": 3.0}, (2, 30): {"weight": 9.0}, (3, 99): {}, (4, 99): {}}
    similar = {40: [10, 20, 30, 99], 30: [50], 99: [60]}
    evidence = known({1: None, 2: None, 3: None, 4: None}, [10, 20, 30, 40, 50, 60], chosen, similar)
    found = reasons(ranked({1: [40], 3: [40]}), evidence, k=1, verb="watch")
    assert found == {
        (1, 40): ("like_item", "like Item 20, which you watch"),  # 3 x 1/2 > 1 x 1; 30 is not user 1's
        (2, 50): ("like_item", "like Item 30, which you watch"),  # the slot came from 30
        (3, 40): ("model_rank", "place 1 in the list of hybrid"),  # 99 may not be shown, so it is no evidence
        (4, 60): ("catalogue", "in the catalogue, no users in the last 30 days"),
    }


def test_popular_slots_say_by_how_many(known: MakeEvidence, ranked: MakeLists) -> None:
    others: Sequence[int] = range(100, 106)
    chosen: Chosen = {**{(user, 10): {} for user in others}, (200, 20): {}, (201, 30): {}}
    evidence = known({1: "a", 200: "a", **dict.fromkeys(others, "a")}, [10, 20, 30, 40], chosen)
    found = reasons(ranked({}), evidence, k=4, popular_days=7)
    assert {item: why for (user, item), why in found.items() if user == 1} == {
        10: ("popular_in_segment", "6 users like you in the last 7 days"),
        20: ("popular_in_segment", "fewer than 5 users like you in the last 7 days"),
        30: ("popular", "fewer than 5 users in the last 7 days"),
        40: ("catalogue", "in the catalogue, no users in the last 7 days"),
    }


def test_a_models_slot_falls_back_to_large_counts_and_then_to_its_place(known: MakeEvidence, ranked: MakeLists) -> None:
    chosen: Chosen = {**{(user, 10): {} for user in range(100, 106)}, (200, 20): {}}
    evidence = known({1: "a", 2: "b", **dict.fromkeys(range(100, 106), "a")}, [10, 20], chosen)
    found = reasons(ranked({1: [20, 10], 2: [20, 10]}), evidence, k=2)
    assert {pair: found[pair] for pair in ((1, 10), (1, 20), (2, 10))} == {
        (1, 10): ("popular_in_segment", "6 users like you in the last 30 days"),
        (1, 20): ("model_rank", "place 1 in the list of hybrid"),  # one user is no reason
        (2, 10): ("popular", "6 users in the last 30 days"),
    }
