"""Settings of what is planned, judged and forecast of campaigns. Loads no Spark and no statistics."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from mapping_spark.config import Section
from mapping_spark.tables.gold import CAMPAIGN_KPIS
from mapping_spark.tables.measures import measure_columns
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


class PlannedLooks(Section):
    """When one campaign's results are looked at before its end."""

    users: int = Field(ge=2)
    """Users it will have at its end, the control included."""
    shares: tuple[float, ...] = Field(min_length=1)
    """Shares of them at which it is looked at, ascending, the last 1."""

    @field_validator("shares")
    @classmethod
    def _ascend_to_1(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if shares[0] <= 0 or shares[-1] != 1 or any(one >= two for one, two in pairwise(shares)):
            raise ValueError(f"shares are {list(shares)}; use ascending ones above 0, the last 1")
        return shares


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
    shares: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Variant to planned share of a campaign that another system assigned, control included: what the users per variant are held
    against. Those of a campaign assigned here are known."""
    planned_users: int = Field(default=10_000, ge=2)
    """Users that a campaign will have at its end, about, control included: an interval that may be looked at any time is narrowest
    there. Any number is valid that was not chosen after a look."""
    looks: dict[str, PlannedLooks] = Field(default_factory=dict)
    """Campaigns looked at when planned only: group-sequential bounds decide. All others may be looked at any time while they run."""
    pre_period_days: int = Field(default=56, ge=1)
    """Days before assignment whose revenue is the covariate of revenue metrics."""
    winsor_quantile: float = Field(default=0.99, gt=0, le=1)
    """Quantile of the revenue of buyers, all variants together, at which the winsorised revenue is cut off."""

    @field_validator("shares")
    @classmethod
    def _shares_are_positive(cls, shares: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for campaign_id, by_variant in shares.items():
            if len(by_variant) < 2 or min(by_variant.values()) <= 0:
                raise ValueError(f"shares of {campaign_id} are {by_variant}; use two variants or more, each above 0")
        return shares


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
    shapley_games: tuple[Literal["conversions", "conversion_rate"], ...] = ("conversions",)
    """What a set of channels is worth: orders whose journeys touched only them (method `shapley`), or the share of such journeys
    that ended in an order (`shapley_rate`: every set up to 12 channels, drawn orders of channels beyond)."""
    impression_cost: Decimal = Field(default=Decimal(0), ge=0, decimal_places=4)
    """Cost of showing one recommendation: an assumption; where it is 0, there is no return on it."""

    @field_validator("touch_types")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in EVENT_TYPES]
        if unknown or not names:
            raise ValueError(f"no event types {unknown}; use some of {list(EVENT_TYPES)}")
        return names


class UpliftConfig(Section):
    """How the effect on each user is learnt."""

    learner: Literal["two_model", "class_transformation", "x_learner", "dr_learner"] = "dr_learner"
    """Learner of campaign/uplift.py."""
    base: Literal["linear", "boosted"] = "linear"
    """Its regressions."""
    n_folds: int = Field(default=5, ge=2)
    """Folds of users; each is scored by models of the others."""
    n_bins: int = Field(default=100, ge=10, le=10_000)
    """Bins of the score that gold.uplift_bins holds."""
    n_replicates: int = Field(default=200, ge=0)
    """Bootstrap replicates behind each interval; 0 for none."""
    min_users: int = Field(default=200, ge=2)
    """A campaign with fewer users in either arm is not learnt from."""


class TargetingConfig(Section):
    """What a targeting plan may use."""

    budget: Decimal | None = Field(default=None, ge=0)
    """Of all sends together, in the declared currency; null for none."""
    value: Decimal = Field(default=Decimal(10), ge=0)
    """Assumed value of a conversion, in the declared currency."""
    by_segment: dict[str, int] = Field(default_factory=dict)
    """Users per segment at most; a segment not named has no cap."""
    by_channel: dict[str, int] = Field(default_factory=dict)
    """Users per channel at most; a channel not named has no cap."""


class EffectConfig(Section):
    """Effects without a holdout."""

    campaigns: tuple[str, ...] = ()
    """Campaigns to estimate; each costs a pass over the purchases per metric."""
    history_weeks: int = Field(default=16, ge=4)
    """Weeks before an origin: users are matched on the first half, the second is compared with what came after."""
    placebo_step: int = Field(default=2, ge=1)
    """Weeks between two placebo origins."""
    n_strata: int = Field(default=10, ge=1)
    """Strata of users, by quantiles of the mailed users' spending."""

    @model_validator(mode="after")
    def _halves_are_whole(self) -> Self:
        if self.history_weeks % 2:
            raise ValueError(f"history_weeks is {self.history_weeks}; use an even number, it is parted in halves")
        return self


class ForecastConfig(Section):
    """Forecasts of daily KPIs."""

    horizon_days: int = Field(default=28, ge=1)
    """Days forecast from the as-of date on."""
    n_origins: int = Field(default=4, ge=1)
    """Past origins, a horizon apart, at which every model is judged."""
    min_days: int = Field(default=112, ge=28)
    """Days that a series must hold before its first origin; shorter ones are not forecast."""
    models: tuple[Literal["seasonal_naive", "ets", "ar", "ma", "arma"], ...] = Field(
        default=("seasonal_naive", "ets", "ar", "ma", "arma"), min_length=1
    )
    """Models compared; the one with the smallest error at past origins is marked best."""


class AnomalyConfig(Section):
    """Which days of a series are flagged."""

    weeks: int = Field(default=8, ge=3)
    """Same weekdays before a day whose median is expected."""
    limit: float = Field(default=5.0, gt=0)
    """Robust standard deviations from the expected value at which a day is flagged."""


class Rule(Section):
    """When a measure lies beyond a limit, do something."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the rule, the key of its rows."""
    measure: str
    """A measure of gold.campaign_kpis, or an end of its interval: `roi_high`. An end makes the rule wait until chance is ruled out."""
    below: float | None = None
    """Fires below this; exactly one of `below` and `above` is set."""
    above: float | None = None
    """Fires above this."""
    action: Literal["pause", "raise", "notify"]
    """What a person or a system that reads gold.campaign_decisions should do."""
    min_users: int = Field(default=100, ge=1)
    """Campaigns with fewer users are not judged."""

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        known = measure_columns(CAMPAIGN_KPIS)
        if self.measure not in known:
            raise ValueError(f"{self.measure!r} is no measure of {CAMPAIGN_KPIS.name}; use one of {list(known)}")
        if (self.below is None) == (self.above is None):
            raise ValueError(f"rule {self.name} needs exactly one of below and above")
        return self
