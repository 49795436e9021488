"""Logistic regression by maximum likelihood, without penalty, for any number of weightings at once.

What calibration and recalibration need: scikit-learn's own shrinks by default, and fits one at a time.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from isocenter.metrics import Floats, Ints, weighted
from isocenter.metrics.intervals import LEVEL
from isocenter.metrics.probabilities import expit

Outcome = Floats | NDArray[np.bool_]
# Newton's method needs about 6 steps; where events and others are separated the best coefficients
# are infinite and no number of steps is enough.
MOST_STEPS = 40
_CLOSE = 1e-9
# Columns whose (scaled) information has a smaller eigenvalue say the same thing twice.
_SINGULAR = 1e-11


def fit(
    design: Floats,
    outcome: Outcome,
    weights: Floats | None = None,
    *,
    offset: Floats | None = None,
    start: Floats | None = None,
) -> Floats:
    """Coefficients (..., q) of the columns of `design` (n, q), for weights (..., n).

    outcome: (n,) 0 or 1; offset: (n,) added to the linear predictor; start: (q,) where to begin, such
    as the coefficients of all cases. NaN where no finite best coefficients exist: one class,
    separated classes, columns that repeat each other, no weight.
    """
    y, w = np.asarray(outcome, dtype=np.float64), weighted(weights, len(outcome))
    flat, shift = w.reshape(math.prod(w.shape[:-1]), len(outcome)), np.zeros(1) if offset is None else offset
    begin = np.zeros((1, design.shape[1])) if start is None else start[None, :]
    if start is None and len(flat) > 1:  # draws lie close to what all of them together say
        begin = np.nan_to_num(_newton(design, y, flat.mean(axis=0, keepdims=True), shift, begin))
    found = _newton(design, y, flat, shift, np.repeat(begin, len(flat), axis=0))
    return found.reshape(*w.shape[:-1], design.shape[1])


def _newton(design: Floats, outcome: Floats, weights: Floats, offset: Floats, start: Floats) -> Floats:
    """(b, q) from weights (b, n) and start (b, q); a step that overshoots is halved (the likelihood is concave)."""
    found = np.full(start.shape, np.nan)
    pairs = np.einsum("ni,nj->nij", design, design).reshape(-1, design.shape[1] ** 2)
    rows, now, step = np.arange(len(start)), start, np.zeros(start.shape)
    promised = np.zeros(len(start))
    for _ in range(MOST_STEPS):
        p = expit(now @ design.T + offset)
        slope = (weights * (outcome - p)) @ design
        over = np.einsum("bq,bq->b", slope, step) < -promised / 2
        fresh = _solve((weights * (p * (1 - p))) @ pairs, slope)
        step = np.where(over[:, None], step / 2, fresh)
        now = np.where(over[:, None], now - step, now + step)
        promised = np.where(over, promised / 2, np.einsum("bq,bq->b", slope, step))
        there = ~over & (np.abs(step).max(axis=-1) < _CLOSE * (1 + np.abs(now).max(axis=-1)))
        found[rows[there]] = now[there]
        going = ~there & np.isfinite(step).all(axis=-1)
        if not going.any():
            break
        rows, now, step, promised, weights = rows[going], now[going], step[going], promised[going], weights[going]
    return found


def _solve(information: Floats, slope: Floats) -> Floats:
    """(b, q) steps from information (b, q * q) and slopes (b, q); NaN where singular."""
    q = slope.shape[-1]
    inverse = inverted(information.reshape(-1, q, q))
    return np.asarray(np.einsum("bij,bj->bi", inverse, slope))


def inverted(information: Floats) -> Floats:
    """(..., q, q) inverse of symmetric matrices; NaN where (nearly) singular."""
    diagonal = np.einsum("...ii->...i", information)
    usable = np.isfinite(information).all(axis=(-1, -2)) & (diagonal > 0).all(axis=-1)
    scale = np.sqrt(np.where(usable[..., None], diagonal, 1.0))
    both = scale[..., :, None] * scale[..., None, :]
    scaled = np.where(usable[..., None, None], information / both, np.eye(information.shape[-1]))
    usable &= np.linalg.eigvalsh(scaled)[..., 0] > _SINGULAR
    scaled = np.where(usable[..., None, None], scaled, np.eye(information.shape[-1]))
    return np.where(usable[..., None, None], np.linalg.inv(scaled) / both, np.nan)


def covariance(
    design: Floats,
    outcome: Outcome,
    coefficients: Floats,
    offset: Floats | None = None,
    patients: Ints | None = None,
) -> Floats:
    """(q, q) covariance of fitted coefficients (q,).

    The inverse of the observed information; with patients (n,), codes of which some repeat, the
    cluster-robust sandwich (Liang and Zeger, Biometrika 1986) times G / (G - 1) for G patients.
    """
    p = expit(design @ coefficients + (0.0 if offset is None else offset))
    bread = inverted((design * (p * (1 - p))[:, None]).T @ design)
    return bread if patients is None else sandwich(bread, design * (outcome - p)[:, None], patients)


def sandwich(bread: Floats, scores: Floats, patients: Ints) -> Floats:
    """(q, q) from the inverse information (q, q) and each case's score (n, q), summed by patient."""
    _, codes = np.unique(patients, return_inverse=True)
    n_patients = int(codes.max()) + 1
    if n_patients < 2:
        return np.full(bread.shape, np.nan)
    summed = np.column_stack([np.bincount(codes, column, n_patients) for column in scores.T])
    return np.asarray(bread @ (summed.T @ summed) @ bread * (n_patients / (n_patients - 1)))


def repeated(patients: Ints | None, n: int) -> bool:
    """Does any patient have several of the n cases?"""
    return patients is not None and len(np.unique(patients)) < n


def t_of(free: int, level: float = LEVEL) -> float:
    """How many standard errors an interval reaches with few degrees of freedom (Student's t); NaN with none."""
    return float(stdtrit(free, 0.5 + level / 2)) if free > 0 else math.nan
