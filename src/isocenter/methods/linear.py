"""Penalised linear models: logistic regression for classes, ridge regression for measurements.

Features are standardised first (inside the folds), so that one penalty suits all of them.
>>> from isocenter.cohort import Task
>>> build(Task.REGRESSION, penalty=10.0)[-1].alpha
10.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isocenter.cohort import Task

CHOICES: Mapping[str, tuple[object, ...]] = {"penalty": (0.1, 1.0, 10.0, 100.0, 1000.0)}


def build(task: Task, *, seed: int = 0, penalty: float = 1.0, max_iter: int = 5000) -> Any:
    """penalty: weight of the squared coefficients (L2); chosen by inner folds unless it is set."""
    if task is Task.CLASSIFICATION:
        model: Any = LogisticRegression(C=1.0 / penalty, max_iter=max_iter, random_state=seed)
    else:
        model = Ridge(alpha=penalty, random_state=seed)
    return make_pipeline(StandardScaler(), model)
