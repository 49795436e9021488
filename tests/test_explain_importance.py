"""Permutation importance: what carries the answer comes first, whatever the method and the task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from isocenter import methods
from isocenter.cohort import Target, Task
from isocenter.explain import permutation_importance
from isocenter.explain.importance import MOST_FEATURES, HeldOut
from isocenter.fitting import score
from isocenter.metrics.ranking import auc
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


def test_a_level_that_one_fold_lacks_is_matched_by_name() -> None:
    # Columns b and c swap places, and one fold has no column "rare": importance must follow the names.
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    signal, noise = y + rng.normal(size=200), rng.normal(size=200)
    one = np.column_stack([noise, signal, rng.normal(size=200)])
    other = np.column_stack([signal, noise])
    folds = [
        HeldOut(LogisticRegression().fit(one, y), one, y, ("noise", "signal", "rare")),
        HeldOut(LogisticRegression().fit(other, y), other, y, ("signal", "noise")),
    ]
    found = permutation_importance(
        folds, ["noise", "signal", "rare"], lambda m, t: m.predict_proba(t), lambda o, r: float(auc(r == 1, o[:, 1]))
    )
    drops = {row["feature"]: row["mean"] for row in found}
    assert found[0]["feature"] == "signal" and drops["signal"] > 0.2
    assert abs(drops["noise"]) < 0.05 and np.isfinite(drops["rare"])
