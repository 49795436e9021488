"""Penalised linear models: logistic regression for classes, ridge regression for measurements.

Features are standardised first (inside the folds), so that one penalty suits all of them.
>>> from isocenter.cohort import Task
>>> build(Task.REGRESSION, penalty=10.0)[-1].alpha
10.0
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isocenter.cohort import Task
from isocenter.methods import wrong_value

CHOICES: Mapping[str, tuple[object, ...]] = {"penalty": (0.1, 1.0, 10.0, 100.0, 1000.0)}


def build(task: Task, *, seed: int = 0, penalty: float = 1.0, max_iter: int = 5000) -> Any:
    """penalty: weight of the squared coefficients (L2); chosen by inner folds unless it is set."""
    _check(penalty, task)
    if task is Task.CLASSIFICATION:
        model: Any = LogisticRegression(C=1.0 / penalty, max_iter=max_iter, random_state=seed)
    else:
        model = Ridge(alpha=penalty, random_state=seed)
    return make_pipeline(StandardScaler(), model)


def _check(penalty: object, task: Task) -> None:
    """UsageError for what is no penalty: here, for scikit-learn only sees its inverse."""
    classes = task is Task.CLASSIFICATION
    number = isinstance(penalty, int | float) and 0 <= penalty < math.inf
    if not number or (classes and not penalty):
        raise wrong_value("penalty", penalty, f"a number {'above 0' if classes else 'of 0 or more'}")
