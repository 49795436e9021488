"""How well scores order cases: AUC (whole and partial) and average precision, by one sort for any number of draws."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import BadValues
from isocenter.metrics import Floats, ratio, same_shape, weighted

Rows = NDArray[np.int32]
Axis = Literal["specificity", "sensitivity"]
# Blocks of draws with more numbers than this (512 KiB: in the cache of one core) go through compiled loops.
SMALL = 1 << 16
# The false-alarm rates of "partial_auc": what screening can use, specificity 0.9 to 1.
_RATES = (0.0, 0.1)


class Walk(NamedTuple):
    """The ROC curve as numbers of events and others met on the way down the scores.

    event_rows, other_rows: (m,), (n,) rows of either kind, by falling score; pieces: (3, g) where
    the curve moves to the right, straight: events before and after, others after; steps: (2, h) events
    and others down to each score that an event has.
    """

    event_rows: Rows
    other_rows: Rows
    pieces: Rows
    steps: Rows


@dataclass(frozen=True, eq=False)
class Ranking:
    """Cases in falling order of score.

    order: (n,) rows; is_event: (n,) 0 or 1 in that order; starts: (g,) where each distinct score
    begins; group: (n,) number of its distinct score, by row; thresholds: (g,) the scores.
    """

    order: NDArray[np.intp]
    is_event: Floats
    starts: NDArray[np.intp]
    group: NDArray[np.intp]
    thresholds: Floats

    @classmethod
    def of(cls, scores: Floats, events: NDArray[np.bool_] | None = None) -> Ranking:
        """scores, events: (n,), n > 0. A score of NaN has no place: whatever is read off the ranking is NaN then."""
        order = np.argsort(-scores, kind="stable")
        falling = scores[order]
        new = np.concatenate([[True], falling[1:] != falling[:-1]])
        starts = np.flatnonzero(new)
        group = np.empty(len(scores), dtype=np.intp)
        group[order] = np.cumsum(new) - 1
        is_event = np.zeros(len(scores)) if events is None else events[order].astype(np.float64)
        if math.isnan(falling[-1]):  # NaN is sorted to the end
            is_event = np.full(len(scores), np.nan)
        return cls(order, is_event, starts, group, falling[starts])

    def tally(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weight of events and of the others (..., g) at each distinct score, falling."""
        sorted_weights = np.take(weights, self.order, axis=-1)
        events = sorted_weights * self.is_event
        others = np.subtract(sorted_weights, events, out=sorted_weights)
        return self._by_score(events), self._by_score(others)

    def _by_score(self, values: Floats) -> Floats:
        if len(self.starts) == len(self.order):  # no ties: nothing to add up
            return values
        return np.asarray(np.add.reduceat(values, self.starts, axis=-1))

    def areas(self, weights: Floats, names: Collection[str]) -> dict[str, Floats]:
        """Those of `AREAS` (...) under weights (..., n)."""
        if weights.ndim > 1 and weights.size > SMALL:
            return self._compiled_areas(weights, names)
        tally = self.tally(weights)
        return {name: AREAS[name](*tally) for name in names}

    def _compiled_areas(self, weights: Floats, names: Collection[str]) -> dict[str, Floats]:
        from isocenter.metrics.kernels import areas  # imports numba

        rows = np.ascontiguousarray(weights, dtype=np.float64).reshape(-1, weights.shape[-1])
        event_rows, other_rows, pieces, steps = self._walk
        if "average_precision" not in names:
            steps = steps[:, :0].copy()
        low, high = _RATES if "partial_auc" in names else (0.0, 0.0)
        found = np.empty((len(AREAS), len(rows)))
        areas(rows, event_rows, other_rows, pieces, steps, low, high, found)
        if "partial_auc" in names:
            found[2] = mcclish(found[2], low, high)
        return {name: area.reshape(weights.shape[:-1]) for name, area in zip(AREAS, found) if name in names}

    @cached_property
    def _walk(self) -> Walk:
        is_event, order = self.is_event > 0, self.order.astype(np.int32)
        ends = np.append(self.starts[1:], len(order)) - 1
        events, others = np.cumsum(is_event)[ends], np.cumsum(~is_event)[ends]
        before, met = np.append(0, events[:-1]), np.diff(others, prepend=0) > 0
        # Scores of others alone, one after the other, are one straight piece: the last of them stands for it.
        last = np.append((before[1:] > before[:-1]) | (events[1:] > events[:-1]), True)
        pieces = np.array([before, events, others], dtype=np.int32)[:, met & last]
        steps = np.array([events, others], dtype=np.int32)[:, events > before]
        return Walk(order[is_event], order[~is_event], np.ascontiguousarray(pieces), np.ascontiguousarray(steps))


def auc_of(events: Floats, others: Floats) -> Floats:
    """Area under the ROC curve from a ranking's tally (..., g); a tie counts half."""
    above = np.cumsum(events, axis=-1)
    n_events, n_others = above[..., -1].copy(), others.sum(axis=-1)
    above -= events / 2  # in place: blocks of draws are large
    return ratio(np.einsum("...g,...g->...", above, others), n_events * n_others)


