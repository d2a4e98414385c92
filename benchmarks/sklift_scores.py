"""Out-of-fold scores of scikit-uplift's learners; run by its own Python: folded.parquet in, a column of scores per learner out."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklift.models import ClassTransformation, SoloModel, TwoModels  # run by its own Python


def main(read: str, written: str) -> None:
    """Score every user by models of the other folds."""
    users = pd.read_parquet(read)
    features, fold_U = users.filter(regex=r"^x\d").to_numpy(), users.fold.to_numpy()
    scores = {}
    for name in ("two_models", "class_transformation", "solo_model"):
        scores[name] = np.zeros(len(users))
        for fold in np.unique(fold_U):
            known, asked = fold_U != fold, fold_U == fold
            fitted = _model(name).fit(features[known], users.outcome[known].to_numpy(int), users.is_treated[known].to_numpy())
            scores[name][asked] = fitted.predict(features[asked])
    pd.DataFrame(scores).to_parquet(written)


def _model(name: str) -> TwoModels | ClassTransformation | SoloModel:
    if name == "two_models":
        return TwoModels(_logistic(), _logistic())
    return ClassTransformation(_logistic()) if name == "class_transformation" else SoloModel(_logistic())


def _logistic() -> object:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))


if __name__ == "__main__":
    main(*sys.argv[1:3])
