"""YAML to validated settings: every fault of every layer is told at once, before Spark starts.

Settings are layered: `conf/base.yml`, then one overlay per environment (`conf/<env>.yml`), then `--set key=value`.
Each room declares its own section beside the code that reads it; `settings.py` puts the sections together.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from mapping_spark.errors import ConfigError

CONF_VARIABLE = "MAPPING_SPARK_CONF"


class Section(BaseModel):
    """A group of settings: frozen, unknown keys refused, defaults validated like the rest."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


AnyModel = TypeVar("AnyModel", bound=BaseModel)


def conf_folder() -> Path:
    """The folder of settings: `$MAPPING_SPARK_CONF`, else `./conf`, else this package's own (in a checkout a link to `conf/`)."""
    own = Path(__file__).resolve().parent / "conf"
    chosen = os.environ.get(CONF_VARIABLE)
    folders = [Path(chosen)] if chosen else [Path("conf"), own]
    for folder in folders:
        if (folder / "base.yml").is_file():
            return folder
    raise ConfigError(
        "conf", f"no base.yml in {[str(f) for f in folders]}", "a folder of settings", f"Run in the project or set {CONF_VARIABLE}."
    )


def read_layers(folder: Path, env: str, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Merge base, overlay and `key=value` overrides, later ones winning key by key."""
    overlay = folder / f"{env}.yml"
    if "/" in env or not overlay.is_file():
        known = sorted(path.stem for path in folder.glob("*.yml") if path.stem != "base")
        raise ConfigError("--env", f"no settings for {env!r}", f"one of {known}", f"Choose one, or write {folder.name}/{env}.yml.")
    merged = merge(read_yaml(folder / "base.yml"), read_yaml(overlay))
    for override in overrides:
        merged = merge(merged, parse_override(override))
    return merged


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping (or nothing)."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path}", f"not YAML: {' '.join(str(fault).split())}", "key: value lines", "Mend the file.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}", f"a {type(content).__name__}", "a mapping at the top", "Write key: value lines.")
    return content


def parse_override(override: str) -> dict[str, Any]:
    """`a.b=1` becomes `{"a": {"b": 1}}`; the value is read as YAML."""
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        raise ConfigError("--set", repr(override), "key=value, with dots for depth", "Say for example --set recommend.k=20.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError("--set", f"a value that is not YAML: {text!r}", "a number, word or [list]", "Quote the value.") from None
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`: mappings merge key by key, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys: `--set spark.a.b=1` means Spark's setting `a.b`. Later keys win."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def validated(model: type[AnyModel], raw: Any, where: str) -> AnyModel:
    """`raw`, a mapping, as a `model`, or one `ConfigError` that lists every fault, unknown keys with the nearest known name."""
    try:
        return model.model_validate(dict(raw) if isinstance(raw, Mapping) else raw)
    except ValidationError as fault:
        faults = [_describe(model, error) for error in fault.errors()]
    raise ConfigError(where, "; ".join(faults), "settings as declared", "Mend every key named here.") from None


def _describe(model: type[BaseModel], error: Any) -> str:
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), _known_keys(model, error["loc"][:-1]), n=1)
        return f"{path} is unknown" + (f" (did you mean {near[0]!r}?)" if near else "")
    if error["type"] == "missing":
        return f"{path} is missing"
    shown = "" if isinstance(error["input"], Mapping | list) else f" = {error['input']!r}"
    message = error["msg"].removeprefix("Value error, ")
    return f"{path}{shown}: {message}" if path else message


def _known_keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    for part in path:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
