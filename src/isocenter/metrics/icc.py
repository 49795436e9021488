"""Intraclass correlation of measurements by several readers, with F-based intervals.

Three models of Shrout and Fleiss (Psychol Bull 1979), each for one reader and for the mean of all:

- 1: other readers for every case, so that their bias is part of the error;
- 2: these readers stand for all readers (absolute agreement; McGraw and Wong's ICC(A,1));
- 3: these readers are the only ones, and their bias is left out (consistency; ICC(C,1)).

Only cases that every reader has measured count. NaN where undefined: fewer than two cases or
readers, or not the slightest difference between any two values.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import fdtri

from isocenter.errors import BadShape
from isocenter.metrics import Floats, ratio, weighted
from isocenter.metrics.intervals import LEVEL, NONE, Interval

Form = Literal["1", "2", "3"]
FORMS: tuple[Form, ...] = ("1", "2", "3")
_ROUNDING = 1e-12


class MeanSquares(NamedTuple):
    """Two-way analysis of variance (...): between cases, between readers, residual, and within cases.

    n (...): cases; k: readers.
    """

    cases: Floats
    readers: Floats
    residual: Floats
    within: Floats
    n: Floats
    k: int


def icc_columns(measurements: ArrayLike) -> Floats:
    """(n, 3 + k) of measurements (n, readers): complete, mean squared, sum of squares, then each reader's.

    0 where one is missing (NaN); BadShape without two axes. Values are taken from their mean.
    """
    values = np.asarray(measurements, dtype=np.float64)
    if values.ndim != 2:
        raise BadShape(f"Measurements of shape {values.shape}.", "Give one row a case and one column a reader.")
    complete = np.asarray(np.isfinite(values).all(axis=1))
    kept = np.where(complete[:, None], values, 0.0)
    centred = (kept - kept.sum() / max(complete.sum() * values.shape[1], 1)) * complete[:, None]
    means = centred.sum(axis=1) / max(values.shape[1], 1)
    return np.column_stack([complete, means**2, (centred**2).sum(axis=1), centred])


def mean_squares_of(sums: Floats) -> MeanSquares:
    """From `weights @ icc_columns` (..., 3 + k)."""
    n, k = sums[..., 0], max(sums.shape[-1] - 3, 1)
    readers_mean = ratio(sums[..., 3:], n[..., None])
    grand = readers_mean.sum(axis=-1) / k
    cases = k * (sums[..., 1] - n * grand**2)
    readers = n * ((readers_mean - grand[..., None]) ** 2).sum(axis=-1)
    within = sums[..., 2] - k * sums[..., 1]
    tiny = _ROUNDING * sums[..., 2]
    cases, readers, within, residual = (np.where(s > tiny, s, 0.0) for s in (cases, readers, within, within - readers))
    free = n - 1
    return MeanSquares(
        ratio(cases, free),
        ratio(readers, np.full_like(n, k - 1)),
        ratio(residual, free * (k - 1)),
        ratio(within, n * (k - 1)),
        n,
        k,
    )


def icc_of(m: MeanSquares, form: Form, average: bool = False) -> Floats:
    """ICC (...) of one reader, or of the average of all k."""
    noise = m.within if form == "1" else m.residual
    bias = m.k * ratio(m.readers - m.residual, m.n) if form == "2" else 0.0
    if average:
        return ratio(m.cases - noise, m.cases + bias / m.k)
    return ratio(m.cases - noise, m.cases + (m.k - 1) * noise + bias)


def icc(measurements: ArrayLike, form: Form = "2", average: bool = False, weights: Floats | None = None) -> Floats:
    """Share of the variance that is between cases: ICC(form, 1), or ICC(form, k) if `average`."""
    columns = icc_columns(measurements)
    return icc_of(mean_squares_of(weighted(weights, len(columns)) @ columns), form, average)


def icc_interval(measurements: ArrayLike, form: Form = "2", average: bool = False, level: float = LEVEL) -> Interval:
    """F-based interval (Shrout and Fleiss 1979; McGraw and Wong, Psychol Methods 1996).

    Exact for forms 1 and 3 with normal values, Satterthwaite's approximation for form 2, as R's irr and psych have
    it. That one is too narrow with few readers: of three who differ as much as the cases do it covers 87 % and not 95
    (simulated, 15 cases); of four who differ a third as much, 95. None where readers never differ, or cases: no
    certainty. For one case a patient.
    """
    m = mean_squares_of(icc_columns(measurements).sum(axis=0))
    value, noise = float(icc_of(m, form)), float(m.within if form == "1" else m.residual)
    if not math.isfinite(value) or noise == 0 or float(m.cases) == 0:
        return NONE
    low, high = _two_way_random(m, value, level) if form == "2" else _from_f(m, form, level)
    if average:
        low, high = (m.k * limit / (1 + (m.k - 1) * limit) for limit in (low, high))
    return Interval(low, high, f"f-icc-{form}")


def _from_f(m: MeanSquares, form: Form, level: float) -> tuple[float, float]:
    n, noise = float(m.n), float(m.within if form == "1" else m.residual)
    free, free_noise = n - 1, (n if form == "1" else n - 1) * (m.k - 1)
    f, tail = float(m.cases) / noise, 0.5 + level / 2
    below, above = f / fdtri(free, free_noise, tail), f * fdtri(free_noise, free, tail)
    return float((below - 1) / (below + m.k - 1)), float((above - 1) / (above + m.k - 1))


def _two_way_random(m: MeanSquares, value: float, level: float) -> tuple[float, float]:
    n, k = float(m.n), m.k
    cases, readers, residual = float(m.cases), float(m.readers), float(m.residual)
    tail = 0.5 + level / 2
    a, b = k * value * readers / residual, n * (1 + (k - 1) * value) - k * value
    free = (n - 1) * (k - 1) * (a + b) ** 2 / ((n - 1) * a**2 + b**2) if a + b else (n - 1) * (k - 1)
    spread = k * readers + (k * n - k - n) * residual
    low_f, high_f = float(fdtri(n - 1, free, tail)), float(fdtri(free, n - 1, tail))
    low = n * (cases - low_f * residual) / (low_f * spread + n * cases)
    high = n * (high_f * cases - residual) / (spread + n * high_f * cases)
    return low, high
