"""An experiment with a planted effect: half the users react to a treatment, the others are put off."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mapping_spark.tables.frames import small


def planted(n_users: int, seed: int, *, noise: float = 0.1) -> pd.DataFrame:
    """Outcome = 1 + x0 + treated * x1 + noise, x0 and x1 uniform in [-1, 1]: the effect on a user is his x1."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n_users, 2))
    is_treated = rng.integers(0, 2, n_users)
    outcome = 1 + x[:, 0] + is_treated * x[:, 1] + rng.normal(0, noise, n_users)
    return pd.DataFrame(
        {"user_id": [f"u{n}" for n in range(n_users)], "x0": x[:, 0], "x1": x[:, 1], "is_treated": is_treated, "outcome": outcome}
    )


def planted_clicks(n_users: int, seed: int) -> pd.DataFrame:
    """The same users, outcome 1 with chance 0.4 + 0.2 x0 + treated * 0.3 x1."""
    users = planted(n_users, seed)
    chance = 0.4 + 0.2 * users.x0 + users.is_treated * 0.3 * users.x1
    return users.assign(outcome=(np.random.default_rng(seed + 1).random(n_users) < chance).astype(float))


def frame(spark: SparkSession, users: pd.DataFrame, propensity: float = 0.5) -> DataFrame:
    """As `uplift.cross_fit` reads them; the effect stays as `x1`."""
    shape = "user_id string, x0 double, x1 double, is_treated int, outcome double"
    named = small(spark, list(users.itertuples(index=False, name=None)), shape)
    return named.withColumns({"features": array_to_vector(F.array("x0", "x1")), "propensity": F.lit(propensity)}).drop("x0")
