"""How well scores order cases: AUC and average precision, by one sort for any number of draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, ratio, weighted


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
        """scores, events: (n,), n > 0."""
        order = np.argsort(-scores, kind="stable")
        falling = scores[order]
        new = np.concatenate([[True], falling[1:] != falling[:-1]])
        starts = np.flatnonzero(new)
        group = np.empty(len(scores), dtype=np.intp)
        group[order] = np.cumsum(new) - 1
        is_event = np.zeros(len(scores)) if events is None else events[order].astype(np.float64)
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


def auc(events: NDArray[np.bool_], scores: Floats, weights: Floats | None = None) -> Floats:
    """Chance that a case with the event scores higher than one without; NaN without both kinds."""
    return auc_of(*Ranking.of(scores, events).tally(weighted(weights, len(scores))))


def average_precision(events: NDArray[np.bool_], scores: Floats, weights: Floats | None = None) -> Floats:
    """Area under the precision-recall steps; NaN without both kinds of cases."""
    return average_precision_of(*Ranking.of(scores, events).tally(weighted(weights, len(scores))))


def midranks(ranking: Ranking, weights: Floats) -> Floats:
    """(..., n) rank of each row among the weighted rows, the highest score first, ties share their mean."""
    mass = np.add.reduceat(np.take(weights, ranking.order, axis=-1), ranking.starts, axis=-1)
    ranks = np.cumsum(mass, axis=-1) - (mass - 1) / 2
    return np.asarray(np.take(ranks, ranking.group, axis=-1))


def placements(events: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """DeLong's components: for each event the share of the others below it, and the reverse.

    (m,) and (n,), in the order of the rows; both average to the AUC. By midranks, O(N log N):
    Sun and Xu, IEEE Signal Process Lett 2014.
    """
    m, n = int(events.sum()), int((~events).sum())

    def rising(values: Floats) -> Floats:
        return midranks(Ranking.of(-values), np.ones(len(values)))

    together, among_events, among_others = rising(scores), rising(scores[events]), rising(scores[~events])
    return (together[events] - among_events) / n, 1.0 - (together[~events] - among_others) / m
