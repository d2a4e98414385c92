"""The ladder: exactly k, no item twice, and the right rung in each slot."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest
from pyspark.sql import DataFrame

from mapping_spark.recommend.evidence import Evidence, popularity_lists
from mapping_spark.recommend.ladder import fill_ladder
from mapping_spark.recommend.settings import RecommendConfig

from .conftest import Chosen, MakeEvidence, MakeLists

Slots = dict[int, list[tuple[int, str]]]


def filled(lists: DataFrame, evidence: Evidence, k: int, exclude_seen: bool = False) -> Slots:
    """(item, stage) of each user's slots; ranks must run from 1 without a gap."""
    config = RecommendConfig(k=k, exclude_seen=exclude_seen)
    by_user: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    for row in fill_ladder(lists, popularity_lists(evidence, config), evidence, config).collect():
        by_user[row.user_idx].append((row["rank"], row.item_idx, row.stage))
    assert all([rank for rank, _, _ in sorted(slots)] == list(range(1, len(slots) + 1)) for slots in by_user.values())
    return {user: [(item, stage) for _, item, stage in sorted(slots)] for user, slots in by_user.items()}


def test_each_rung_fills_what_the_ones_above_leave_open(known: MakeEvidence, ranked: MakeLists) -> None:
    chosen: Chosen = {(1, 10): {}, (2, 20): {}, (2, 30): {}, (3, 40): {}, (4, 40): {}}
    evidence = known({1: "a", 2: "a", 3: None, 4: None}, [10, 20, 30, 40, 50, 60], chosen, similar={10: [50, 10]})
    slots = filled(ranked({1: [60, 10], 99: [60]}), evidence, k=6)
    assert slots[1] == [
        (60, "model"),
        (10, "model"),
        (50, "similar"),  # like 10, which user 1 chose
        (20, "segment_popular"),  # one user of segment a each; 10 is there already
        (30, "segment_popular"),
        (40, "popular"),
    ]
    assert slots[3] == [(item, "popular") for item in (40, 10, 20, 30, 50, 60)]  # 40: two users; then one each; then none
    assert set(slots) == {1, 2, 3, 4}  # 99 gets nothing: not among the users


def test_the_evidence_of_a_similar_item_is_the_largest_term(known: MakeEvidence, ranked: MakeLists) -> None:
    chosen = {(1, 10): {"weight": 1.0}, (1, 20): {"weight": 3.0}}
    evidence = known({1: None}, [10, 20, 30, 40], chosen, similar={10: [30, 40], 20: [40, 30]})
    config = RecommendConfig(k=2)
    slots = fill_ladder(ranked({}), popularity_lists(evidence, config), evidence, config)
    assert {(row.item_idx, row.score, row.evidence_idx) for row in slots.collect()} == {
        (40, 1.0 * (1 / 2) + 3.0 * 1, 20),
        (30, 1.0 * 1 + 3.0 * (1 / 2), 20),
    }


def test_items_no_rule_allows_are_never_filled_in(known: MakeEvidence, ranked: MakeLists) -> None:
    evidence = known({1: None}, [20, 30], {(1, 10): {}, (2, 10): {}, (2, 30): {}}, similar={10: [40, 20]})
    assert filled(ranked({}), evidence, k=5) == {1: [(20, "similar"), (30, "popular")]}  # 10 and 40 are not eligible


def test_seen_items_are_filled_in_only_if_asked_for(known: MakeEvidence, ranked: MakeLists) -> None:
    chosen: Chosen = {(1, item): {} for item in (10, 20, 30)}
    evidence = known({1: "a", 2: None}, [10, 20, 30, 40, 50], chosen, similar={10: [20, 40]})
    assert filled(ranked({}), evidence, k=2) == {1: [(20, "similar"), (40, "similar")], 2: [(10, "popular"), (20, "popular")]}
    unseen = filled(ranked({}), evidence, k=2, exclude_seen=True)
    assert unseen == {1: [(40, "similar"), (50, "popular")], 2: [(10, "popular"), (20, "popular")]}


@pytest.mark.parametrize("exclude_seen", [False, True])
def test_everyone_gets_exactly_k(known: MakeEvidence, ranked: MakeLists, exclude_seen: bool) -> None:
    draw, k, items = random.Random(5), 10, range(40)
    users = {user: draw.choice(["a", "b", None]) for user in range(60)}
    chosen = {(user, item): {"weight": draw.random()} for user in range(60) for item in draw.sample(items, draw.choice([0, 1, 30]))}
    seen = {user: {item for owner, item in chosen if owner == user} for user in users}
    offers = {user: draw.sample(items, draw.randint(0, k)) for user in users}
    lists = {user: [item for item in offer if not exclude_seen or item not in seen[user]] for user, offer in offers.items()}
    evidence = known(users, items, chosen, similar={item: draw.sample(items, 5) for item in items})
    slots = filled(ranked(lists), evidence, k, exclude_seen)
    assert set(slots) == set(users)
    for user, filling in slots.items():
        chosen_items = [item for item, _ in filling]
        assert len(set(chosen_items)) == len(chosen_items) == k  # at most 30 of 40 items are seen
        assert chosen_items[: len(lists[user])] == lists[user]
        assert not exclude_seen or not seen[user] & set(chosen_items)


def test_a_small_catalogue_gives_all_of_it(known: MakeEvidence, ranked: MakeLists) -> None:
    assert filled(ranked({1: [7]}), known({1: None}, [7, 8]), k=10) == {1: [(7, "model"), (8, "popular")]}


def test_an_empty_catalogue_gives_no_slots(known: MakeEvidence, ranked: MakeLists) -> None:
    assert filled(ranked({1: [7]}), known({2: None}, []), k=3) == {}
