"""The flow picture: for any numbers every bar has its place, and every band begins and ends within its bars."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.report.ask import Answer
from mapping_spark.report.flow import FATES, HEIGHT, Bar, Flow

Counts = tuple[int, int, int, int]
COUNT = st.one_of(st.integers(0, 5), st.integers(0, 10**9))
SOURCES = st.lists(st.tuples(COUNT, COUNT, COUNT, COUNT), max_size=14)
LEAST = 2.0
"""The thinnest bar and band."""


def flow(*sources: Counts) -> Flow:
    rows = tuple((f"s{n}", sum(fates), *fates) for n, fates in enumerate(sources))
    return Flow("", "", Answer("records", "", ("source", "n_in", *FATES), rows))


def ends(path: str) -> tuple[float, float, float]:
    """Height at the left, height at the right, thickness."""
    points = [(float(x), float(y)) for x, y in re.findall(r"([\d.]+),([\d.]+)", path)]
    return points[0][1], points[3][1], points[4][1] - points[3][1]


@settings(max_examples=40, deadline=None)
@given(SOURCES)
def test_bars_stand_below_each_other_within_the_picture(sources: list[Counts]) -> None:
    drawn = flow(*sources)
    for side in (drawn.sources, drawn.fates):
        assert all(bar.height >= LEAST for bar in side)
        assert all(above.y + above.height + 30 <= below.y for above, below in pairwise(side))  # two lines of text
        assert all(bar.y >= 0 and bar.y + bar.height <= drawn.height for bar in side)


@settings(max_examples=40, deadline=None)
@given(SOURCES)
def test_a_bar_is_as_high_as_its_records_on_one_scale_for_both_sides(sources: list[Counts]) -> None:
    drawn = flow(*sources)
    assert drawn.scale > 0
    assert sum(bar.n for bar in drawn.sources) == sum(bar.n for bar in drawn.fates) == sum(map(sum, sources))
    for bar in (*drawn.sources, *drawn.fates):
        assert bar.height == pytest.approx(max(bar.n * drawn.scale, LEAST))


@settings(max_examples=40, deadline=None)
@given(SOURCES)
def test_a_band_begins_and_ends_within_its_bars_and_is_there_for_every_number_above_0(sources: list[Counts]) -> None:
    drawn = flow(*sources)
    left: dict[str, Bar] = {bar.name: bar for bar in drawn.sources}
    right: dict[str, Bar] = {bar.name: bar for bar in drawn.fates}
    expected = [f"s{n} to {name}: {k:,}" for n, fates in enumerate(sources) for name, k in zip(FATES.values(), fates, strict=True) if k]
    assert [band.title for band in drawn.bands] == expected
    for band in drawn.bands:
        source, _, fate = band.title.partition(":")[0].partition(" to ")
        for bar, top in zip((left[source], right[fate]), ends(band.path)[:2], strict=True):
            assert bar.y - 0.1 <= top
            assert top + ends(band.path)[2] <= bar.y + bar.height + LEAST + 0.2  # one drawn at its thinnest may stand out


def test_bands_fill_their_bars_from_above() -> None:
    drawn = flow((60, 0, 40, 0), (100, 0, 0, 0))
    first, second = drawn.sources
    clean, _, quarantined, _ = drawn.fates
    unit = drawn.scale
    assert unit == pytest.approx((320 - 4 * (34 + 2)) / 200)
    tops = [ends(band.path) for band in drawn.bands]
    assert tops[0] == pytest.approx((first.y, clean.y, 60 * unit), abs=0.1)
    assert tops[1] == pytest.approx((first.y + 60 * unit, quarantined.y, 40 * unit), abs=0.1)
    assert tops[2] == pytest.approx((second.y, clean.y + 60 * unit, 100 * unit), abs=0.1)


def test_more_sources_than_fates_make_the_picture_higher_and_fewer_do_not_make_it_lower() -> None:
    heights = [flow(*[(5, 1, 1, 1)] * n).height for n in (0, 1, 4, 8, 10)]
    assert heights == pytest.approx([HEIGHT, HEIGHT, HEIGHT, 2 * HEIGHT, 2.5 * HEIGHT])


def test_without_a_record_there_are_bars_of_the_thinnest_and_no_band() -> None:
    drawn = flow((0, 0, 0, 0))
    assert [bar.height for bar in (*drawn.sources, *drawn.fates)] == [LEAST] * 5
    assert drawn.bands == []
    assert flow().sources == []
