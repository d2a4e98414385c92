"""Whom a treatment moves: learners of the effect on each user, cross-fitted, over Spark ML.

Rows: (user_id string, features vector, is_treated 0 or 1, outcome double, propensity double), one per user. The effect is that of
being treated on the outcome, in the outcome's unit. It is causal where the treatment was drawn by chance with `propensity`;
elsewhere it is only as good as the belief that the features hold all that chose the treated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from operator import add
from types import MappingProxyType

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mapping_spark.campaign.base_learners import FEATURES, BaseLearner, Model, with_prediction
from mapping_spark.campaign.pseudo_outcomes import chance_of_own_arm, doubly_robust_effect, imputed_effect, transformed_class
from mapping_spark.errors import ConfigError, ContractError

COLUMNS = ("user_id", FEATURES, "is_treated", "outcome", "propensity")
_FOLD, _HALF = "fold", "half"


@dataclass(frozen=True)
class EffectModel:
    """Fitted models by the column each predicts, and the effect as an expression over those columns."""

    models: Mapping[str, Model]
    effect: Column = field(compare=False)

    def score(self, users: DataFrame, name: str = "uplift") -> DataFrame:
        """`users` (with `features`; `propensity`, too, for the X-learner) and their effect in a double column."""
        predicted = reduce(lambda frame, column: with_prediction(frame, self.models[column], column), self.models, users)
        return predicted.select(*(f"`{column}`" for column in users.columns), self.effect.alias(name))


Learner = Callable[[DataFrame, BaseLearner], EffectModel]


def two_model(rows: DataFrame, base: BaseLearner) -> EffectModel:
    """One model of the outcome per arm; the effect is their difference (T-learner; Hansotia and Rukstales 2002)."""
    return EffectModel(_by_arm(rows, base), F.col("_treated") - F.col("_control"))


def untreated(rows: DataFrame, base: BaseLearner) -> EffectModel:
    """No effect, but what it starts from: the outcome without treatment, learnt from those held out."""
    return EffectModel({"_control": base.fit_outcome(rows.where(F.col("is_treated") == 0))}, F.col("_control"))


def class_transformation(rows: DataFrame, base: BaseLearner) -> EffectModel:
    """One model of `transformed_class`; the effect is twice its chance less 1. For outcomes of 0 and 1 only."""
    if not base.is_binary:
        raise ConfigError("class_transformation", "an outcome that is a number", "0 or 1", "Use two_model, x_learner or dr_learner.")
    aimed = rows.withColumns({"_class": transformed_class(), "_weight": 1 / chance_of_own_arm()})
    return EffectModel({"_chance": base.fit_outcome(aimed, "_class", "_weight")}, 2 * F.col("_chance") - 1)


def x_learner(rows: DataFrame, base: BaseLearner) -> EffectModel:
    """Each arm's imputed effects are regressed on features, and the two models weighted by the propensity (Kuenzel et al. 2019)."""
    arms = EffectModel(_by_arm(rows, base), imputed_effect("_treated", "_control"))
    imputed = arms.score(rows, "_effect")
    models = {f"_{name}": base.fit_effect(imputed.where(F.col("is_treated") == arm), "_effect") for name, arm in _ARMS.items()}
    return EffectModel(models, F.col("propensity") * F.col("_control") + (1 - F.col("propensity")) * F.col("_treated"))


def dr_learner(rows: DataFrame, base: BaseLearner) -> EffectModel:
    """The doubly robust effect is regressed on features; outcome models come from other users, by halves, swapped (Kennedy 2023)."""
    halves = rows.withColumn(_HALF, _part("dr_learner half", 2))
    models = {}
    for half in (0, 1):
        arms = EffectModel(_by_arm(halves.where(F.col(_HALF) != half), base), doubly_robust_effect("_treated", "_control"))
        models[f"_half_{half}"] = base.fit_effect(arms.score(halves.where(F.col(_HALF) == half), "_effect"), "_effect")
    return EffectModel(models, (F.col("_half_0") + F.col("_half_1")) / 2)


