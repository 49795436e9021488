"""A model: a fitted estimator, its target, its decision, and the card that tells its story.

The estimator stays raw; only `Model.predict` applies the decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.case import Case
from isocenter.cohort import Target
from isocenter.prediction import Prediction

Floats = NDArray[np.float64]
Input = list[Case] | pd.DataFrame | NDArray[Any]
MOST_PROBABLE = "most probable class"


@dataclass(frozen=True)
class Decision:
    """How probabilities become a class.

    classes: in the order of the probability columns, none for a measurement; positive: the class
    that `threshold` is about; threshold: smallest probability of `positive` that is called
    positive, None for the most probable class; criterion: how the threshold was chosen;
    calibrator: always None so far, its place in the card is kept.
    """

    classes: tuple[str, ...]
    positive: str | None = None
    threshold: float | None = None
    criterion: str = MOST_PROBABLE
    calibrator: None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and (len(self.classes) != 2 or self.positive not in self.classes):
            raise ValueError("a threshold needs two classes, one of them positive")

    def apply(self, proba: Floats) -> NDArray[np.object_]:
        """From `proba` (n, k) to class names (n,); a tie goes to the first class, as in scikit-learn."""
        names = np.array(self.classes, dtype=object)
        if self.threshold is None or self.positive is None:
            chosen = proba.argmax(axis=1)
        else:
            index = self.classes.index(self.positive)
            chosen = np.where(proba[:, index] >= self.threshold, index, 1 - index)
        return np.asarray(names[chosen], dtype=object)

    def predict(self, case_ids: NDArray[np.object_], output: Floats) -> Prediction:
        """What `outputs` gives, (n, k) probabilities or (n, 1) values, as a Prediction."""
        if not self.classes:
            return Prediction(case_ids, value=output[:, 0])
        return Prediction(case_ids, self.classes, output, self.apply(output))


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted method that can say what it is and what it needs.

    estimator: scikit-learn estimator fitted on class codes 0..k-1 (the order of
    `target.classes`) or on measurements; card: plain values: name, parameters, feature names,
    fingerprints, versions, seed.
    """

    estimator: Any
    target: Target
    decision: Decision
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the result is called: "forest", "intensity-linear"..."""
        return str(self.card.get("name") or self.card.get("method") or type(self.estimator).__name__.lower())

    def predict(self, X: Input) -> Prediction:
        """One row a case; case ids are those of the cases or the table's index, else row numbers."""
        return self.decision.predict(case_ids(X), outputs(self.estimator, X, self.target))


def case_ids(X: Input) -> NDArray[np.object_]:
    """(n,) names of the rows of X."""
    if isinstance(X, pd.DataFrame):
        names: Sequence[str] = [str(name) for name in X.index]
    elif isinstance(X, np.ndarray):
        names = [str(row) for row in range(len(X))]
    else:
        names = [case.case_id for case in X]
    found = np.empty(len(names), dtype=object)
    found[:] = names
    return found


def outputs(estimator: Any, X: Any, target: Target) -> Floats:
    """(n, k) probabilities in the order of `target.classes`, or (n, 1) values of a measurement.

    A class that was absent from the training cases has probability 0.
    """
    width = len(target.classes) if target.is_classes else 1
    if len(X) == 0:  # scikit-learn refuses tables without rows
        return np.zeros((0, width))
    if not target.is_classes:
        return np.asarray(estimator.predict(X), dtype=np.float64).reshape(-1, 1)
    learned = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    proba = np.zeros((len(learned), width))
    proba[:, np.asarray(estimator.classes_, dtype=np.intp)] = learned
    return proba