def average_precision_of(events: Floats, others: Floats) -> Floats:
    """Sum of precision times gain of recall from a ranking's tally (..., g); steps, no interpolation."""
    hits = np.cumsum(events, axis=-1)
    called = np.cumsum(events + others, axis=-1)
    n_events, n_all = hits[..., -1].copy(), called[..., -1]
    precision = np.divide(hits, called, out=hits, where=called > 0)
    area = ratio(np.einsum("...g,...g->...", precision, events), n_events)
    return np.where(n_events < n_all, area, np.nan)  # events alone: 1 whatever the scores


def strip_of(events: Floats, others: Floats, low: float, high: float) -> Floats:
    """Area under the ROC curve between two false-alarm rates from a ranking's tally (..., g).

    Between its points the curve is straight.
    """
    n_events, n_others = (np.asarray(side.sum(axis=-1, keepdims=True)) for side in (events, others))
    right = ratio(np.cumsum(others, axis=-1), n_others)
    left = right - ratio(others, n_others)
    up = ratio(np.cumsum(events, axis=-1) - events, n_events)
    start, end = np.clip(left, low, high), np.clip(right, low, high)
    rise = ratio(ratio(events, n_events), right - left)
    height = up + np.where(end > start, rise, 0.0) * ((start + end) / 2 - left)
    return np.asarray(((end - start) * height).sum(axis=-1))


def mcclish(area: Floats, low: float, high: float) -> Floats:
    """Partial area between two false-alarm rates on a scale where chance is 0.5 and the most is 1.

    McClish, Med Decis Making 1989. Under 0.5 where the curve runs below the diagonal.
    """
    chance, most = (high**2 - low**2) / 2, high - low
    return 0.5 * (1 + ratio(area - chance, most - chance))


# What "partial_auc" can be: McClish's scale begins below 0.5, where no event ranks above the highest others.
SCREENED = (float(mcclish(np.array(0.0), *_RATES)), 1.0)


def _screening_of(events: Floats, others: Floats) -> Floats:
    return mcclish(strip_of(events, others, *_RATES), *_RATES)


# "partial_auc": specificity 0.9 to 1, on McClish's scale.
AREAS = {"auc": auc_of, "average_precision": average_precision_of, "partial_auc": _screening_of}


def check(events: NDArray[np.bool_], scores: Floats) -> None:
    """BadShape for lists of different lengths, BadValues for infinite scores; a missing one (NaN) makes a NaN."""
    same_shape(events, scores)
    if infinite := int(np.isinf(scores).sum()):
        raise BadValues(f"{infinite} of {len(scores)} scores are infinite.", "Leave these cases out, and say so.")


def auc(events: NDArray[np.bool_], scores: Floats, weights: Floats | None = None) -> Floats:
    """Chance that a case with the event scores higher than one without; NaN without both kinds. Raises as `check`."""
    check(events, scores)
    return auc_of(*Ranking.of(scores, events).tally(weighted(weights, len(scores))))


def average_precision(events: NDArray[np.bool_], scores: Floats, weights: Floats | None = None) -> Floats:
    """Area under the precision-recall steps; NaN without both kinds of cases. Raises as `check`."""
    check(events, scores)
    return average_precision_of(*Ranking.of(scores, events).tally(weighted(weights, len(scores))))


def partial_auc(
    events: NDArray[np.bool_],
    scores: Floats,
    low: float = 0.9,
    high: float = 1.0,
    *,
    of: Axis = "specificity",
    corrected: bool = False,
    weights: Floats | None = None,
) -> Floats:
    """Area under the part of the ROC curve where `of` is between low and high; NaN without both kinds.

    Along sensitivity the area is that of specificity, as in R's pROC. corrected: on McClish's
    scale, else between 0 and high - low. Raises as `check`.
    """
    check(events, scores)
    if of == "sensitivity":  # the same curve seen from its other corner
        events, scores = ~events, -scores
    tally = Ranking.of(scores, events).tally(weighted(weights, len(scores)))
    area = strip_of(*tally, 1 - high, 1 - low)
    return mcclish(area, 1 - high, 1 - low) if corrected else area


def midranks(ranking: Ranking, weights: Floats) -> Floats:
    """(..., n) rank of each row among the weighted rows, the highest score first, ties share their mean."""
    mass = np.add.reduceat(np.take(weights, ranking.order, axis=-1), ranking.starts, axis=-1)
    ranks = np.cumsum(mass, axis=-1) - (mass - 1) / 2
    lost = math.nan if math.isnan(ranking.thresholds[-1]) else 0.0
    return np.asarray(np.take(ranks, ranking.group, axis=-1) + lost)


def placements(events: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """DeLong's components: for each event the share of the others below it, and the reverse.

    (m,) and (n,), in the order of the rows; both average to the AUC. By one sort, O(N log N), as
    Sun and Xu, IEEE Signal Process Lett 2014.
    """
    ranking = Ranking.of(scores, events)
    with_event, without = ranking.tally(np.ones(len(scores)))
    m, n = with_event.sum(), without.sum()
    above, below = np.cumsum(with_event) - with_event / 2, n - np.cumsum(without) + without / 2
    return below[ranking.group[events]] / n, above[ranking.group[~events]] / m
