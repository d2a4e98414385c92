"""The regressions that uplift learners are made of: Spark ML's, distributed where the rows are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pyspark.ml.classification import GBTClassifier, LogisticRegression
from pyspark.ml.functions import vector_to_array
from pyspark.ml.regression import GBTRegressor, LinearRegression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

FEATURES = "features"
"""Column of feature vectors (Spark ML), one length, no NaN."""

Model = Any
"""A fitted Spark ML model that predicts from `features`: the library types classifiers and regressors apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLearner:
    """Linear (logistic for outcomes of 0 and 1), or boosted trees."""

    kind: Literal["linear", "boosted"] = "linear"
    is_binary: bool = True
    """Whether the outcome is 0 or 1."""
    l2: float = 0.001
    """Ridge penalty on standardised features (linear only)."""
    n_trees: int = 40
    """Trees (boosted only)."""
    depth: int = 3
    """Of each tree (boosted only)."""
    learning_rate: float = 0.1
    """Step of each tree (boosted only)."""
    seed: int = 0

    def fit_outcome(self, rows: DataFrame, label: str = "outcome", weight: str | None = None) -> Model:
        """A model of the outcome (or its chance) by features."""
        if not self.is_binary:
            return self.fit_effect(rows, label)
        of: dict[str, Any] = {"featuresCol": FEATURES, "labelCol": label} | ({"weightCol": weight} if weight else {})
        if self.kind == "linear":
            return LogisticRegression(**of, regParam=self.l2, maxIter=50, tol=1e-5).fit(rows)
        return GBTClassifier(**of, **self._trees()).fit(rows)

    def fit_effect(self, rows: DataFrame, label: str) -> Model:
        """A model of a number by features, by least squares: one pass over the rows where it is linear."""
        if self.kind == "linear":
            return LinearRegression(featuresCol=FEATURES, labelCol=label, regParam=self.l2, solver="normal").fit(rows)
        return GBTRegressor(featuresCol=FEATURES, labelCol=label, **self._trees()).fit(rows)

    def _trees(self) -> dict[str, Any]:
        return {"maxIter": self.n_trees, "maxDepth": self.depth, "stepSize": self.learning_rate, "seed": self.seed}


def with_prediction(rows: DataFrame, model: Model, name: str) -> DataFrame:
    """`rows` with the model's number in a double column `name`: of a classifier the chance of 1."""
    predicted: DataFrame = model.transform(rows)
    chance = vector_to_array(F.col("probability"))[1] if "probability" in predicted.columns else F.col("prediction")
    return predicted.select(*(f"`{column}`" for column in rows.columns), chance.alias(name))
