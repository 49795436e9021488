"""Permutation importance (Breiman 2001; Fisher, Rudin, Dominici 2019) on held-out folds.

A feature's importance is what the score loses when its values are shuffled among the held-out
cases. The work, not the clock, is limited: the same data give the same numbers on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Predict = Callable[[Any, Floats], Floats]
Score = Callable[[Floats, NDArray[Any]], float]
# Values pushed through one tree (or one coefficient): about two seconds of a 100-tree forest.
WORK = 4_000_000
MOST_FEATURES = 60
NUMBERS_A_TREE = 40  # of support vectors, which take as long as one tree (measured)


@dataclass(frozen=True)
class HeldOut:
    """A model of one inner fold and what it has not seen: table (n, p), reference (n,), names of its columns.

    A level of a covariate that no case of the fold's training rows has is no column there; names
    None: the columns of the whole.
    """

    estimator: Any
    table: Floats
    reference: NDArray[Any]
    names: tuple[str, ...] | None = None

    def places(self, names: Sequence[str]) -> NDArray[np.intp]:
        """(p,) where each of these names is a column here, -1 where it is none."""
        if self.names is None:
            return np.arange(len(names))
        own = {name: place for place, name in enumerate(self.names)}
        return np.array([own.get(name, -1) for name in names], dtype=np.intp)


def permutation_importance(
    folds: Sequence[HeldOut],
    names: Sequence[str],
    predict: Predict,
    score: Score,
    *,
    seed: int = 0,
    work: int = WORK,
) -> list[dict[str, Any]]:
    """[{"feature", "mean", "sd"}...], the most important first; at most MOST_FEATURES of them.

    predict(estimator, table) gives one row of output a case, score(output, reference) a number,
    larger is better; mean and sd are over the folds. Where there are more features than
    MOST_FEATURES, those with the largest weights in the models (impurity decrease, absolute
    coefficients; correlation with the reference where a model has no weights) are shuffled.
    """
    columns = _candidates(folds, names)
    rng = np.random.default_rng([seed, 2])
    per_row = max(1, len(columns)) * len(folds) * _size(folds[0].estimator)
    rows = max(30, work // per_row)
    drops = np.array([_drops(fold, fold.places(names)[columns], predict, score, rows, rng) for fold in folds])
    with np.errstate(invalid="ignore"):
        known = np.isfinite(drops)
        n = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, drops, 0.0).sum(axis=0) / n
        sd = np.sqrt(np.where(known, (drops - mean) ** 2, 0.0).sum(axis=0) / n)
    order = np.argsort(-np.nan_to_num(mean, nan=-np.inf), kind="stable")
    return [{"feature": names[columns[i]], "mean": float(mean[i]), "sd": float(sd[i])} for i in order]


def _size(estimator: Any) -> int:
    """Work a row, in trees: of a forest, of boosting, and what takes as long."""
    if hasattr(estimator, "steps"):
        return max(_size(step) for _, step in estimator.steps)
    if hasattr(estimator, "estimators_"):
        return sum(map(_size, estimator.estimators_)) or 1
    for name in ("machine_", "regressor_"):
        if hasattr(estimator, name):
            return _size(getattr(estimator, name))
    if hasattr(estimator, "support_vectors_"):
        return 1 + int(estimator.support_vectors_.size) // NUMBERS_A_TREE
    return (
        int(estimator.n_iter_ * estimator.n_trees_per_iteration_) if hasattr(estimator, "n_trees_per_iteration_") else 1
    )


def _candidates(folds: Sequence[HeldOut], names: Sequence[str]) -> NDArray[np.intp]:
    if len(names) <= MOST_FEATURES:
        return np.arange(len(names))
    each = []
    for fold in folds:
        own, places = _weights(fold.estimator, fold), fold.places(names)
        each.append(np.where(places >= 0, own[places], 0.0))
    weights = np.mean(each, axis=0)
    return np.sort(np.argsort(-weights, kind="stable")[:MOST_FEATURES])


def _weights(estimator: Any, fold: HeldOut) -> Floats:
    """(p,) what the estimator itself weighs, or else how each feature goes with the reference."""
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    if hasattr(last, "feature_importances_"):
        return np.asarray(last.feature_importances_, dtype=np.float64)
    if hasattr(last, "coef_"):
        return np.asarray(np.abs(np.atleast_2d(last.coef_)).mean(axis=0), dtype=np.float64)
    if hasattr(last, "estimators_"):  # of grades and labels
        return np.asarray(np.mean([_weights(one, fold) for one in last.estimators_], axis=0), dtype=np.float64)
    return _association(fold.table, fold.reference)


def _association(table: Floats, reference: NDArray[Any]) -> Floats:
    """(p,) largest absolute correlation of each column with the reference: with any class, or label, of it."""
    answers = reference[:, None].astype(np.float64) if reference.ndim == 1 else reference.astype(np.float64)
    if reference.ndim == 1 and reference.dtype.kind == "i":
        answers = (reference[:, None] == np.unique(reference)).astype(np.float64)
    x, y = (values - values.mean(axis=0) for values in (table, answers))
    spread = np.sqrt(np.outer((x**2).sum(axis=0), (y**2).sum(axis=0)))
    found = np.divide(np.abs(x.T @ y), spread, out=np.zeros_like(spread), where=spread > 0)
    return np.asarray(found.max(axis=1))


def _drops(fold: HeldOut, columns: NDArray[np.intp], predict: Predict, score: Score, rows: int, rng: Any) -> Floats:
    """The loss of score for each column, NaN for one that is not here; shuffled copies are stacked and predicted
    together."""
    here = columns >= 0
    if not here.all():
        found = np.full(len(columns), np.nan)
        found[here] = _drops(fold, columns[here], predict, score, rows, rng)
        return found
    chosen = np.sort(rng.permutation(len(fold.table))[:rows])
    table, reference = fold.table[chosen], fold.reference[chosen]
    base = score(predict(fold.estimator, table), reference)
    scores: list[float] = []
    at_once = max(1, 6_000_000 // table.size)
    for start in range(0, len(columns), at_once):
        some = columns[start : start + at_once]
        copies = np.repeat(table[None], len(some), axis=0)
        for copy, column in zip(copies, some, strict=True):
            copy[:, column] = rng.permutation(copy[:, column])
        output = predict(fold.estimator, copies.reshape(-1, table.shape[1]))
        scores += [score(part, reference) for part in np.split(output, len(some))]
    return base - np.array(scores)
