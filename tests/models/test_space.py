"""What a search may draw."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.tuning import space_of
from mapping_spark.models.registry import available
from mapping_spark.models.space import Choice, Space, Span

SEEDS = st.integers(0, 2**32)
FOUR_DIGITS = st.integers(-9_999, 9_999).map(lambda number: number / 1_000)
SPACES: dict[str, Space] = {name: model.Config.space for name, model in available().items() if getattr(model.Config, "space", {})}  # type: ignore[attr-defined]


@settings(deadline=None)
@given(seed=SEEDS, ends=st.tuples(FOUR_DIGITS, FOUR_DIGITS).map(sorted))
def test_a_number_lies_between_the_ends_and_has_four_digits(seed: int, ends: list[float]) -> None:
    """Also where the ends are one number, or 0 or below, where there are no octaves."""
    low, high = ends
    drawn = Span(low, high).draw(random.Random(seed))
    assert low <= drawn <= high
    assert drawn == float(f"{drawn:.4g}")


@settings(deadline=None)
@given(seed=SEEDS, low=st.integers(0, 50), width=st.integers(0, 50))
def test_between_whole_ends_numbers_are_whole(seed: int, low: int, width: int) -> None:
    drawn = Span(low, low + width).draw(random.Random(seed))
    assert isinstance(drawn, int)
    assert low <= drawn <= low + width


@settings(deadline=None)
@given(seed=SEEDS)
def test_above_0_octaves_are_as_likely_and_from_0_on_numbers_are(seed: int) -> None:
    share = random.Random(seed).random()
    assert Span(0.01, 1.0).draw(random.Random(seed)) == pytest.approx(0.01 * 100**share, rel=1e-3)
    assert Span(0.0, 2.0).draw(random.Random(seed)) == pytest.approx(2 * share, rel=1e-3)


def test_each_value_of_a_choice_is_as_likely() -> None:
    rng, values = random.Random(7), ("a", 2, None)
    drawn = [Choice(values).draw(rng) for _ in range(3_000)]
    for value in values:
        assert drawn.count(value) == pytest.approx(1_000, abs=4 * math.sqrt(3_000 * 1 / 3 * 2 / 3))


def test_a_model_whose_settings_are_fixed_has_nothing_to_search() -> None:
    assert "popularity" in SPACES
    assert "popularity_all_time" not in SPACES
    with pytest.raises(ConfigError, match="tune: the model 'popularity_all_time'; expected a model with a declared space"):
        space_of("popularity_all_time")


@pytest.mark.parametrize("name", SPACES)
@settings(deadline=None)
@given(seed=SEEDS)
def test_whatever_a_models_space_gives_its_settings_accept(name: str, seed: int) -> None:
    rng, kind = random.Random(seed), available()[name].Config
    drawn = {setting: part.draw(rng) for setting, part in SPACES[name].items()}
    accepted = kind.model_validate(drawn)
    assert {setting: getattr(accepted, setting) for setting in drawn} == drawn
