"""Search for a model's settings on the validation period: the days before the date, never those after it.

Successive halving (Jamieson and Talwalkar, AISTATS 2016): many settings on few users, the better ones on more, the best on all.
With a smallest share of 1 it is random search (Bergstra and Bengio, JMLR 2012). The shares of users are nested, and seeds are
fixed: the same search draws, measures and finds the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field
from pyspark.sql import functions as F

from mapping_spark.config import Section
from mapping_spark.errors import ConfigError
from mapping_spark.evaluation.compare import Protocol, compare
from mapping_spark.evaluation.evaluate import ALL, Truth
from mapping_spark.evaluation.gate import GateConfig
from mapping_spark.evaluation.settings import EvaluationConfig
from mapping_spark.models.base import TrainingData
from mapping_spark.models.fitting import TRIAL_SHARE, Inputs, fit_all, load_run
from mapping_spark.models.registry import available, parse_configs
from mapping_spark.models.space import Space
from mapping_spark.recommend.settings import Grid
from mapping_spark.tables.gold import MODEL_METRICS
from mapping_spark.tables.store import Store


class TuningConfig(Section):
    """How a search goes."""

    trials: int = Field(9, ge=1)
    """Settings drawn."""
    reduction: int = Field(3, ge=2)
    """After each round one in so many goes on, with so many times the users."""
    smallest_share: float = Field(1 / 9, gt=0, le=1)
    """Share of the users in the first round; 1 is random search."""

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of the users in each round; the last has all."""
        shares = [self.smallest_share]
        while shares[-1] * self.reduction < 1 - 1e-9:
            shares.append(shares[-1] * self.reduction)
        return (*shares, 1.0) if shares[-1] < 1 - 1e-9 else (*shares[:-1], 1.0)


@dataclass(frozen=True, slots=True)
class Trial:
    """Settings measured on a share of the users."""

    settings: Mapping[str, Any]
    share: float
    value: float
    run_id: str = ""


Measure = Callable[[Mapping[str, Any], float], tuple[float, str]]
"""(settings, share of users) to (value, run id); a higher value is better."""


def space_of(name: str) -> Space:
    """Where a model's settings may lie. Raises `ConfigError` for a name that has no space: unknown, fused or trained on ranks."""
    model = available().get(name)
    tunable = sorted(other for other, kind in available().items() if getattr(kind.Config, "space", {}))
    if model is None or name not in tunable:
        raise ConfigError("tune", f"the model {name!r}", f"a model with a declared space, one of {tunable}", "Mend the name.")
    space: Space = model.Config.space  # type: ignore[attr-defined]
    return space


def search(space: Space, fixed: Mapping[str, Any], measure: Measure, config: TuningConfig, seed: int) -> list[Trial]:
    """Every trial, in the order they were measured; the best is the best of the last round (the earlier drawn among equals).

    The first settings tried are `fixed` alone: what is configured now. The others draw over it.
    """
    rng = random.Random(seed)  # noqa: S311 - a search, not a secret
    drawn = [dict(fixed)] + [{**fixed, **{name: part.draw(rng) for name, part in space.items()}} for _ in range(config.trials - 1)]
    trials: list[Trial] = []
    for at, share in enumerate(config.shares):
        round_ = [Trial(settings, share, *measure(settings, share)) for settings in drawn]
        trials += round_
        n_on = max(1, config.trials // config.reduction ** (at + 1))
        drawn = [dict(trial.settings) for trial in sorted(round_, key=lambda trial: -trial.value)[:n_on]]
    return trials


def best(trials: list[Trial]) -> Trial:
    """The best of the last round."""
    return max((trial for trial in trials if trial.share == 1.0), key=lambda trial: trial.value)


@dataclass(frozen=True)
class Validation:
    """The validation period: what is known before its date, and what happens in it. Nothing in here knows the test period."""

    store: Store
    data: TrainingData
    versions: Mapping[str, Any]
    """Of the tables that the data was made of."""
    truth: Truth
    evaluation: EvaluationConfig
    gate: GateConfig
    grid: Grid
    seed: int

    def measure(self, name: str, settings: Mapping[str, Any], share: float) -> tuple[float, str]:
        """Fit on a share of the users, record the run in gold.model_runs and its metrics in gold.model_metrics.

        Returns the gate's metric and the run. Users of a share are among those of every larger one.
        """
        (config,) = parse_configs({name: settings}).values()
        place = F.pmod(F.xxhash64(F.lit(self.seed).cast("bigint"), F.col("user_idx")), F.lit(_GRAINS)) / F.lit(float(_GRAINS))
        within = self.data.interactions.where(place < share).localCheckpoint() if share < 1 else self.data.interactions
        data, versions = replace(self.data, interactions=within), {**self.versions, TRIAL_SHARE: share}
        run_id = fit_all(self.store, {name: config}, Inputs(data, versions, {}), self.seed)[name]
        truth = replace(self.truth, interactions=within, relevant=self.truth.relevant.where(place < share), segments=None)
        once = self.evaluation.model_copy(update={"ks": (self.gate.k,), "n_replicates": 0})
        fitted = {name: load_run(self.store, name, config, run_id)}
        found = compare(fitted, truth, Protocol(self.data.as_of, once, self.grid, self.seed)).metrics.localCheckpoint()
        self.store.insert_new(MODEL_METRICS, found)
        chosen = (F.col("metric") == self.gate.metric) & (F.col("protocol") == self.gate.protocol) & (F.col("segment") == ALL)
        (row,) = found.where(chosen).collect()
        return float(row.value or 0.0), run_id


_GRAINS = 1 << 30
"""Into how many parts users are hashed."""
