"""Popularity lists: who counts, where, and in which order."""

from __future__ import annotations

import datetime as dt

from mapping_spark.recommend.evidence import popularity_lists
from mapping_spark.recommend.settings import RecommendConfig

from .conftest import MakeEvidence

LONG_AGO = {"last_at": dt.datetime(2017, 1, 1)}


def test_users_of_the_window_count_in_their_segment_and_everywhere(known: MakeEvidence) -> None:
    chosen = {(1, 10): {}, (2, 10): {}, (3, 10): LONG_AGO, (3, 20): {}, (1, 30): LONG_AGO, (1, 99): {}}
    evidence = known({1: "a", 2: "a", 3: "b", 4: None}, [10, 20, 30, 40], chosen)
    found = {
        (row.stage, row.segment, row.position): (row.item_idx, row.n_users)
        for row in popularity_lists(evidence, RecommendConfig()).collect()
    }
    assert found == {
        ("segment_popular", "a", 1): (10, 2),
        ("segment_popular", "b", 1): (20, 1),
        ("popular", "", 1): (10, 2),
        ("popular", "", 2): (20, 1),
        ("popular", "", 3): (30, 0),  # once chosen, so before 40
        ("popular", "", 4): (40, 0),  # 99 is not eligible
    }


def test_the_window_is_half_open_in_business_days_and_lists_end_at_their_depth(known: MakeEvidence) -> None:
    # 2 days before 2017-12-01 in New York start on 2017-11-29 at 05:00 UTC.
    first, before = dt.datetime(2017, 11, 29, 5), dt.datetime(2017, 11, 29, 4, 59, 59)
    evidence = known({}, [10, 20, 30], {(1, 20): {"last_at": first}, (1, 10): {"last_at": before}})
    config = RecommendConfig(popular_days=2, time_zone="America/New_York", popular_depth=2)
    found = sorted((row.position, row.item_idx, row.n_users) for row in popularity_lists(evidence, config).collect())
    assert found == [(1, 20, 1), (2, 10, 0)]
