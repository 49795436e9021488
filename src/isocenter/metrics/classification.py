"""Decisions and probabilities against the reference: what a confusion matrix says, and Brier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isocenter.metrics import Floats, Ints, ratio, weighted


def confusion_matrix(reference: Ints, decided: Ints, n_classes: int) -> Ints:
    """(k, k) counts: rows the true class, columns the decided one. Codes (n,) are 0..k-1."""
    cells = np.bincount(reference * n_classes + decided, minlength=n_classes**2)
    return np.asarray(cells.reshape(n_classes, n_classes), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Tally:
    """Per class, over the last axis: hits, cases of the class (actual), cases called it (called).

    hits, actual, called: (..., k); total: (..., 1). All that accuracy, sensitivity and their
    kin need of a confusion matrix, at 3 k numbers a draw instead of k squared.
    """

    hits: Floats
    actual: Floats
    called: Floats
    total: Floats

    def of(self, classes: Ints) -> Tally:
        """Some of the classes, out of the same cases."""
        return Tally(self.hits[..., classes], self.actual[..., classes], self.called[..., classes], self.total)


def indicators(reference: Ints, decided: Ints, n_classes: int) -> Floats:
    """(n, 3 k): hit, is of the class, was called the class: `weights @ indicators` are tallies."""
    classes = np.arange(n_classes)
    actual, called = reference[:, None] == classes, decided[:, None] == classes
    return np.hstack([actual & called, actual, called]).astype(np.float64)


def tally(reference: Ints, decided: Ints, n_classes: int, weights: Floats | None = None) -> Tally:
    """Weighted counts of each class from codes (n,): `reference` true, `decided` called; weights (..., n)."""
    return tally_of(weighted(weights, len(reference)) @ indicators(reference, decided, n_classes))


def tally_of(sums: Floats) -> Tally:
    """From summed indicators (..., 3 k)."""
    hits, actual, called = np.split(sums, 3, axis=-1)
    return Tally(hits, actual, called, actual.sum(axis=-1, keepdims=True))


def accuracy(t: Tally) -> Floats:
    """Share of right decisions (...)."""
    return ratio(t.hits.sum(axis=-1), t.total[..., 0])


def sensitivity(t: Tally) -> Floats:
    """(..., k) of the cases of a class, the share called it (recall)."""
    return ratio(t.hits, t.actual)


def specificity(t: Tally) -> Floats:
    """(..., k) of the other cases, the share not called it."""
    return ratio(t.total - t.actual - t.called + t.hits, t.total - t.actual)


def ppv(t: Tally) -> Floats:
    """(..., k) positive predictive value (precision): of the cases called it, the share that are."""
    return ratio(t.hits, t.called)


def npv(t: Tally) -> Floats:
    """(..., k) negative predictive value: of the cases not called it, the share that are not."""
    return ratio(t.total - t.actual - t.called + t.hits, t.total - t.called)


def f1(t: Tally) -> Floats:
    """(..., k) harmonic mean of PPV and sensitivity; 0 if no hit, NaN if neither there nor called."""
    return ratio(2 * t.hits, t.actual + t.called)


def balanced_accuracy(t: Tally) -> Floats:
    """(...) mean of the classes' sensitivities; NaN where a class is absent or there is but one."""
    if t.hits.shape[-1] < 2:
        return np.full(t.hits.shape[:-1], np.nan)
    return np.asarray(sensitivity(t).mean(axis=-1))


def brier_losses(reference: Ints, proba: Floats, positive: int | None = None) -> Floats:
    """(n,) squared error of the probabilities (n, k).

    With `positive` (two classes) of that class alone, 0..1; else summed over the classes, as
    Brier (1950) wrote it, 0..2: for two classes twice as much.
    """
    truth = reference[:, None] == np.arange(proba.shape[1])
    squares = (proba - truth) ** 2
    return np.asarray(squares.sum(axis=1) if positive is None else squares[:, positive])


def brier(reference: Ints, proba: Floats, positive: int | None = None, weights: Floats | None = None) -> Floats:
    """Mean of `brier_losses` (...)."""
    w = weighted(weights, len(reference))
    return ratio(w @ brier_losses(reference, proba, positive), w.sum(axis=-1))
