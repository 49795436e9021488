"""Brier's score taken apart, and the expected calibration error. Binary; events, proba: (n,).

Bins hold equally many cases each and never part equal scores. They are made from all cases; bootstrap
draws (weights (..., n)) are counted in the same bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints, ratio, weighted
from isocenter.metrics.groups import Groups
from isocenter.metrics.probabilities import checked

Events = NDArray[np.bool_]
BINS = 10


class BrierParts(NamedTuple):
    """brier = reliability - resolution + uncertainty + within, exactly; each (...).

    reliability: squared distance of a bin's mean score from its share of events (0 is best);
    resolution: how far the shares of events lie apart (more is better); uncertainty: prevalence
    times its complement, what the prevalence alone would score; within: variance of the scores
    inside bins less twice their covariance with the events, 0 where a bin is one score.
    """

    brier: Floats
    reliability: Floats
    resolution: Floats
    uncertainty: Floats
    within: Floats


@dataclass(frozen=True, eq=False)
class Binned:
    """Cases in bins of their score: what all draws share. columns: event, score, its square, score of events (n,)."""

    groups: Groups
    columns: tuple[Floats, ...]

    @classmethod
    def of(cls, events: Events, proba: Floats, bins: int = BINS) -> Binned:
        """BadValues for scores that are no probabilities."""
        p, y = checked(proba), np.asarray(events, dtype=np.float64)
        return cls(Groups.of(equal_mass_bins(p, bins), bins), (y, p, p * p, p * y))

    def brier_parts(self, weights: Floats) -> BrierParts:
        """See `brier_parts`."""
        cases, events, scores, squares, of_events = self.groups.sums(weights, *self.columns)
        total = cases.sum(axis=-1)
        prevalence = ratio(events.sum(axis=-1), total)
        share, mean = _per(events, cases), _per(scores, cases)
        reliability = ratio((cases * (mean - share) ** 2).sum(axis=-1), total)
        resolution = ratio((cases * (share - prevalence[..., None]) ** 2).sum(axis=-1), total)
        uncertainty = np.asarray(prevalence * (1 - prevalence))
        spread, together = (squares - scores * mean).sum(axis=-1), (of_events - scores * share).sum(axis=-1)
        within = ratio(spread - 2 * together, total)
        whole = np.asarray(reliability - resolution + uncertainty + within)
        return BrierParts(whole, reliability, resolution, uncertainty, within)

    def calibration_error(self, weights: Floats) -> Floats:
        """See `calibration_error`."""
        cases, events, scores = self.groups.sums(weights, *self.columns[:2])
        return ratio(np.abs(scores - events).sum(axis=-1), cases.sum(axis=-1))


def brier_parts(events: Events, proba: Floats, weights: Floats | None = None, bins: int = BINS) -> BrierParts:
    """Murphy's parts of the Brier score (J Appl Meteorol 1973), over `bins` bins.

    With at most `bins` distinct scores each is a bin of its own, and Murphy's identity holds as he
    wrote it; else `within` are the two terms that bins leave (Stephenson, Weather Forecast 2008).
    Reliability and resolution are both too large in small samples. NaN without any weight.
    """
    return Binned.of(events, proba, bins).brier_parts(weighted(weights, len(events)))


def scaled_brier(events: Events, proba: Floats, weights: Floats | None = None) -> Floats:
    """1 - Brier / that of the prevalence (...): the index of prediction accuracy (Kattan and Gerds 2018).

    1 is perfect, 0 no better than telling everybody the prevalence, negative worse. NaN with one class.
    """
    w = weighted(weights, len(events))
    total = w.sum(axis=-1)
    prevalence, loss = ratio(w @ events, total), ratio(w @ (checked(proba) - events) ** 2, total)
    return 1 - ratio(loss, prevalence * (1 - prevalence))


def calibration_error(events: Events, proba: Floats, weights: Floats | None = None, bins: int = BINS) -> Floats:
    """ECE (...): mean distance of a bin's score from its share of events (Naeini, AAAI 2015).

    Secondary, never the headline: it depends on the number of bins, and is far above 0 for a
    perfect model in a small sample (uniform scores, n = 200, 15 bins: 0.087 on average, and 0.086
    with bins of equal width).
    """
    return Binned.of(events, proba, bins).calibration_error(weighted(weights, len(events)))


def equal_mass_bins(proba: Floats, bins: int = BINS) -> Ints:
    """(n,) number of each score's bin: about n / bins cases each, equal scores together.

    With at most `bins` distinct scores each has a bin of its own.
    """
    distinct, codes = np.unique(proba, return_inverse=True)
    if len(distinct) <= bins:
        return np.asarray(codes, dtype=np.int64)
    counts = np.bincount(codes)
    middle = np.cumsum(counts) - counts / 2
    _, bin_of = np.unique((middle * bins / len(proba)).astype(np.int64), return_inverse=True)
    return np.asarray(bin_of[codes], dtype=np.int64)


def _per(sums: Floats, cases: Floats) -> Floats:
    """Mean of each bin; 0 where a draw left it empty, for it then weighs nothing."""
    return np.divide(sums, cases, out=np.zeros(sums.shape), where=cases > 0)
