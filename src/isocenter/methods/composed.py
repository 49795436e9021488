"""Grades and labels from any classifier of two classes: `Ordinal` and `OneVsRest`.

Both are ordinary scikit-learn estimators that hold one fitted copy of `estimator` a question. `methods.build`
puts them around a method, so that a method itself only knows classes and measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

Floats = NDArray[np.float64]


class _Composed(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Several questions with two answers each, all asked of the same rows."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def _ask(self, X: Any, questions: Sequence[NDArray[np.bool_]], groups: Any) -> list[Any]:
        """A fitted estimator for each question (n,); where all answers agree, one that always says so."""
        kinds = [DummyClassifier(strategy="prior") if q.all() or not q.any() else self.estimator for q in questions]
        return [learn(clone(kind), X, q.astype(np.int64), groups) for kind, q in zip(kinds, questions, strict=True)]

    def _yes(self, X: Any) -> Floats:
        """(n, questions) probability of a yes."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=None, ensure_all_finite=False)
        return np.column_stack([_yes(one, X) for one in self.estimators_])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.estimator.__sklearn_tags__().input_tags.allow_nan
        return tags


def learn(estimator: Any, X: Any, y: Any, groups: Any) -> Any:
    """Fit; an estimator that makes folds of its own is told whose rows they are."""
    if groups is not None and has_fit_parameter(estimator, "groups"):
        return estimator.fit(X, y, groups=groups)
    return estimator.fit(X, y)


def _yes(estimator: Any, X: Any) -> Floats:
    column = np.flatnonzero(estimator.classes_ == 1)
    return estimator.predict_proba(X)[:, column[0]] if column.size else np.zeros(len(X))


class Ordinal(_Composed):
    """Classes in order, by the questions "above the first?", "above the second?"... (Frank and Hall, ECML 2001).

    estimator: a classifier with `predict_proba`. The probability of a grade is the difference of two
    answers. Answers are learned apart and may contradict each other (surer of "above the second" than of
    "above the first"): they are put in falling order first, which never takes them further from the truth
    (rearrangement: Chernozhukov, Fernandez-Val and Galichon, Biometrika 2009), so none is below 0.

    >>> from sklearn.linear_model import LogisticRegression
    >>> grades = Ordinal(LogisticRegression()).fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 1, 2])
    >>> grades.predict([[-9.0], [9.0]])
    array([0, 2])
    """

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """y: (n,) classes, their sorted order being that of the grades; groups: (n,) whose row each is."""
        X, y = validate_data(self, X, y, dtype=None, ensure_all_finite=False)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("Grades need more than 1 class; y has one class only.")
        self.estimators_ = self._ask(X, [codes > grade for grade in range(len(self.classes_) - 1)], groups)
        return self

    def predict_proba(self, X: Any) -> Floats:
        """(n, k) in the order of `classes_`; rows sum to 1."""
        above = -np.sort(-self._yes(X), axis=1)
        ends = np.ones((len(above), 1))
        return np.asarray(-np.diff(np.hstack([ends, above, 0 * ends]), axis=1))

    def predict(self, X: Any) -> NDArray[Any]:
        """(n,) the most probable grade."""
        chosen = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[chosen])


class OneVsRest(_Composed):
    """Any number of labels a case, each learned by itself (binary relevance: Tsoumakas and Katakis 2007).

    estimator: a classifier with `predict_proba`. A label that all training cases have, or none, keeps that
    as its probability.

    >>> from sklearn.linear_model import LogisticRegression
    >>> labels = OneVsRest(LogisticRegression()).fit([[0.0], [1.0], [2.0]], [[0, 0], [0, 1], [0, 1]])
    >>> labels.predict([[9.0]])
    array([[0, 1]])
    """

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """y: (n, k) of 0 and 1, a column a label; groups: (n,) whose row each is."""
        X, y = validate_data(self, X, y, dtype=None, ensure_all_finite=False, multi_output=True)
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("multilabel-indicator", "binary") or np.ndim(y) != 2:
            raise ValueError(
                f"Only binary classification is supported, of a table of 0 and 1. The type of the target is {kind}."
            )
        self.classes_ = np.arange(y.shape[1])
        self.estimators_ = self._ask(X, [np.asarray(column == 1) for column in np.transpose(y)], groups)
        return self

    def predict_proba(self, X: Any) -> Floats:
        """(n, k) of each label by itself; rows need not sum to 1."""
        return self._yes(X)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """(n, k) 1 where a label's probability is one half or more."""
        return (self._yes(X) >= 0.5).astype(np.int64)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output, tags.target_tags.single_output = True, False
        tags.classifier_tags.multi_class, tags.classifier_tags.multi_label = False, True
        return tags
