"""Operating points as plain arrays: ROC and precision-recall, thinned without a visible change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats
from isocenter.metrics.ranking import Ranking


class Curve(NamedTuple):
    """x, y, threshold: (p,); a case is called at scores >= threshold, which is +inf where none is."""

    x: Floats
    y: Floats
    threshold: Floats


def roc_curve(events: NDArray[np.bool_], scores: Floats, most: int = 500) -> Curve:
    """False alarms (x: 1 - specificity) and hits (y: sensitivity) from (0, 0) to (1, 1).

    Empty without both kinds of cases.
    """
    hits, false_alarms, thresholds = _cumulated(events, scores)
    if not thresholds.size:
        return Curve(hits, hits, thresholds)
    x, y, t = (np.concatenate([[first], c]) for first, c in ((0, false_alarms), (0, hits), (np.inf, thresholds)))
    # Points inside a straight run say nothing more; what is left keeps the exact area.
    right, up = np.diff(x), np.diff(y)
    corner = np.concatenate([[True], right[:-1] * up[1:] != up[:-1] * right[1:], [True]])
    return _thinned(Curve(x[corner] / x[-1], y[corner] / y[-1], t[corner]), most)


def pr_curve(events: NDArray[np.bool_], scores: Floats, most: int = 500) -> Curve:
    """Recall (x) and precision (y) from recall 0 to recall 1; empty without both kinds of cases.

    At recall 0, where nothing is called, precision is not defined: the first point repeats that
    of the highest score. Steps under the unthinned curve add up to the average precision.
    """
    hits, false_alarms, thresholds = _cumulated(events, scores)
    if not thresholds.size:
        return Curve(hits, hits, thresholds)
    last = int(np.searchsorted(hits, hits[-1])) + 1  # beyond full recall precision only falls
    precision = hits / (hits + false_alarms)
    x = np.concatenate([[0.0], hits[:last] / hits[-1]])
    y = np.concatenate([precision[:1], precision[:last]])
    return _thinned(Curve(x, y, np.concatenate([[np.inf], thresholds[:last]])), most)


def _cumulated(events: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Events and others called at each distinct score, falling."""
    if events.all() or not events.any() or np.isnan(scores).any():
        return (np.empty(0),) * 3
    ranking = Ranking.of(scores, events)
    with_event, without = ranking.tally(np.ones(len(scores)))
    return np.cumsum(with_event), np.cumsum(without), ranking.thresholds


def _thinned(curve: Curve, most: int) -> Curve:
    """At most `most` points, both ends kept: half at even steps along x, half along the curve.

    Along the curve alone, the saw teeth where precision starts would use the points up.
    """
    if len(curve.x) <= most:
        return curve
    length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(curve.x)) + np.abs(np.diff(curve.y)))])
    steps = [np.searchsorted(way, np.linspace(0, way[-1], most // 2)) for way in (curve.x, length)]
    kept = np.unique(np.concatenate([[0], *steps, [len(curve.x) - 1]]))[-most:]
    return Curve(curve.x[kept], curve.y[kept], curve.threshold[kept])
