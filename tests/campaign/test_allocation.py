"""Plans of few users against every plan there is, limits that hold for every choice, and prices by hand."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from mapping_spark.campaign.targeting import Caps, Prices, allocate, best_offers, plan, prices, upper_bound
from mapping_spark.tables.frames import small

SHAPE = "user_id string, campaign_id string, channel string, segment string, uplift double, value double, cost double"
Offer = tuple[str, str, str, str, float, float, float]


def cells(*each: tuple[str, str, list[tuple[float, float]]]) -> pd.DataFrame:
    """(segment, channel, [(gain, cost) of each user]), a cell each."""
    return pd.DataFrame(
        [
            {"level": 0, "segment": s, "channel": c, "part": n, "n": len(of), "gain": sum(g for g, _ in of), "cost": sum(x for _, x in of)}
            | {"dearest": max(x for _, x in of)}
            for n, (s, c, of) in enumerate(each)
        ]
    )


USERS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 4)), min_size=1, max_size=5)
CELLS = st.lists(st.tuples(st.sampled_from("st"), st.sampled_from("mp"), USERS), min_size=1, max_size=6)
CAP = st.dictionaries(st.sampled_from("st"), st.integers(0, 6))


@settings(max_examples=100, deadline=None)
@given(CELLS, st.integers(0, 30), CAP, CAP)
def test_budget_and_caps_hold_for_every_choice_within_the_limits(
    drawn: list[tuple[str, str, list[tuple[int, int]]]], budget: int, by_segment: dict[str, int], by_place: dict[str, int]
) -> None:
    by_channel = {"mp"["st".index(name)]: cap for name, cap in by_place.items()}
    found = allocate(
        cells(*((s, c, [(float(g), float(x)) for g, x in of]) for s, c, of in drawn)),
        Caps(budget=budget, by_segment=by_segment, by_channel=by_channel),
    )
    assert len(found) == len(drawn)
    assert found.cost_max.sum() <= budget + 1e-9
    assert (found.n_max >= 0).all()
    assert (found.n_max <= found.n).all()
    for column, caps in (("segment", by_segment), ("channel", by_channel)):
        for name, cap in caps.items():
            assert found.loc[found[column] == name, "n_max"].sum() <= cap
    ratio = [gain / cost if cost else math.inf for gain, cost in zip(found.gain, found.cost, strict=True)]
    assert ratio == sorted(ratio, reverse=True)


def test_cells_are_filled_by_gain_per_cost_and_the_last_in_part() -> None:
    dear, cheap, free = ("s", "m", [(6.0, 2.0)] * 3), ("t", "m", [(5.0, 1.0)] * 2), ("s", "m", [(0.1, 0.0)] * 4)
    found = allocate(cells(dear, cheap, free), Caps(budget=5)).set_index("part")
    assert found.index.tolist() == [2, 1, 0]
    assert found.n_max.to_dict() == {2: 4, 1: 2, 0: 3}
    assert found.cost_max.to_dict() == {2: 0, 1: 2, 0: 3}  # 3 of the 6 that the last would cost
    capped = allocate(cells(dear, cheap, free), Caps(budget=5, by_segment={"s": 5})).set_index("part")
    assert (capped.n_max[0], capped.cost_max[0]) == (1, 2)  # the free took four of five places


def test_prices_by_hand() -> None:
    each = cells(("s", "m", [(9.0, 1.0)] * 2), ("t", "m", [(4.0, 2.0)] * 5))
    # A budget of 6 leaves 4 for the second cell, of 2 a unit; one of 20 is not used up and worth nothing.
    assert prices(each, Caps(budget=6)).budget == pytest.approx(2)
    assert prices(each, Caps(budget=20)).budget == pytest.approx(0, abs=1e-9)
    # One place more in s brings 9 in gain and costs 1 of the budget, which the second cell misses: 9 - 2.
    capped = prices(each, Caps(budget=6, by_segment={"s": 1}, by_channel={"p": 3}))
    assert capped.budget == pytest.approx(2)
    assert dict(capped.by_segment) == pytest.approx({"s": 7})
    assert dict(capped.by_channel) == pytest.approx({"p": 0})  # nobody is sent anything by it
    assert prices(cells().reindex(columns=each.columns), Caps(budget=1, by_segment={"s": 1})) == Prices(0.0, {"s": 0.0}, {})


def best_gain(offers: list[Offer], caps: Caps) -> float:
    """The largest net gain of all plans: each user one of his offers, or none."""
    by_user: dict[str, list[Offer | None]] = {}
    for offer in offers:
        by_user.setdefault(offer[0], [None]).append(offer)
    best = 0.0
    for chosen in itertools.product(*by_user.values()):
        sent = [offer for offer in chosen if offer]
        n_by_segment, n_by_channel = (Counter(offer[place] for offer in sent) for place in (3, 2))
        fits = sum(offer[6] for offer in sent) <= caps.budget + 1e-9
        fits &= all(n_by_segment[name] <= cap for name, cap in caps.by_segment.items())
        fits &= all(n_by_channel[name] <= cap for name, cap in caps.by_channel.items())
        if fits:
            best = max(best, sum(uplift * value - cost for *_, uplift, value, cost in sent))
    return best


@settings(max_examples=3, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("mp"), st.integers(-2, 8), st.integers(0, 3)), min_size=3, max_size=10),
    st.integers(0, 8),
    st.integers(0, 3),
)
def test_no_plan_beats_the_bound_and_the_greedy_one_keeps_the_caps(
    spark: SparkSession, drawn: list[tuple[str, int, int]], budget: int, cap: int
) -> None:
    offers: list[Offer] = [
        (f"u{n % 6}", f"c{n // 6}", channel, "st"[n % 2], tenths / 10, 10.0, float(cost)) for n, (channel, tenths, cost) in enumerate(drawn)
    ]
    caps, frame = Caps(budget=budget, by_segment={"s": cap}, by_channel={"m": cap + 1}), small(spark, offers, SHAPE)
    most = best_gain(offers, caps)
    found = plan(frame, caps)
    assert found.gain <= most + 1e-9
    assert most <= found.bound + 1e-9
    assert most <= upper_bound(frame, caps, Prices(0.5, {"s": 1.0}, {"m": 0.25})) + 1e-9  # whatever the prices
    sent = found.chosen.collect()
    assert len({row.user_id for row in sent}) == len(sent)
    assert sum(row.cost for row in sent) == pytest.approx(found.cost)
    assert found.cost <= budget
    assert sum(row.segment == "s" for row in sent) <= cap
    assert sum(row.channel == "m" for row in sent) <= cap + 1


def test_of_offers_that_gain_alike_the_cheaper_is_best_and_none_that_gains_nothing(spark: SparkSession) -> None:
    offers: list[Offer] = [
        ("u1", "a", "m", "s", 0.5, 10.0, 3.0),
        ("u1", "b", "m", "s", 0.3, 10.0, 1.0),  # 2, too, for less
        ("u2", "a", "m", "s", 0.1, 10.0, 1.0),  # nothing is gained
        ("u3", "a", "m", "s", 0.1, 10.0, 0.0),
    ]
    found = {row.user_id: (row.campaign_id, row.gain) for row in best_offers(small(spark, offers, SHAPE)).collect()}
    assert found == {"u1": ("b", 2), "u3": ("a", 1)}
