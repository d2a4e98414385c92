"""Finds the models: every file of this room that holds one. No list to edit."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

from mapping_spark import models
from mapping_spark.config import validated
from mapping_spark.errors import ConfigError
from mapping_spark.models.base import FusionModel, ModelConfig, VectorModel

Model = VectorModel | FusionModel


@cache
def available() -> dict[str, type[Model]]:
    """Every model by name, sorted. Raises `ConfigError` where a model's name is not its file's name."""
    found: dict[str, type[Model]] = {}
    for file in sorted(info.name for info in pkgutil.iter_modules(models.__path__)):
        model = _in_file(file)
        if model is not None:
            found[file] = model
    return found


@cache
def _in_file(file: str) -> type[Model] | None:
    """The model of that file, if it holds one. Only this file is imported: torch stays unloaded where no model needs it."""
    for model in _models_in(importlib.import_module(f"{models.__name__}.{file}")):
        if model.name != file:
            raise ConfigError(
                f"models/{file}.py", f"the model name {model.name!r}", f"the file's name {file!r}", "Rename the file or the model."
            )
        return model
    return None


def parse_configs(raw: Mapping[str, Mapping[str, Any] | None]) -> dict[str, ModelConfig]:
    """The `models` section as validated settings, in the given order; raises one `ConfigError` with every fault.

    A fault is an unknown model (the nearest known one is named), whatever a model's settings refuse, or a fusion model
    whose member is not in the section or is itself a fusion model.
    """
    configs: dict[str, ModelConfig] = {}
    faults: list[str] = []
    for name, settings in raw.items():
        try:
            configs[name] = validated(_known(name).Config, settings or {}, f"models.{name}")
        except ConfigError as fault:
            faults.append(f"{fault.where}: {fault.found}")
    for name, config in configs.items():
        faults.extend(_member_faults(build(name, config, seed=0), raw))
    if faults:
        raise ConfigError("models", "; ".join(faults), "known models with settings as they declare them", "Mend every key named here.")
    return configs


def build(name: str, config: ModelConfig, seed: int) -> Model:
    """The model `name`, ready to fit. Raises `ConfigError` for a name that no file has."""
    return _known(name)(config, seed)


def _known(name: str) -> type[Model]:
    files = {info.name for info in pkgutil.iter_modules(models.__path__)}
    model = _in_file(name) if name in files else None
    if model is not None:
        return model
    near = difflib.get_close_matches(name, available(), n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ConfigError(f"models.{name}", f"no model is called {name!r}{hint}", f"one of {list(available())}", "Mend the name.")


def _member_faults(model: Model, raw: Mapping[str, Any]) -> list[str]:
    if not isinstance(model, FusionModel):
        return []
    missing = [member for member in model.members if member not in raw]
    fused = [member for member in model.members if member not in missing and hasattr(_known(member), "fuse")]
    return [f"models.{model.name}: the member {member!r} has no settings under models" for member in missing] + [
        f"models.{model.name}: the member {member!r} is itself a fusion model" for member in fused
    ]


def _models_in(module: ModuleType) -> list[type[Model]]:
    """Classes defined in the module that have settings and can fit or fuse."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and not getattr(value, "_is_protocol", False)
        and hasattr(value, "Config")
        and (hasattr(value, "fit") or hasattr(value, "fuse"))
    ]
