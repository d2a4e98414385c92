"""All sections of the settings together. Each is declared beside the code that reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mapping_spark.campaign.kpis import CampaignConfig
from mapping_spark.config import Section, conf_folder, read_layers, validated
from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.evaluate import EvaluationConfig
from mapping_spark.events.clean import CleaningConfig
from mapping_spark.features.interactions import InteractionsConfig
from mapping_spark.ingest.declarations import Sources, load_sources
from mapping_spark.ingest.stream import IngestConfig
from mapping_spark.models.base import ModelConfig
from mapping_spark.models.registry import parse_configs
from mapping_spark.recommend.settings import RecommendConfig
from mapping_spark.tables.runs import content_hash


class StoreConfig(Section):
    """Where tables lie."""

    root: str = "warehouse"
    """Folder or URI of the tables, models and checkpoints."""
    catalog: str | None = None
    """Catalog that names the tables instead; null for folders under the root."""
