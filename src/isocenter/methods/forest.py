"""Random forest (Breiman 2001): many trees on resampled cases, averaged.

>>> from isocenter.cohort import Task
>>> build(Task.CLASSIFICATION, n_estimators=500).n_estimators
500
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from isocenter.cohort import Task

CHOICES: Mapping[str, tuple[object, ...]] = {}


def build(
    task: Task,
    *,
    seed: int = 0,
    n_estimators: int = 100,
    max_depth: int | None = None,
    max_features: float | str | None = None,
    min_samples_leaf: int = 1,
) -> Any:
    """scikit-learn's forest with scikit-learn's defaults.

    max_features None: the square root of their number for classes, all of them for a
    measurement. Trees are grown on all processors; their number does not change the result.
    """
    classes = task is Task.CLASSIFICATION
    forest = RandomForestClassifier if classes else RandomForestRegressor
    if max_features is None:
        max_features = "sqrt" if classes else 1.0
    return forest(
        n_estimators=n_estimators,
        max_depth=max_depth,
        max_features=max_features,
        min_samples_leaf=min_samples_leaf,
        random_state=seed,
        n_jobs=-1,
    )
