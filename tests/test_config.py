"""Settings: layers, overrides, and every fault told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapping_spark.config import Section, merge, parse_override, read_layers, validated
from mapping_spark.errors import ConfigError


class Inner(Section):
    half_life_days: float = 90.0
    rank: int = 8


class Outer(Section):
    root: str
    inner: Inner = Inner()


def folder(tmp_path: Path, base: str, overlay: str) -> Path:
    (tmp_path / "base.yml").write_text(base)
    (tmp_path / "demo.yml").write_text(overlay)
    return tmp_path


def test_later_layers_win_key_by_key(tmp_path: Path) -> None:
    conf = folder(tmp_path, "a: {x: 1, y: 2}\nb: [1]", "a: {y: 3}\nb: [2]")
    assert read_layers(conf, "demo", ["a.z=[4, 5]", "c=word"]) == {"a": {"x": 1, "y": 3, "z": [4, 5]}, "b": [2], "c": "word"}


def test_an_unknown_environment_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"one of \['demo'\]"):
        read_layers(folder(tmp_path, "", ""), "dmeo")
    with pytest.raises(ConfigError, match="--env"):
        read_layers(tmp_path, "../demo")


def test_all_faults_are_told_at_once_with_the_nearest_name() -> None:
    raw = {"inner": {"half_life_day": 3, "rank": "many"}}
    with pytest.raises(ConfigError) as caught:
        validated(Outer, raw, "settings")
    message = str(caught.value)
    assert "root is missing" in message
    assert "inner.half_life_day is unknown (did you mean 'half_life_days'?)" in message
    assert "inner.rank = 'many'" in message
    assert caught.value.exit_code == 2


def test_settings_are_frozen() -> None:
    settings = validated(Outer, {"root": "w"}, "settings")
    with pytest.raises(ValueError, match="frozen"):
        settings.root = "other"  # type: ignore[misc]


@pytest.mark.parametrize("override", ["k", "=1", "a..b=1", "a=[1"])
def test_a_broken_override_is_refused(override: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        parse_override(override)


def test_a_broken_file_names_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"base\.yml: not YAML"):
        read_layers(folder(tmp_path, "a: [", ""), "demo")


def test_merge_replaces_what_is_no_mapping() -> None:
    assert merge({"a": {"b": 1}}, {"a": 2}) == {"a": 2}
