"""Bland-Altman: how far two measurements of the same thing lie apart, with intervals of the limits.

The difference is predicted - reference; the limits of agreement, bias -+ 1.96 SD, hold 95 % of the
differences if those are normal (Bland and Altman, Lancet 1986; Stat Methods Med Res 1999).

- One case a patient: limits with Carkeet's exact intervals (Optom Vis Sci 2015: noncentral t). The
  approximate ones of 1999 are symmetric, and too near the bias on the far side.
- Several: bias is the mean of the patients' mean differences, and the SD that of one image of a new
  patient (between and within patients); intervals of Zou (Stat Methods Med Res 2013: MOVER), with t
  where he has the normal quantile of the mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from isocenter.metrics import Floats, Ints, same_shape
from isocenter.metrics.intervals import LEVEL, NONE, Interval, z_of
from isocenter.metrics.regression import Moments, error_sd, moments


class Spread(NamedTuple):
    """Of the differences: bias and its standard error, SD, and each variance with its degrees of freedom."""

    bias: float
    error: float
    sd: float
    parts: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """NaN, and no interval, where there are too few cases or no spread.

    low, high: limits of agreement. slope: change of the difference per unit of the mean of both
    (proportional bias), with the p of its t-test; with several images a patient among patients' means.
    """

    n: int
    n_patients: int
    bias: float
    bias_interval: Interval
    sd: float
    low: float
    low_interval: Interval
    high: float
    high_interval: Interval
    slope: float
    slope_interval: Interval
    slope_p: float


def limits_of(m: Moments, share: float = 0.95) -> tuple[Floats, Floats]:
    """Limits of agreement (...) from weighted moments, for a bootstrap; every case counts, whosoever it is."""
    half = z_of(share) * error_sd(m)
    return m.bias - half, m.bias + half


def bland_altman(
    reference: ArrayLike,
    predicted: ArrayLike,
    patients: Ints | None = None,
    *,
    share: float = 0.95,
    level: float = LEVEL,
) -> BlandAltman:
    """reference, predicted: (n,), a pair with a NaN is left out; patients: (n,) codes, None: one case each.

    share: of the differences between the limits; level: of the intervals. BadShape.
    """
    same_shape(reference, predicted)
    y, f = np.asarray(reference, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    codes = np.arange(len(y)) if patients is None else np.asarray(patients)
    same_shape(y, codes)
    both = np.isfinite(y) & np.isfinite(f)
    y, f, codes = y[both], f[both], np.unique(codes[both], return_inverse=True)[1]
    counts = np.bincount(codes)
    spread = _spread(f - y, codes, counts)
    (low, high), z = _limits(spread, len(counts), share, level), z_of(share)
    slope, slope_interval, p = _slope(_means(y, codes, counts), _means(f, codes, counts), level)
    return BlandAltman(
        len(y),
        len(counts),
        spread.bias,
        _around(spread.bias, spread.error, len(counts) - 1, "t", level),
        spread.sd,
        spread.bias - z * spread.sd,
        low,
        spread.bias + z * spread.sd,
        high,
        slope,
        slope_interval,
        p,
    )


def _means(values: Floats, codes: Ints, counts: Ints) -> Floats:
    return np.asarray(np.bincount(codes, weights=values) / counts)


def _spread(differences: Floats, codes: Ints, counts: Ints) -> Spread:
    """Variance between the patients' means, and what one image adds to it within a patient."""
    n_patients = len(counts)
    if n_patients < 2:
        return Spread(float(differences.mean()) if n_patients else math.nan, math.nan, math.nan, ())
    means = _means(differences, codes, counts)
    between, free = float(means.var(ddof=1)), len(differences) - n_patients
    parts = [(between, n_patients - 1)]
    if free:
        within = float(((differences - means[codes]) ** 2).sum()) / free
        parts.append(((1 - float((1 / counts).mean())) * within, free))
    sd = math.sqrt(sum(variance for variance, _ in parts))
    return Spread(float(means.mean()), math.sqrt(between / n_patients), sd, tuple(parts))


def _limits(s: Spread, n_patients: int, share: float, level: float) -> tuple[Interval, Interval]:
    if not s.sd > 0:
        return NONE, NONE
    z = z_of(share)
    near, far = _carkeet(s, n_patients, z, level) if len(s.parts) == 1 else _zou(s, n_patients, z, level)
    how = "carkeet-exact" if len(s.parts) == 1 else "zou-mover"
    return Interval(s.bias - far, s.bias - near, how), Interval(s.bias + near, s.bias + far, how)


def _carkeet(s: Spread, n: int, z: float, level: float) -> tuple[float, float]:
    """Least and greatest distance of a limit from the bias."""
    from scipy.stats import nct  # slow to import

    root = math.sqrt(n)
    near, far = (float(nct.ppf(tail, n - 1, z * root)) / root for tail in ((1 - level) / 2, (1 + level) / 2))
    return near * s.sd, far * s.sd


def _zou(s: Spread, n: int, z: float, level: float) -> tuple[float, float]:
    """As `_carkeet`: distances of the mean's and of the variances' own limits, added in quadrature."""
    from scipy.special import chdtri, stdtrit

    variance, mean = s.sd**2, float(stdtrit(n - 1, 0.5 + level / 2)) * s.error

    def off(tail: float) -> float:
        return math.sqrt(sum((v * (free / float(chdtri(free, tail)) - 1)) ** 2 for v, free in s.parts))

    least = math.sqrt(max(variance - off((1 - level) / 2), 0.0))
    most = math.sqrt(variance + off((1 + level) / 2))
    near, far = math.hypot(mean, z * (s.sd - least)), math.hypot(mean, z * (most - s.sd))
    return z * s.sd - near, z * s.sd + far


def _slope(reference: Floats, predicted: Floats, level: float) -> tuple[float, Interval, float]:
    """Least squares of predicted - reference on the mean of both: slope, interval, two-sided p."""
    n = len(reference)
    m = moments((reference + predicted) / 2, predicted - reference)
    if n < 3 or not m.var_reference > 0:
        return math.nan, NONE, math.nan
    slope = float(m.covariance / m.var_reference)
    residual = max(float(m.var_predicted) - slope * float(m.covariance), 0.0)
    error = math.sqrt(residual / ((n - 2) * float(m.var_reference)))
    from scipy.special import stdtr  # `estimation` does without scipy, until there are measurements

    p = 2 * float(stdtr(n - 2, -abs(slope) / error)) if error else math.nan
    return slope, _around(slope, error, n - 2, "t", level), p


def _around(value: float, error: float, free: int, how: str, level: float) -> Interval:
    if free < 1 or not error > 0:
        return NONE
    from scipy.special import stdtrit

    half = float(stdtrit(free, 0.5 + level / 2)) * error
    return Interval(value - half, value + half, how)
