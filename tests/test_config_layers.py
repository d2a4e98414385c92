"""Layers by property against plain dictionaries; overrides, folders and files that are odd."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from mapping_spark.config import CONF_VARIABLE, Section, conf_folder, flat, merge, parse_override, read_layers, read_yaml, validated
from mapping_spark.errors import ConfigError

KEYS = st.sampled_from("abc")
TREES = st.recursive(
    st.integers(0, 3), lambda children: st.lists(st.integers(0, 1), max_size=2) | st.dictionaries(KEYS, children, max_size=3), max_leaves=8
)
MAPPINGS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(KEYS, TREES, max_size=3)


def leaves(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Path to value of everything that is no mapping."""
    found: dict[tuple[str, ...], Any] = {}
    for key, value in tree.items():
        found |= leaves(value, (*path, key)) if isinstance(value, dict) else {(*path, key): value}
    return found


@settings(deadline=None)
@given(MAPPINGS, MAPPINGS)
def test_every_leaf_of_the_upper_layer_stands_and_those_below_it_are_hidden(base: dict[str, Any], over: dict[str, Any]) -> None:
    before = copy.deepcopy((base, over))
    merged, upper, lower = leaves(merge(base, over)), leaves(over), leaves(base)
    assert (base, over) == before  # neither is changed
    assert upper.items() <= merged.items()

    def is_hidden(path: tuple[str, ...]) -> bool:
        """A value above stands at the path or on the way to it, or a mapping above stands where the lower one has a value."""
        at: Any = over
        for key in path:
            if not isinstance(at, dict):
                return True
            if key not in at:
                return False
            at = at[key]
        return True

    assert {path: value for path, value in merged.items() if path not in upper} == {
        path: value for path, value in lower.items() if not is_hidden(path)
    }


@settings(deadline=None)
@given(MAPPINGS)
def test_a_layer_over_itself_or_over_nothing_is_itself(layer: dict[str, Any]) -> None:
    assert merge(layer, layer) == merge({}, layer) == merge(layer, {}) == layer


@settings(deadline=None)
@given(MAPPINGS)
def test_flat_keys_are_the_paths_to_the_leaves(tree: dict[str, Any]) -> None:
    assert flat(tree) == {".".join(path): value for path, value in leaves(tree).items()}
    assert flat(flat(tree)) == flat(tree)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("a=1", {"a": 1}),
        ("a.b.c=x", {"a": {"b": {"c": "x"}}}),
        ("a=b=c", {"a": "b=c"}),
        ("a=", {"a": None}),
        ("a='1'", {"a": "1"}),
        ("a=[1, x]", {"a": [1, "x"]}),
        ("a={b: 1}", {"a": {"b": 1}}),
        ("a=2017-12-01", {"a": dt.date(2017, 12, 1)}),
        ("a=no", {"a": False}),  # as YAML reads it
        ("a=s3a://bucket/x", {"a": "s3a://bucket/x"}),
        ("a_b.c-d=1", {"a_b": {"c-d": 1}}),
    ],
)
def test_an_override_is_a_path_and_a_yaml_value(override: str, expected: dict[str, Any]) -> None:
    assert parse_override(override) == expected


@pytest.mark.parametrize(
    ("override", "told"), [("", "key=value"), (".=1", "key=value"), ("a.=1", "key=value"), ("a=}", "not YAML: '}'"), ("a='", "not YAML")]
)
def test_a_broken_override_says_what_was_given(override: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"^--set: .*{told}"):
        parse_override(override)


def test_a_later_override_wins(tmp_path: Path) -> None:
    (tmp_path / "base.yml").write_text("a: {x: 1, y: 1, z: 1}")
    (tmp_path / "prod.yml").write_text("a: {y: 2, z: 2}")
    assert read_layers(tmp_path, "prod", ["a.z=3", "a.z=4"]) == {"a": {"x": 1, "y": 2, "z": 4}}


def test_settings_lie_where_the_variable_says_else_here_else_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path / "here" / "conf", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir(parents=True)
        (folder / "base.yml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(CONF_VARIABLE, raising=False)
    assert conf_folder().parent.name == "mapping_spark"
    monkeypatch.chdir(here.parent)
    assert conf_folder().resolve() == here
    monkeypatch.setenv(CONF_VARIABLE, str(there))
    assert conf_folder() == there
    monkeypatch.setenv(CONF_VARIABLE, str(tmp_path))  # named and empty: nothing else is taken instead
    with pytest.raises(ConfigError, match=rf"no base.yml in \['{tmp_path}'\]; .*set MAPPING_SPARK_CONF"):
        conf_folder()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"- a\n- b\n", "a list; expected a mapping"),
        (b"word", "a str; expected a mapping"),
        (b"a: b: c", "not YAML"),
        (b"\xff", "not YAML"),
    ],
)
def test_a_file_that_holds_no_mapping_names_itself(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "odd.yml").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^{tmp_path}/odd\.yml: {told}"):
        read_yaml(tmp_path / "odd.yml")


def test_a_file_with_nothing_but_a_comment_sets_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.yml").write_text("# later\n")
    assert read_yaml(tmp_path / "empty.yml") == {}


class Inner(Section):
    rank: int = 8


class Outer(Section):
    inner: Inner = Inner()
    many: dict[str, Inner] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"inner": {"rnk": 1}}, "inner.rnk is unknown (did you mean 'rank'?)"),
        ({"inner": {"zzzz": 1}}, "inner.zzzz is unknown"),  # nothing is near
        ({"iner": {}}, "iner is unknown (did you mean 'inner'?)"),
        ({"many": {"a": {"rnk": 1}}}, "many.a.rnk is unknown"),
        ({"inner": {"rank": [1]}}, "inner.rank: Input should be a valid integer"),  # long values are not repeated
        ({"inner": {"rank": "x"}}, "inner.rank = 'x': Input should be a valid integer"),
        ("outer", "Input should be a valid dictionary or instance of Outer"),
        (None, "Input should be a valid dictionary or instance of Outer"),
    ],
)
def test_a_fault_is_told_by_its_path(raw: Any, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validated(Outer, raw, "here")
    assert (caught.value.where, caught.value.found.startswith(told)) == ("here", True)
