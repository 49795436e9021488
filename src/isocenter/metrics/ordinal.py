"""Grades in order: how far decisions are off, how well scores order cases, how sharp probabilities are.

Grades are codes 0..k-1 in their order. The c-index is the ORC of Van Calster and others (Biom J 2012):
the mean AUC over the pairs of grades, which no frequent grade can dominate; 0.5 is chance, as with
two classes. Weighted kappa of the decided with the true grade is `agreement.cohen_kappa`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import BadShape
from isocenter.metrics import Floats, Ints, ratio, same_shape, weighted
from isocenter.metrics.ranking import Ranking, auc, auc_of

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class GradedRanking:
    """Scores ranked once within each pair of grades that occur, for any number of draws.

    rows, rankings: one a pair (low grade, high grade); the higher grade is the event. whole: all
    cases. onehot: (n, g) which grade.
    """

    pairs: tuple[tuple[int, int], ...]
    rows: tuple[NDArray[np.intp], ...]
    rankings: tuple[Ranking, ...]
    whole: Ranking
    onehot: Floats

    @classmethod
    def of(cls, reference: Ints, scores: Floats) -> GradedRanking:
        """reference: (n,) codes; scores: (n,), larger for higher grades, n > 0."""
        grades = np.unique(reference)
        pairs = tuple(combinations(range(len(grades)), 2))
        rows = tuple(np.flatnonzero((reference == grades[a]) | (reference == grades[b])) for a, b in pairs)
        rankings = tuple(
            Ranking.of(scores[r], reference[r] == grades[b]) for r, (_, b) in zip(rows, pairs, strict=True)
        )
        onehot = (np.asarray(reference)[:, None] == grades).astype(np.float64)
        return cls(pairs, rows, rankings, Ranking.of(scores), onehot)

    def areas(self, weights: Floats) -> Floats:
        """(..., pairs) AUC of each pair of grades."""
        found = [
            auc_of(*ranking.tally(np.take(weights, rows, axis=-1)))
            for rows, ranking in zip(self.rows, self.rankings, strict=True)
        ]
        return np.stack(found, axis=-1) if found else np.full((*weights.shape[:-1], 0), np.nan)

    def orc(self, weights: Floats) -> Floats:
        """(...) mean of the areas; NaN in a draw without one of the grades, and with but one grade."""
        areas = self.areas(weights)
        return np.asarray(areas.mean(axis=-1)) if self.pairs else np.full(weights.shape[:-1], np.nan)

    def kendall(self, weights: Floats) -> Floats:
        """(...) tau-b: pairs of cases in the right order less those in the wrong, ties taken off (Kendall 1945)."""
        counts, areas = weights @ self.onehot, np.nan_to_num(self.areas(weights), nan=0.5)
        low, high = (counts[..., [pair[side] for pair in self.pairs]] for side in (0, 1))
        surplus = (low * high * (2 * areas - 1)).sum(axis=-1)
        _, ties = self.whole.tally(weights)
        every = weights.sum(axis=-1) ** 2
        untied = [every - (mass**2).sum(axis=-1) for mass in (counts, ties)]
        return ratio(2 * surplus, np.sqrt(np.maximum(untied[0], 0.0) * np.maximum(untied[1], 0.0)))


def orc(reference: Ints, scores: Floats, weights: Floats | None = None) -> Floats:
    """Ordinal c-index: the mean, over pairs of grades, of the chance that the higher grade scores higher."""
    w, ranking = _ranked(reference, scores, weights)
    return np.full(w.shape[:-1], np.nan) if ranking is None else ranking.orc(w)


def kendall_tau(reference: Ints, scores: Floats, weights: Floats | None = None) -> Floats:
    """Kendall's tau-b of the true grade and the scores (or decided grades); Spearman's is in `regression`."""
    w, ranking = _ranked(reference, scores, weights)
    return np.full(w.shape[:-1], np.nan) if ranking is None else ranking.kendall(w)


def grade_error(reference: Ints, decided: Ints, weights: Floats | None = None) -> Floats:
    """Mean absolute error (...) in grades."""
    same_shape(reference, decided)
    w = weighted(weights, len(reference))
    return ratio(w @ np.abs(np.subtract(decided, reference)), w.sum(axis=-1))


def expected_grade(proba: Floats) -> Floats:
    """(n,) mean grade under the probabilities (n, k): the score of `orc`."""
    return np.asarray(_square(proba) @ np.arange(proba.shape[1]))


def median_grade(proba: Floats) -> Ints:
    """(n,) lowest grade at which the summed probability reaches one half; -1 for a row with a NaN.

    It makes the expected distance in grades least, as the most probable class does of errors.
    """
    summed = np.cumsum(_square(proba), axis=1)
    reached = np.argmax(summed >= summed[:, -1:] * (0.5 - _ROUNDING), axis=1)
    return np.where(np.isnan(summed[:, -1]), -1, reached).astype(np.int64)


def at_least(proba: Floats) -> Floats:
    """(n, k - 1) probability of grade 1 or more, 2 or more, ... k - 1."""
    return np.asarray(np.cumsum(_square(proba)[:, ::-1], axis=1)[:, -2::-1])


def cumulative_aucs(reference: Ints, proba: Floats, weights: Floats | None = None) -> Floats:
    """(..., k - 1) AUC of "grade 1 or more", "2 or more", ... by its probability; NaN where all are, or none."""
    _rows(reference, proba)
    found = [_auc(reference > k, scores, weights) for k, scores in enumerate(at_least(proba).T)]
    shape = weighted(weights, len(reference)).shape[:-1]
    return np.stack(found, axis=-1) if found else np.empty((*shape, 0))


def rps_losses(reference: Ints, proba: Floats) -> Floats:
    """(n,) squared error of the summed probabilities, mean over the k - 1 steps: 0..1; two classes: Brier's."""
    _rows(reference, proba)
    steps = at_least(proba) - (np.asarray(reference)[:, None] > np.arange(proba.shape[1] - 1))
    return ratio((steps**2).sum(axis=1), proba.shape[1] - 1)


def rps(reference: Ints, proba: Floats, weights: Floats | None = None) -> Floats:
    """Ranked probability score (...): Epstein, J Appl Meteorol 1969; Murphy 1971. A near miss costs less."""
    w = weighted(weights, len(reference))
    return ratio(w @ rps_losses(reference, proba), w.sum(axis=-1))


def _ranked(reference: Ints, scores: Floats, weights: Floats | None) -> tuple[Floats, GradedRanking | None]:
    """None without cases, or where a score is missing."""
    same_shape(reference, scores)
    w = weighted(weights, len(reference))
    usable = len(reference) > 0 and not np.isnan(scores).any()
    return w, GradedRanking.of(reference, scores) if usable else None


def _auc(events: NDArray[np.bool_], scores: Floats, weights: Floats | None) -> Floats:
    if not len(scores) or np.isnan(scores).any():
        return np.full(weighted(weights, len(scores)).shape[:-1], np.nan)
    return auc(events, scores, weights)


def _square(proba: Floats) -> Floats:
    if np.ndim(proba) != 2 or not np.shape(proba)[1]:
        raise BadShape(f"Probabilities of shape {np.shape(proba)}.", "Give one row a case and one column a grade.")
    return np.asarray(proba, dtype=np.float64)


def _rows(reference: Ints, proba: Floats) -> None:
    if np.shape(reference) != (len(_square(proba)),):
        raise BadShape(f"{np.size(reference)} grades for probabilities of shape {np.shape(proba)}.", "Give one a row.")
