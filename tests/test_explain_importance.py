"""Permutation importance: what carries the answer comes first, whatever the method and the task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isocenter import methods
from isocenter.cohort import Target, Task
from isocenter.explain import permutation_importance
from isocenter.explain.importance import MOST_FEATURES, HeldOut
from isocenter.fitting import score
from isocenter.model import outputs

GRADES = Target(Task.ORDINAL, "g", ("a", "b", "c"))
LABELS = Target(Task.MULTILABEL, "l", ("a", "b"))
SIZE = Target(Task.REGRESSION, "s")


@pytest.mark.parametrize("target", [GRADES, LABELS, SIZE], ids=lambda t: t.task.value)
@pytest.mark.parametrize("method", ["boosting", "svm", "linear"])
def test_a_late_feature_is_found_among_many(method: str, target: Target) -> None:
    """More features than are shuffled, the two that matter at the end: models without weights of their own, too."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, MOST_FEATURES + 20))
    z = X[:, -1] + X[:, -3]
    y: Any = {
        Task.ORDINAL: np.digitize(z, [-0.7, 0.7]),
        Task.MULTILABEL: np.column_stack([X[:, -1] > 0, X[:, -3] > 0.3]).astype(int),
        Task.REGRESSION: z,
    }[target.task]
    folds = []
    for half in (np.arange(240) < 120, np.arange(240) >= 120):
        model = methods.build(method, target.task).fit(X[half], y[half])
        folds.append(HeldOut(model, X[~half], y[~half]))
    names = [f"f{i}" for i in range(X.shape[1])]
    found = permutation_importance(
        folds, names, lambda estimator, rows: outputs(estimator, rows, target), lambda out, ref: score(target, out, ref)
    )
    assert len(found) == MOST_FEATURES
    assert {row["feature"] for row in found[:2]} == {names[-1], names[-3]}
