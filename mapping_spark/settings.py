"""All sections of the settings together. Each is declared beside the code that reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Self, TypeVar

from pydantic import ConfigDict, Field, SerializeAsAny, field_validator, model_validator

from mapping_spark.campaign.kpis import CampaignConfig
from mapping_spark.campaign.settings import (
    AnomalyConfig,
    AssignmentConfig,
    AttributionConfig,
    EffectConfig,
    ExperimentConfig,
    ForecastConfig,
    Rule,
    TargetingConfig,
    UpliftConfig,
)
from mapping_spark.config import Section, conf_folder, flat, read_layers, validated
from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.gate import GateConfig
from mapping_spark.evaluation.settings import EvaluationConfig
from mapping_spark.evaluation.tuning import TuningConfig
from mapping_spark.events.settings import CleaningConfig
from mapping_spark.features.interactions import InteractionsConfig
from mapping_spark.features.snapshot import SnapshotConfig
from mapping_spark.ingest.declarations import Sources, load_sources
from mapping_spark.ingest.entities import UsersConfig
from mapping_spark.ingest.stream import IngestConfig
from mapping_spark.models.base import ModelConfig
from mapping_spark.models.registry import parse_configs
from mapping_spark.recommend.settings import RecommendConfig
from mapping_spark.secrets import resolve
from mapping_spark.tables.contract import IDENTIFIER
from mapping_spark.tables.maintenance import MaintenanceConfig
from mapping_spark.tables.runs import content_hash
from mapping_spark.tables.sizing import LimitsConfig
from mapping_spark.tables.watch import WatchConfig
from mapping_spark.training.settings import TrainingConfig

Found = TypeVar("Found")


class StoreConfig(Section):
    """Where tables lie."""

    root: str = "warehouse"
    """Folder or URI of the tables, models and checkpoints."""
    catalog: str | None = None
    """Catalog that names the tables instead; null for folders under the root."""


class SqlConfig(Section):
    """How SQL clients find the tables."""

    catalog: str = Field(default="spark_catalog", pattern=f"^{IDENTIFIER.pattern}$")
    """Catalog in which tables of folders are published: `<catalog>.gold.<table>`. Tables of `store.catalog` stay there."""
    metastore: Literal["session", "embedded"] = "session"
    """`session`: what the session is configured with (a Hive metastore, Unity); `embedded`: a Derby one under the root,
    for one process on one machine."""
    port: int = Field(default=10000, ge=1024, le=65535)
    """Port of the Thrift server, on loopback."""


class Settings(Section):
    """Everything an environment sets."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    sources: Sources
    """Declared sources, by name: conf/sources/<name>.yml."""
    as_of: dt.date | None = None
    """Date used where --as-of is not given; null to demand it."""
    seed: int = Field(default=7, ge=0, lt=2**32)
    """Seed of every random draw."""
    store: StoreConfig = StoreConfig()
    sql: SqlConfig = SqlConfig()
    maintenance: MaintenanceConfig = MaintenanceConfig()
    limits: LimitsConfig = LimitsConfig()
    spark: dict[str, str] = Field(default_factory=dict, repr=False)
    """Spark settings of a session that this project starts; a secret as `${env:NAME}` or `${file:/path}`, never
    itself; null for Spark's own value."""
    ingest: IngestConfig = IngestConfig()
    cleaning: CleaningConfig = CleaningConfig()
    users: UsersConfig = UsersConfig()
    interactions: InteractionsConfig = InteractionsConfig()
    watch: WatchConfig = WatchConfig()
    models: dict[str, SerializeAsAny[ModelConfig]] = Field(default_factory=dict)
    """Models to fit and compare, each with its own settings."""
    model: str | None = None
    """The one deep model to train; null for all that are configured."""
    snapshot: SnapshotConfig = SnapshotConfig()
    training: TrainingConfig = TrainingConfig()
    recommend: RecommendConfig = RecommendConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    gate: GateConfig = GateConfig()
    tuning: TuningConfig = TuningConfig()
    campaigns: CampaignConfig = CampaignConfig()
    assignment: AssignmentConfig = AssignmentConfig()
    experiments: ExperimentConfig = ExperimentConfig()
    attribution: AttributionConfig = AttributionConfig()
    uplift: UpliftConfig = UpliftConfig()
    targeting: TargetingConfig = TargetingConfig()
    effects: EffectConfig = EffectConfig()
    forecasts: ForecastConfig = ForecastConfig()
    anomalies: AnomalyConfig = AnomalyConfig()
    decisions: tuple[Rule, ...] = ()
    """Rules on running campaigns, each beside its action (gold.campaign_decisions)."""

    @field_validator("sources", mode="before")
    @classmethod
    def _read_sources(cls, names: Any) -> Sources:
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("use a list of names of conf/sources/<name>.yml")
        return _or_value_error(lambda: load_sources(conf_folder() / "sources", names))

    @field_validator("spark", mode="before")
    @classmethod
    def _as_text(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            raise ValueError("use a mapping of Spark's settings to their values")
        set_ones = {key: value for key, value in flat(values).items() if value is not None}
        texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in set_ones.items()}
        for key, text in texts.items():
            _or_value_error(partial(resolve, key, text))  # told before Spark starts, and hidden from now on
        return texts

    @field_validator("models", mode="before")
    @classmethod
    def _read_models(cls, raw: Any) -> Mapping[str, ModelConfig]:
        if not isinstance(raw, Mapping):
            raise ValueError("use a mapping of models to their settings")
        return _or_value_error(lambda: parse_configs(raw))

    @model_validator(mode="after")
    def _gate_looks_where_is_measured(self) -> Self:
        if self.gate.k not in self.evaluation.ks:
            raise ValueError(f"gate.k = {self.gate.k} is none of evaluation.ks = {list(self.evaluation.ks)}")
        return self

    def date(self, given: str | None) -> dt.date:
        """The date of a run: the one given on the command line, else the environment's."""
        if given is None and self.as_of is None:
            raise ConfigError("--as-of", "no date", "YYYY-MM-DD", "Give one, or set as_of in the environment's settings.")
        try:
            return dt.date.fromisoformat(given) if given is not None else self.as_of or dt.date.min
        except ValueError:
            raise ConfigError("--as-of", repr(given), "YYYY-MM-DD", "Give an ISO date such as 2017-12-01.") from None

    def hash(self, sections: Iterable[str]) -> str:
        """A short hash of some sections: what a job's output depends on."""
        dumped = self.model_dump(mode="json", include=set(sections) - {"sources"})
        if "sources" in sections:
            dumped["sources"] = [source.model_dump(mode="json") for source in (*self.sources.events, *self.sources.entities)]
        return content_hash(dumped)


def load_settings(env: str, overrides: Sequence[str] = ()) -> Settings:
    """Settings of an environment. Raises one `ConfigError` with every fault of settings, sources and models."""
    return validated(Settings, read_layers(conf_folder(), env, overrides), f"conf/{env}.yml over conf/base.yml")


def _or_value_error(read: Callable[[], Found]) -> Found:
    """Let pydantic collect a `ConfigError` with the faults of the other sections."""
    try:
        return read()
    except ConfigError as fault:
        raise ValueError(fault.found) from None
