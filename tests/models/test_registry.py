from __future__ import annotations

from types import ModuleType

import pytest

from mapping_spark.errors import ConfigError
from mapping_spark.models.als import AlsConfig
from mapping_spark.models.registry import _in_file, available, build, parse_configs
from mapping_spark.models.repeat import Repeat, RepeatConfig


def test_finds_the_model_files_and_nothing_else() -> None:
    assert {"popularity", "repeat", "als", "item_knn", "tfidf", "hybrid"} <= set(available())
    assert not {"base", "registry", "artifact", "vectors", "neighbours", "fitting"} & set(available())


def test_settings_are_parsed_in_the_given_order() -> None:
    configs = parse_configs({"repeat": None, "als": {"rank": 8}})
    assert list(configs.items()) == [("repeat", RepeatConfig()), ("als", AlsConfig(rank=8))]


def test_every_fault_is_told_at_once_with_the_nearest_name() -> None:
    raw: dict[str, dict[str, object]] = {
        "asl": {},
        "als": {"rnak": 8, "alpha": 0},
        "hybrid": {"weights": {"hybrid": [1], "ncf": [1]}, "history_from": [0]},
    }
    with pytest.raises(ConfigError) as fault:
        parse_configs(raw)
    hints = ("did you mean 'als'?", "did you mean 'rank'?", "alpha = 0", "'ncf' has no settings", "'hybrid' is itself a fusion model")
    for hint in hints:
        assert hint in str(fault.value)


def test_an_unknown_model_cannot_be_built() -> None:
    with pytest.raises(ConfigError, match="no model is called 'repaet'"):
        build("repaet", RepeatConfig(), seed=7)


def test_a_model_not_named_like_its_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stray = ModuleType(Repeat.__module__)
    stray.Repeat = Repeat  # type: ignore[attr-defined]
    monkeypatch.setattr("importlib.import_module", lambda _: stray)
    with pytest.raises(ConfigError, match="the model name 'repeat'; expected the file's name 'als'"):
        _in_file.__wrapped__("als")
