"""Several labels at once: each case has any number of them.

Reference and decision are (n, k) bool, scores (n, k). `tally` counts by label, so that sensitivity,
specificity, PPV, NPV and F1 of `classification` serve each label (..., k); its accuracy and balanced
accuracy are about classes that exclude each other, and do not. The mean over labels (`macro`) is over
those that occur in the reference: in a draw without one of them it is NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, ratio, same_shape, weighted
from isocenter.metrics import classification as c
from isocenter.metrics.ranking import Ranking, auc_of, average_precision_of

Labels = NDArray[np.bool_]


def tally(reference: Labels, decided: Labels, weights: Floats | None = None) -> c.Tally:
    """Hits, cases with the label, cases called it (..., k), of all cases (..., 1)."""
    columns, w = label_columns(reference, decided), weighted(weights, len(reference))
    return tally_of(w @ columns)


def label_columns(reference: Labels, decided: Labels) -> Floats:
    """(n, 1 + 3 k): 1, then by label hit, has it, was called it."""
    same_shape(reference, decided, 2)
    has, called = np.asarray(reference, dtype=bool), np.asarray(decided, dtype=bool)
    return np.hstack([np.ones((len(has), 1)), has & called, has, called])


def tally_of(sums: Floats) -> c.Tally:
    """From `weights @ label_columns`."""
    hits, actual, called = np.split(sums[..., 1:], 3, axis=-1)
    return c.Tally(hits, actual, called, sums[..., :1])


def macro(by_label: Floats, reference: Labels) -> Floats:
    """Mean (...) of (..., k) over the labels that occur in the reference; NaN if none does."""
    there = np.flatnonzero(np.any(reference, axis=0))
    return np.asarray(by_label[..., there].mean(axis=-1)) if there.size else np.full(by_label.shape[:-1], np.nan)


def micro_f1(t: c.Tally) -> Floats:
    """F1 (...) of all labels and cases thrown together."""
    return ratio(2 * t.hits.sum(axis=-1), (t.actual + t.called).sum(axis=-1))


def jaccard(t: c.Tally) -> Floats:
    """(..., k) hits among the cases that have the label or were called it."""
    return ratio(t.hits, t.actual + t.called - t.hits)


def case_columns(reference: Labels, decided: Labels) -> Floats:
    """(n, 3) per case: all labels right, share of labels wrong, Jaccard of its labels (1 if none either side)."""
    same_shape(reference, decided, 2)
    has, called = np.asarray(reference, dtype=bool), np.asarray(decided, dtype=bool)
    either = (has | called).sum(axis=1)
    common = np.where(either == 0, 1.0, ratio((has & called).sum(axis=1), either))
    return np.column_stack([(has == called).all(axis=1), ratio((has != called).sum(axis=1), has.shape[1]), common])


def exact_match(reference: Labels, decided: Labels, weights: Floats | None = None) -> Floats:
    """Share (...) of cases with every label right (subset accuracy)."""
    return _mean(case_columns(reference, decided)[:, 0], weights)


def hamming_loss(reference: Labels, decided: Labels, weights: Floats | None = None) -> Floats:
    """Share (...) of labels that are wrong."""
    return _mean(case_columns(reference, decided)[:, 1], weights)


def jaccard_of_cases(reference: Labels, decided: Labels, weights: Floats | None = None) -> Floats:
    """Mean (...) over cases of their labels' Jaccard index; a case with none, and none called, counts 1."""
    return _mean(case_columns(reference, decided)[:, 2], weights)


def aucs(reference: Labels, scores: Floats, weights: Floats | None = None) -> Floats:
    """(..., k) AUC of each label; NaN where all cases have it or none, or where a score is missing."""
    areas, _ = ranked(reference, scores, weights)
    return areas


def average_precisions(reference: Labels, scores: Floats, weights: Floats | None = None) -> Floats:
    """(..., k) average precision of each label; NaN as for `aucs`."""
    _, precisions = ranked(reference, scores, weights)
    return precisions


def ranked(reference: Labels, scores: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """AUC and average precision (..., k) of each label."""
    same_shape(reference, scores, 2)
    return ranked_of(rankings(reference, scores), weighted(weights, len(reference)))


def rankings(reference: Labels, scores: Floats) -> list[Ranking | None]:
    """One a label, sorted once for all draws; None where there is no case, or a score is missing."""
    same_shape(reference, scores, 2)
    has = np.asarray(reference, dtype=bool)
    usable = len(has) > 0 and ~np.isnan(scores).any(axis=0)
    columns = zip(np.asarray(scores, dtype=np.float64).T, has.T, np.broadcast_to(usable, has.shape[1:]), strict=True)
    return [Ranking.of(s, events) if fine else None for s, events, fine in columns]


def ranked_of(rankings: list[Ranking | None], weights: Floats) -> tuple[Floats, Floats]:
    """As `ranked`, from `rankings`, under weights (..., n)."""
    nothing = np.full(weights.shape[:-1], np.nan)
    tallies = [None if r is None else r.tally(weights) for r in rankings]
    found = [(nothing, nothing) if t is None else (auc_of(*t), average_precision_of(*t)) for t in tallies]
    by_metric = [np.stack(values, axis=-1) for values in zip(*found, strict=True)]
    areas, precisions = by_metric if found else (np.empty((*nothing.shape, 0)),) * 2
    return areas, precisions


def ranking_precisions(reference: Labels, scores: Floats) -> Floats:
    """(n,) of a case: for each label it has, the share of true ones among those scored as high; their mean.

    1 for a case with all labels or none: any order is right. NaN where a score is missing.
    """
    from scipy.stats import rankdata  # slow to import

    same_shape(reference, scores, 2)
    has, s = np.asarray(reference, dtype=bool), np.asarray(scores, dtype=np.float64)
    if not has.size:
        return np.ones(len(has))
    among_all = rankdata(-s, "max", axis=1)
    among_true = rankdata(np.where(has, -s, np.inf), "max", axis=1)
    n_true = has.sum(axis=1)
    mean = ratio(np.where(has, among_true / among_all, 0.0).sum(axis=1), n_true)
    plain = np.where((n_true == 0) | (n_true == has.shape[1]), 1.0, mean)
    return np.where(np.isnan(s).any(axis=1), np.nan, plain)


def ranking_average_precision(reference: Labels, scores: Floats, weights: Floats | None = None) -> Floats:
    """Label ranking average precision (...): Tsoumakas and others, Mining Multi-label Data, 2010."""
    return _mean(ranking_precisions(reference, scores), weights)


def brier(reference: Labels, proba: Floats, weights: Floats | None = None) -> Floats:
    """(..., k) mean squared error of each label's probability."""
    same_shape(reference, proba, 2)
    w = weighted(weights, len(reference))
    return ratio(w @ (np.asarray(proba) - np.asarray(reference, dtype=np.float64)) ** 2, w.sum(axis=-1)[..., None])


def _mean(values: Floats, weights: Floats | None) -> Floats:
    w = weighted(weights, len(values))
    return ratio(w @ values, w.sum(axis=-1))
