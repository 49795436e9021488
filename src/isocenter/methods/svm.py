"""Support vector machine with a Gaussian kernel (Cortes and Vapnik 1995; Drucker et al. 1997): the widest margin.

Features are standardised first (inside the folds). Time grows with the square of the cases: for a few thousand.
>>> from isocenter.cohort import Task
>>> build(Task.CLASSIFICATION, C=10.0).C
10.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from isocenter.cohort import Task
from isocenter.metrics import logistic
from isocenter.metrics.probabilities import expit
from isocenter.splitting import allocate

Floats = NDArray[np.float64]
FOLDS = 5
CHOICES: Mapping[str, tuple[object, ...]] = {"C": (0.1, 1.0, 10.0, 100.0)}


def build(task: Task, *, seed: int = 0, C: float = 1.0, gamma: float | str = "scale", epsilon: float = 0.1) -> Any:
    """C: cost of cases inside the margin; chosen by inner folds unless it is set.

    gamma: 1 / width of the kernel, "scale" for 1 / number of features; epsilon: error that costs nothing,
    in standard deviations of the measurement (regression).
    """
    if task is Task.CLASSIFICATION:
        return SupportVectors(C=C, gamma=gamma, seed=seed)
    machine = make_pipeline(StandardScaler(), SVR(C=C, gamma=gamma, epsilon=epsilon))
    return TransformedTargetRegressor(regressor=machine, transformer=StandardScaler())


class SupportVectors(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """SVC on standardised features, its margins made probabilities by a sigmoid each (Platt 1999).

    A machine's margins of its own training cases are far too wide, so the sigmoids are learned on margins that
    machines of 5 inner folds give the cases they have not seen, while the machine that is kept learns from
    all. Folds keep the cases of a patient together, where `fit` is told the patients: what `SVC(probability=True)`
    does is the same without that, and is deprecated. Margins that do not rise with the class on unseen cases
    carry nothing: its probability is its share then.

    C, gamma: those of SVC; seed: draws the folds.
    """

    def __init__(self, C: float = 1.0, gamma: float | str = "scale", seed: int = 0) -> None:
        self.C = C
        self.gamma = gamma
        self.seed = seed

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """y: (n,) classes; groups: (n,) whose row each is, None for a patient a row."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("A margin lies between classes; y has one class only.")
        unseen = self._unseen_margins(X, codes, np.arange(len(y)) if groups is None else np.asarray(groups))
        # (k, 2) slope and intercept of the sigmoid of each class
        self.sigmoids_ = np.array([_sigmoid(unseen[:, k], codes == k) for k in range(len(self.classes_))])
        self.machine_ = self._machine().fit(X, codes)
        return self

    def _machine(self) -> Any:
        return make_pipeline(StandardScaler(), SVC(C=self.C, gamma=self.gamma))

    def _unseen_margins(self, X: Floats, codes: NDArray[np.int64], groups: NDArray[Any]) -> Floats:
        """(n, k) margins from the fold that held a case out; NaN where that knew no case of the class."""
        found = np.full((len(X), len(self.classes_)), np.nan)
        _, group = np.unique(groups, return_inverse=True)
        rng = np.random.default_rng([self.seed, 4])
        fold = allocate(group.astype(np.int64), codes.astype(np.int64), (1 / FOLDS,) * FOLDS, rng)
        for k in range(FOLDS):
            held, known = fold == k, np.unique(codes[fold != k])
            if held.any() and len(known) > 1:
                machine = self._machine().fit(X[~held], codes[~held])
                found[np.ix_(held, known)] = _margins(machine, X[held])
        return found

    def predict_proba(self, X: Any) -> Floats:
        """(n, k) in the order of `classes_`; rows sum to 1."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        slopes, intercepts = self.sigmoids_.T
        each = expit(slopes * _margins(self.machine_, X) + intercepts)
        if len(self.classes_) == 2:
            return np.column_stack([1 - each[:, 1], each[:, 1]])
        return np.asarray(each / each.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> NDArray[Any]:
        """(n,) the most probable class."""
        chosen = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[chosen])


def _margins(machine: Any, X: Floats) -> Floats:
    """(n, k) how far inside each class, those machines know; two classes mirror each other."""
    found = np.asarray(machine.decision_function(X))
    return np.column_stack([-found, found]) if found.ndim == 1 else found


def _sigmoid(margins: Floats, event: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept by maximum likelihood, with Platt's targets: one event more than seen of each kind.

    They keep the slope finite where margins separate the classes without an error.
    """
    usable = np.isfinite(margins)
    x, own = margins[usable], event[usable]
    n = np.array([(~own).sum(), own.sum()])
    high, low = (n[1] + 1) / (n[1] + 2), 1 / (n[0] + 2)
    target = np.where(own, high, low)
    share = float(np.log((event.sum() + 1) / ((~event).sum() + 1)))
    if not n.all():
        return 0.0, share
    design = np.tile(np.column_stack([np.ones(len(x)), x]), (2, 1))
    outcome, weights = np.repeat([1.0, 0.0], len(x)), np.concatenate([target, 1 - target])
    intercept, slope = logistic.fit(design, outcome, weights)
    return (float(slope), float(intercept)) if slope > 0 else (0.0, share)
