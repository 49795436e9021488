"""Gradient boosting on binned features (Friedman 2001; Ke et al. 2017): small trees, each mending those before it.

>>> from isocenter.cohort import Task
>>> build(Task.CLASSIFICATION, max_iter=50).max_iter
50
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from isocenter.cohort import Task

CHOICES: Mapping[str, tuple[object, ...]] = {"learning_rate": (0.03, 0.1), "max_leaf_nodes": (3, 7, 31)}
CALLED: Mapping[str, str] = {"l2_regularization": "l2"}


def build(
    task: Task,
    *,
    seed: int = 0,
    learning_rate: float = 0.1,
    max_leaf_nodes: int = 7,
    max_iter: int = 100,
    min_samples_leaf: int = 5,
    max_features: float = 0.3,
    l2: float = 1.0,
) -> Any:
    """learning_rate and max_leaf_nodes are chosen by inner folds unless they are set.

    max_iter: trees (times classes); min_samples_leaf: cases in a leaf, fewer than scikit-learn's 20, with
    which a cohort of 40 has no split; max_features: share of the features that a split may choose from:
    with many features and few cases all trees would else follow the one that fits best by chance; l2:
    penalty on the values of leaves. There is no early stopping: the part it would hold back is drawn
    without regard to patients.
    """
    kind = HistGradientBoostingClassifier if task is Task.CLASSIFICATION else HistGradientBoostingRegressor
    return kind(
        learning_rate=learning_rate,
        max_leaf_nodes=max_leaf_nodes,
        max_iter=max_iter,
        min_samples_leaf=min_samples_leaf,
        max_features=max_features,
        l2_regularization=l2,
        early_stopping=False,
        random_state=seed,
    )
