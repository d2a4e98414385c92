"""What leaves the house gives no small group away, and withholds no more than that asks for."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import Row, SparkSession

from mapping_spark.campaign.published import build_published
from mapping_spark.tables.campaigns import PUBLISHED
from mapping_spark.tables.frames import empty, rows
from mapping_spark.tables.gold import CAMPAIGN_KPIS

MIN = 5
GROUPS = st.lists(st.integers(1, 9), min_size=1, max_size=5)


def published(spark: SparkSession, groups: list[list[int]], min_users: int = MIN) -> list[dict[str, Row]]:
    """Of each group of segment sizes the published rows by segment; segments are named by their place."""
    kpis = [
        {"campaign_id": f"c{n // 2}", "variant": "ab"[n % 2], "segment": f"s{place}", "n_users": size, "revenue": Decimal(size)}
        for n, sizes in enumerate(groups)
        for place, size in enumerate(sizes)
    ]
    found = build_published(rows(spark, CAMPAIGN_KPIS, *kpis), min_users=min_users).collect()
    return [{r.segment: r for r in found if (r.campaign_id, r.variant) == (f"c{n // 2}", "ab"[n % 2])} for n in range(len(groups))]


@settings(max_examples=3, deadline=None)
@given(st.lists(GROUPS, min_size=10, max_size=40))
def test_nothing_small_is_shown_nor_left_over_when_the_shown_is_taken_away(spark: SparkSession, groups: list[list[int]]) -> None:
    for sizes, found in zip(groups, published(spark, groups), strict=True):
        assert set(found) == {"all", *(f"s{n}" for n in range(len(sizes)))}
        shown = {n for n in range(len(sizes)) if not found[f"s{n}"].is_withheld}
        hidden = [size for n, size in enumerate(sizes) if n not in shown]
        small = [size for size in sizes if size < MIN]
        assert all(sizes[n] >= MIN for n in shown)
        assert found["all"].is_withheld == (sum(sizes) < MIN)
        if not found["all"].is_withheld and hidden:
            assert len(hidden) > 1
            assert sum(hidden) >= MIN
        # No more than one large group goes with them, the smallest, and only where the small ones are not enough.
        spent = sorted(size for size in hidden if size >= MIN)
        needs_one = len(small) == 1 or 0 < sum(small) < MIN
        large = sorted(size for size in sizes if size >= MIN)
        assert spent == (large[:1] if needs_one else [])


def test_of_equal_groups_the_first_name_is_withheld_and_the_limit_itself_is_enough(spark: SparkSession) -> None:
    tied, exact, none = published(spark, [[3, 20, 20], [5, 5], [9, 8]])
    assert [name for name, row in sorted(tied.items()) if row.is_withheld] == ["s0", "s1"]
    assert not any(row.is_withheld for row in (*exact.values(), *none.values()))
    assert (exact["all"].n_users, exact["all"].revenue) == (10, 10)


def test_a_withheld_row_has_no_number_and_a_shown_one_has_all(spark: SparkSession) -> None:
    old = {"campaign_id": "c", "variant": "a", "n_refunds": None, "refunds": None}  # before refunds were counted
    kpis = rows(spark, CAMPAIGN_KPIS, old | {"segment": "s", "n_users": 4}, old | {"segment": "t", "n_users": 7})
    for row in build_published(kpis, min_users=MIN).collect():
        numbers = {row[name] is None for name in PUBLISHED}
        assert numbers == {row.is_withheld}
        assert row.is_withheld == (row.segment != "all")
        assert row.refunds == (None if row.is_withheld else 0)


def test_without_campaigns_nothing_is_published(spark: SparkSession) -> None:
    assert build_published(empty(spark, CAMPAIGN_KPIS), min_users=MIN).isEmpty()
