"""The calibration curve: observed risk as a smooth function of predicted risk, and how far it is off.

Logistic regression on a restricted cubic spline of logit(p) (Harrell, Regression Modeling Strategies;
Austin and Steyerberg, Stat Med 2014), fitted without penalty, so that the curve of a perfect model is the
diagonal and not one shrunk towards it. Its distances from the diagonal, |curve(p) - p| over the cases,
are summed up as ICI (mean), E50 (median) and E90 (Austin and Steyerberg, Stat Med 2019). They cannot be
negative, so even a perfect model has some: compare models tested on equally many cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints, logistic, ratio, weighted
from isocenter.metrics.intervals import z_of
from isocenter.metrics.probabilities import checked, edge_of, expit, logit

Events = NDArray[np.bool_]
# Where the knots lie among the cases, by their number (Harrell).
_KNOTS = {
    5: (0.05, 0.275, 0.5, 0.725, 0.95),
    4: (0.05, 0.35, 0.65, 0.95),
    3: (0.1, 0.5, 0.9),
}
# Cases of the rarer class that so many knots ask for; about 20 for each coefficient.
_WANTED = {5: 100, 4: 60}
MOST_POINTS = 100


class CalibrationCurve(NamedTuple):
    """predicted, observed, low, high: (g,) at most 100 points from the lowest to the highest score.

    knots: of the spline; 2 is a straight line on the logit scale, 1 a constant, 0 no curve.
    """

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    knots: int


class Distances(NamedTuple):
    """|curve(p) - p| over the cases: mean, median, 90th percentile; each (...)."""

    ici: Floats
    e50: Floats
    e90: Floats


@dataclass(frozen=True)
class Spline:
    """Columns of a restricted cubic spline: straight beyond the outer knots (on the logit scale).

    knots: 3 to 5 positions; none: a straight line; `constant`: not even that.
    """

    knots: tuple[float, ...] = ()
    constant: bool = False

    @property
    def size(self) -> int:
        """3 to 5 knots, 2 for a straight line, 1 for a constant."""
        return 1 if self.constant else max(len(self.knots), 2)

    def columns(self, x: Floats) -> Floats:
        """(n, size) from logits (n,); the first is 1."""
        ones = np.ones((len(x), 1))
        if self.constant:
            return ones
        if not self.knots:
            return np.column_stack([ones, x])
        *inner, before, last = self.knots
        width = (last - self.knots[0]) ** 2

        def cube(knot: float) -> Floats:
            return np.asarray(np.maximum(x - knot, 0) ** 3)

        bends = [
            cube(k) - cube(before) * (last - k) / (last - before) + cube(last) * (before - k) / (last - before)
            for k in inner
        ]
        return np.column_stack([ones, x, *(bend / width for bend in bends)])


def calibration_curve(
    events: Events, proba: Floats, patients: Ints | None = None, *, knots: int | None = None, points: int = MOST_POINTS
) -> CalibrationCurve:
    """The curve with its pointwise 95 % band; events, proba: (n,).

    knots: 3 to 5; None: by the number of cases of the rarer class. Fewer where the scores have too
    few distinct values, or where a bend would separate the classes. The band is Wald's on the logit
    scale, from the cluster-robust covariance where patients (n,), codes, repeat. No curve without
    both classes, or where the scores separate them. BadValues for scores that are no probabilities.
    """
    values = checked(proba)
    edge = edge_of(values)
    x = logit(values, edge)
    spline, found = _fitted(events, x, knots)
    if spline is None:
        return CalibrationCurve(*(np.empty(0),) * 4, knots=0)
    own = patients if logistic.repeated(patients, len(x)) else None
    spread = logistic.covariance(spline.columns(x), events, found, patients=own)
    grid = np.linspace(values.min(), values.max(), 1 if spline.constant else points)
    columns = spline.columns(logit(grid, edge))
    centre, reach = columns @ found, z_of() if own is None else logistic.t_of(len(np.unique(own)) - 1)
    half = reach * np.sqrt(np.einsum("gi,ij,gj->g", columns, spread, columns))
    return CalibrationCurve(grid, expit(centre), expit(centre - half), expit(centre + half), spline.size)


def distances(events: Events, proba: Floats, weights: Floats | None = None, *, knots: int | None = None) -> Distances:
    """ICI, E50 and E90 of the curve, for weights (..., n).

    The knots are those of all cases, whatever the weights. NaN where no curve can be fitted.
    """
    values, w = checked(proba), weighted(weights, len(events))
    x = logit(values)
    spline, found = _fitted(events, x, knots)
    if spline is None:
        return Distances(*(np.full(w.shape[:-1], np.nan),) * 3)
    columns = spline.columns(x)
    if weights is not None:
        found = logistic.fit(columns, events, w, start=found)
    off = np.abs(expit(found @ columns.T) - values)
    total = w.sum(axis=-1)
    return Distances(ratio((w * off).sum(axis=-1), total), *_quantiles(off, w, (0.5, 0.9)))


def _fitted(events: Events, x: Floats, knots: int | None) -> tuple[Spline | None, Floats]:
    """The richest spline that these cases carry, and its coefficients; None without both classes."""
    for spline in _splines(x, _affordable(events) if knots is None else knots):
        found = logistic.fit(spline.columns(x), events)
        if np.isfinite(found).all():
            return spline, found
    return None, np.empty(0)


def _affordable(events: Events) -> int:
    rarer = min(int(events.sum()), int((~events).sum()))
    return next((size for size, wanted in _WANTED.items() if rarer >= wanted), 3)


def _splines(x: Floats, most: int) -> list[Spline]:
    """From the richest to the plainest that the distinct values allow."""
    if most not in _KNOTS:
        raise ValueError("3, 4 or 5 knots")
    if not x.size:
        return []
    found = []
    for size in range(most, 2, -1):
        places = tuple(float(place) for place in np.quantile(x, _KNOTS[size]))
        # Ties may put two knots on one value; a bend needs room on both sides.
        if np.diff(places).min() > 1e-6 * (places[-1] - places[0]) and len(np.unique(x)) >= size:
            found.append(Spline(places))
    return [*found, Spline(constant=bool(np.ptp(x) == 0))]


def _quantiles(values: Floats, weights: Floats, shares: tuple[float, ...]) -> list[Floats]:
    """Quantiles (...) of values (..., n) of which each counts `weights` (..., n) times, as numpy's of the repeated."""
    values = np.broadcast_to(values, weights.shape)
    order = np.argsort(values, axis=-1)
    ranked = np.take_along_axis(values, order, axis=-1)
    reached = np.cumsum(np.take_along_axis(weights, order, axis=-1), axis=-1)
    total = reached[..., -1]

    def at(position: Floats) -> Floats:
        """The value with so much weight at or below it."""
        index = np.minimum((reached <= position[..., None] + 1e-9).sum(axis=-1), values.shape[-1] - 1)
        return np.asarray(np.take_along_axis(ranked, index[..., None], axis=-1)[..., 0])

    found = []
    for share in shares:
        position = np.maximum(total - 1, 0) * share
        below = np.floor(position + 1e-9)
        part = np.clip(position - below, 0, 1)
        found.append(np.where(total > 0, at(below) * (1 - part) + at(below + 1) * part, np.nan))
    return found
