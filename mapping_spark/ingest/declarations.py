"""The declared sources of an environment: `conf/sources/<name>.yml`, events and reference tables alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mapping_spark.config import read_yaml, validated
from mapping_spark.errors import ConfigError
from mapping_spark.ingest.entities import ENTITY_TABLES, EntitySource
from mapping_spark.ingest.source import EventSource


@dataclass(frozen=True, slots=True)
class Sources:
    """What an environment reads, in declared order."""

    events: tuple[EventSource, ...]
    entities: tuple[EntitySource, ...]


def load_sources(folder: Path, names: Sequence[str]) -> Sources:
    """Read and validate `<folder>/<name>.yml` of every name; raises one `ConfigError` with the faults of all."""
    found: list[EventSource | EntitySource] = []
    faults: list[str] = []
    for name in names:
        try:
            found.append(_load(folder, name))
        except ConfigError as fault:
            faults.append(f"{fault.where}: {fault.found}")
    if faults:
        raise ConfigError("sources", "; ".join(faults), "declared sources", "Mend every file named here.")
    events = tuple(source for source in found if isinstance(source, EventSource))
    return Sources(events, tuple(source for source in found if isinstance(source, EntitySource)))


def _load(folder: Path, name: str) -> EventSource | EntitySource:
    path = folder / f"{name}.yml"
    if "/" in name or not path.is_file():
        known = sorted(file.stem for file in folder.glob("*.yml"))
        raise ConfigError(f"source {name}", f"no {folder.name}/{name}.yml", f"one of {known}", "Declare it or mend the name.")
    raw = read_yaml(path)
    kind = raw.get("kind")
    model: type[EventSource] | type[EntitySource] = EventSource if kind == "events" else EntitySource
    if kind not in ("events", *ENTITY_TABLES):
        raise ConfigError(f"source {name}", f"kind {kind!r}", f"events or one of {sorted(ENTITY_TABLES)}", "Mend the kind.")
    source = validated(model, raw, f"source {name}")
    if source.name != name:
        raise ConfigError(f"source {name}", f"the name {source.name!r}", "the file's name", "Rename one of them.")
    return source
