"""The page's sections in order: a module each, with one function from `Ask` to `Section`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mapping_spark.report.ask import Ask
from mapping_spark.report.blocks import Section
from mapping_spark.report.sections import (
    accounting,
    assumptions,
    campaigns,
    cohorts,
    durations,
    effects,
    experiments,
    lineage,
    models,
    quality,
    recommendations,
    segments,
    uplift,
)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A section's place on the page."""

    key: str
    """Its address within the page."""
    title: str
    draw: Callable[[Ask], Section]


CHAPTERS = (
    Chapter("records", "What came in, and what became of it", accounting.section),
    Chapter("quality", "Quality over time", quality.section),
    Chapter("households", "Who the households are", segments.section),
    Chapter("models", "Models side by side", models.section),
    Chapter("recommendations", "Bought, and recommended", recommendations.section),
    Chapter("campaigns", "Campaigns", campaigns.section),
    Chapter("experiments", "Experiments", experiments.section),
    Chapter("effects", "Without a holdout: effects and credit", effects.section),
    Chapter("uplift", "Whom campaigns move", uplift.section),
    Chapter("cohorts", "Who comes back", cohorts.section),
    Chapter("jobs", "How long each job took", durations.section),
    Chapter("lineage", "Lineage", lineage.section),
    Chapter("assumptions", "Assumptions", assumptions.section),
)
"""A further section is a further module and a line here."""
