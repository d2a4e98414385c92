"""What a regression on features is aimed at so that it finds an effect, as columns.

Rows are users of an experiment (or of a selection with known propensities): `is_treated` 0 or 1, `outcome` in any unit,
`propensity` the chance of being treated, within 0 and 1. Every expression is null where a column that it reads of the user is.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F


def chance_of_own_arm() -> Column:
    """The chance of what the user was given: the propensity of the treated, 1 less it of those held out."""
    propensity = F.col("propensity")
    return _by_arm(propensity, 1 - propensity)


def transformed_class() -> Column:
    """1 where treated with outcome 1, or held out with outcome 0; else 0. For outcomes of 0 and 1.

    Weighted by 1 / `chance_of_own_arm`, its chance is (1 + effect) / 2 (Jaskowski and Jaroszewicz 2012, "Uplift modeling for
    clinical trial data", with weights for shares other than a half).
    """
    return (F.col("outcome") == F.col("is_treated")).cast("double")


def imputed_effect(if_treated: str, if_not: str) -> Column:
    """The effect on each user, the missing outcome taken from a model of the other arm (X-learner: Kuenzel et al. 2019, eq. 8).

    `if_treated`, `if_not`: columns with the models' outcomes.
    """
    return _by_arm(F.col("outcome") - F.col(if_not), F.col(if_treated) - F.col("outcome"))


def doubly_robust_effect(if_treated: str, if_not: str) -> Column:
    """Modelled effect plus the weighted residual of the user's own arm: its mean is the effect where models or propensities are right.

    Kennedy 2023, "Towards optimal doubly robust estimation of heterogeneous causal effects", eq. 2 (augmented inverse propensity).
    """
    residual = _by_arm(F.col("outcome") - F.col(if_treated), F.col(if_not) - F.col("outcome"))
    return F.col(if_treated) - F.col(if_not) + residual / chance_of_own_arm()


def _by_arm(if_treated: Column, if_held_out: Column) -> Column:
    """Null where it is not known which."""
    return F.when(F.col("is_treated") == 1, if_treated).when(F.col("is_treated") == 0, if_held_out)
