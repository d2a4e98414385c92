"""Settings of assignment, experiments and attribution. Loads no statistics."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Self

from pydantic import Field, field_validator, model_validator

from mapping_spark.config import Section
from mapping_spark.tables.silver import EVENT_TYPES

Share = Decimal


class CampaignPlan(Section):
    """How one campaign's users are chosen and parted."""

    variants: dict[str, Share] = Field(min_length=1)
    """Share of the campaign's users given each variant, four decimals. Raise a share or add a variant at any time; a share that
    was lowered is refused, since someone would lose what he has."""
    holdout: Share = Field(default=Decimal("0.1"), gt=0, lt=1, decimal_places=4)
    """Share of them held out as `control`: always some."""
    layer: str | None = None
    """Campaigns of one layer never share a user; null where the campaign excludes no other."""
    layer_from: Share = Field(default=Decimal(0), ge=0, lt=1, decimal_places=4)
    """Where the campaign's part of its layer begins."""
    layer_to: Share = Field(default=Decimal(1), gt=0, le=1, decimal_places=4)
    """Where it ends, exclusive."""

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        faults = [f"{name} has {share}" for name, share in self.variants.items() if not 0 < share <= 1 or share != round(share, 4)]
        faults += [f"{name!r} is no variant" for name in self.variants if name in ("", "control") or name.startswith("(")]
        if sum(self.shares.values()) > 1:
            faults.append(f"the shares sum to {sum(self.shares.values())}, the holdout included")
        if self.layer_from >= self.layer_to:
            faults.append(f"the layer's part [{self.layer_from}, {self.layer_to}) is empty")
        if faults:
            raise ValueError("; ".join(faults) + "; use shares above 0 with four decimals that sum to at most 1")
        return self

    @property
    def shares(self) -> dict[str, Share]:
        """Of every variant, the held out first."""
        return {"control": self.holdout, **self.variants}


class AssignmentConfig(Section):
    """Who takes part in which campaign, and with what."""

    salt: str = "1"
    """Part of every hash: another salt draws everyone anew."""
    global_holdout: Share = Field(default=Decimal(0), ge=0, lt=1, decimal_places=4)
    """Share of all users whom no campaign may reach. It only ever grows: the same users stay in it."""
    max_sends: int | None = Field(default=None, ge=1)
    """Sends in the last `cap_days` from which on a user is not assigned; null for no cap."""
    cap_days: int = Field(default=28, ge=1)
    """Days before the date in which sends are counted."""
    campaigns: dict[str, CampaignPlan] = Field(default_factory=dict)
    """The plan of each campaign; those without one are read from what was sent."""

    @field_validator("campaigns")
    @classmethod
    def _layers_are_parted(cls, plans: dict[str, CampaignPlan]) -> dict[str, CampaignPlan]:
        parts = sorted((plan.layer, plan.layer_from, plan.layer_to, name) for name, plan in plans.items() if plan.layer is not None)
        pairs = pairwise(parts)
        clashes = [f"{one[3]} and {two[3]}" for one, two in pairs if one[0] == two[0] and one[2] > two[1]]
        if clashes:
            raise ValueError(f"{', '.join(clashes)} overlap in their layer; give each its own [layer_from, layer_to)")
        return plans


class ExperimentConfig(Section):
    """How the effect of campaigns is judged."""

    primary: tuple[str, ...] = ("conversion_rate",)
    """Metrics that decide, with Holm's correction over them and all variants."""
    guardrails: dict[str, float] = Field(default_factory=dict)
    """Metrics that must not be harmed: by which share of the control's value they may be worse."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Two-sided level of every test."""
    sample_ratio_level: float = Field(default=0.001, gt=0, lt=1)
    """A p-value of users per variant below it blocks every verdict."""
    pre_period_days: int = Field(default=56, ge=1)
    """Days before assignment whose revenue is the covariate of revenue metrics."""
    winsor_quantile: float = Field(default=0.99, gt=0, le=1)
    """Quantile of the revenue of buyers, all variants together, at which the winsorised revenue is cut off."""


class AttributionConfig(Section):
    """Which touches get the credit for a conversion."""

    days: int = Field(default=90, ge=1)
    """Business days before the date whose orders are attributed."""
    window_days: int = Field(default=30, ge=1, le=90)
    """Days before an order in which a touch counts: [order - window, order)."""
    touch_types: tuple[str, ...] = ("impression", "click", "campaign_send", "campaign_open", "campaign_click")
    """Event types that are touches."""
    max_touches: int = Field(default=50, ge=1)
    """The latest touches of an order that count."""
    half_life_days: float = Field(default=7.0, gt=0)
    """Days before the order in which a touch loses half its credit, under `time_decay`."""

    impression_cost: Decimal = Field(default=Decimal(0), ge=0, decimal_places=4)
    """Cost of showing one recommendation: an assumption; where it is 0, there is no return on it."""

    @field_validator("touch_types")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in EVENT_TYPES]
        if unknown or not names:
            raise ValueError(f"no event types {unknown}; use some of {list(EVENT_TYPES)}")
        return names