LEARNERS: Mapping[str, Learner] = MappingProxyType(
    {"two_model": two_model, "class_transformation": class_transformation, "x_learner": x_learner, "dr_learner": dr_learner}
)
"""Learners by name."""


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """Effect models, each learnt without the users of its fold."""

    folds: Sequence[EffectModel]
    part: Callable[[int], Column] = field(compare=False)

    def out_of_fold(self, rows: DataFrame, name: str = "uplift") -> DataFrame:
        """The users that were learnt from with their effect, each by the model that has not seen him: what Qini may judge."""
        folded = rows.withColumn(_FOLD, self.part(len(self.folds)))
        scored = [model.score(folded.where(F.col(_FOLD) == fold), name) for fold, model in enumerate(self.folds)]
        return reduce(DataFrame.unionByName, scored).drop(_FOLD)

    def score(self, users: DataFrame) -> DataFrame:
        """Other users with `uplift`, the mean of all models."""
        names = [f"_fold_{fold}" for fold in range(len(self.folds))]
        scored = reduce(lambda frame, fold: self.folds[fold].score(frame, names[fold]), range(len(names)), users)
        return scored.withColumn("uplift", reduce(add, map(F.col, names)) / len(names)).drop(*names)


def cross_fit(rows: DataFrame, learner: str, base: BaseLearner, *, n_folds: int = 5) -> CrossFitted:
    """Fit the learner once per fold on the users of the others; a user's fold is a hash of the seed and user_id.

    Runs Spark jobs at once. Raises `ConfigError` for an unknown learner, `ContractError` where an arm is empty, an outcome is no
    number (or not 0 or 1, for a binary learner), or a propensity is not within 0 and 1.
    """
    if learner not in LEARNERS or n_folds < 2:
        raise ConfigError("uplift", f"{learner!r} on {n_folds} folds", f"one of {list(LEARNERS)} on 2 folds or more", "Mend the settings.")
    return cross_fit_with(rows, LEARNERS[learner], base, n_folds=n_folds)


def cross_fit_with(rows: DataFrame, learner: Learner, base: BaseLearner, *, n_folds: int) -> CrossFitted:
    """`cross_fit` with a learner that has no name there: `untreated`, on the same folds."""
    part = partial(_part, f"uplift fold {base.seed}")
    kept = rows.select(*COLUMNS, part(n_folds).alias(_FOLD)).persist()
    try:
        _refuse_unfit(kept, base)
        return CrossFitted([learner(kept.where(F.col(_FOLD) != fold), base) for fold in range(n_folds)], part)
    finally:
        kept.unpersist()


_ARMS = {"treated": 1, "control": 0}


def _by_arm(rows: DataFrame, base: BaseLearner) -> dict[str, Model]:
    return {f"_{name}": base.fit_outcome(rows.where(F.col("is_treated") == arm)) for name, arm in _ARMS.items()}


def _part(salt: str, n: int) -> Column:
    return F.pmod(F.xxhash64(F.lit(salt), "user_id"), F.lit(n)).cast("int")


def _refuse_unfit(rows: DataFrame, base: BaseLearner) -> None:
    outcome, propensity = F.col("outcome"), F.col("propensity")
    is_outcome = outcome.isin(0.0, 1.0) if base.is_binary else F.abs(outcome) < float("inf")
    counts = {
        "users without a treatment of 0 or 1": ~F.coalesce(F.col("is_treated").isin(0, 1), F.lit(False)),
        "outcomes that are no number" + (" of 0 or 1" if base.is_binary else ""): ~F.coalesce(is_outcome, F.lit(False)),
        "propensities outside 0 to 1": ~F.coalesce((propensity > 0) & (propensity < 1), F.lit(False)),
        "treated": F.col("is_treated") == 1,
        "held out": F.col("is_treated") == 0,
    }
    found = rows.agg(*(F.count_if(condition).alias(name) for name, condition in counts.items())).collect()[0].asDict()
    faults = [f"{found[name]:,} {name}" for name in list(counts)[:3] if found[name]]
    faults += [f"no user {name}" for name in ("treated", "held out") if not found[name]]
    if faults:
        fix = "An effect needs users of both kinds, each with a known chance; leave out the rest before fitting."
        raise ContractError("uplift", "; ".join(faults), "both arms, and numbers in every row", fix)
