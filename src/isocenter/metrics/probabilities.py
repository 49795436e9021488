"""Probabilities and their logits: what is one, and what is done with 0 and 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit as _expit

from isocenter.errors import BadValues
from isocenter.metrics import Floats

# 0 and 1 have no logit, and forests say both. They are moved inside by half the distance of the nearest
# other score, so "no tree" stands half a step below "one tree", and by no more than this: half the step of
# a forest of 100 trees. Nothing else moves: without 0 and 1 among the scores, every result is that of
# plain logistic regression, and an over-confident network (0.9999999) is seen to be one. A far smaller
# constant (1e-6, 1e-8) would let a single event among a forest's zeros decide the slope.
EDGE = 0.005
# What is nearer than this to 0 or 1 counts as being there: 1 - p has no more digits in floating point.
LEAST = 1e-12


def checked(proba: ArrayLike) -> Floats:
    """The same numbers, all within 0..1; BadValues otherwise, or where one is missing."""
    values = np.asarray(proba, dtype=np.float64)
    wrong = ~((values >= 0) & (values <= 1))
    if wrong.any():
        example = values[wrong].ravel()[0]
        raise BadValues(
            f"{int(wrong.sum()):,} of {values.size:,} scores are no probabilities (the first: {example:g}).",
            "Calibration and net benefit need probabilities: recalibrate the scores on tuning data first "
            "(platt or isotonic), and leave out cases without a prediction.",
        )
    return values


def edge_of(proba: Floats) -> float:
    """Where 0 and 1 are moved among these probabilities: `EDGE`, or less (see there)."""
    distance = np.minimum(proba, 1 - proba)
    return min(EDGE, max(LEAST, float(distance[distance > LEAST].min(initial=1.0)) / 2))


def n_certain(proba: Floats) -> int:
    """How many probabilities are 0 or 1, and are moved: say so beside a slope."""
    return int((np.minimum(proba, 1 - proba) <= LEAST).sum())


def logit(proba: Floats, edge: float | None = None) -> Floats:
    """Log odds, 0 and 1 moved inside by `edge` (None: that of these probabilities)."""
    edge = edge_of(proba) if edge is None else edge
    inside = np.clip(proba, edge, 1 - edge)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def expit(x: Floats) -> Floats:
    """Probability of log odds."""
    return np.asarray(_expit(x), dtype=np.float64)
