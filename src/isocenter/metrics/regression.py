"""Predicted against measured numbers: errors, explained variance, correlation, concordance, calibration.

The limits of agreement of the two are in `differences`. A number that is missing (NaN) on either
side makes the answer NaN.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from isocenter.metrics import Floats, ratio, same_shape, weighted
from isocenter.metrics.intervals import LEVEL, NONE, Interval, z_of
from isocenter.metrics.ranking import Ranking, midranks

_ROUNDING = 1e-12


def error_columns(reference: Floats, predicted: Floats) -> Floats:
    """(n, 9) per case: 1, |error|, error squared, then reference and its square; all that the sums need.

    Then the error, the prediction, its square, and prediction times reference. Both are taken from
    the reference's mean, so that variances do not drown in rounding.
    """
    same_shape(reference, predicted)
    y, f = np.asarray(reference, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    middle = y.mean() if y.size else 0.0
    error, y, f = f - y, y - middle, f - middle
    return np.column_stack([np.ones(len(error)), np.abs(error), error**2, y, y**2, error, f, f**2, y * f])


class Moments(NamedTuple):
    """Of reference, prediction and error = predicted - reference (...); variances of n, not n - 1.

    n: sum of the weights; bias: mean error. A variance is 0 where but for rounding there is none.
    """

    n: Floats
    bias: Floats
    var_error: Floats
    var_reference: Floats
    var_predicted: Floats
    covariance: Floats


def moments_of(sums: Floats) -> Moments:
    """From `weights @ error_columns`."""
    means = ratio(sums, sums[..., :1])
    squares, firsts = means[..., [2, 4, 7]], means[..., [5, 3, 6]]
    spread = squares - firsts**2
    error, reference, predicted = np.moveaxis(np.where(spread <= _ROUNDING * squares, 0.0, spread), -1, 0)
    covariance = means[..., 8] - means[..., 3] * means[..., 6]
    return Moments(sums[..., 0], means[..., 5], error, reference, predicted, covariance)


def moments(reference: Floats, predicted: Floats, weights: Floats | None = None) -> Moments:
    """What `error_sd`, `ccc`, `pearson`, `calibration_slope` and their kin are made of."""
    columns = error_columns(reference, predicted)
    return moments_of(weighted(weights, len(columns)) @ columns)


def error_sd(m: Moments) -> Floats:
    """(...) standard deviation of the error, of n - 1; NaN below two cases."""
    return np.sqrt(ratio(m.n * m.var_error, np.maximum(m.n - 1, 0.0)))


def explained_variance(m: Moments) -> Floats:
    """1 - variance of the error / variance of the reference (...): R2 if the bias were taken off."""
    return 1 - ratio(m.var_error, m.var_reference)


def pearson(m: Moments) -> Floats:
    """Linear correlation (...); NaN where either is constant."""
    return np.clip(ratio(m.covariance, np.sqrt(m.var_reference * m.var_predicted)), -1.0, 1.0)


def ccc(m: Moments) -> Floats:
    """Lin's concordance (...): correlation, lowered by bias and by unequal spread (Biometrics 1989).

    With variances of n, as Lin defines it. NaN where both are constant and the same.
    """
    return ratio(2 * m.covariance, m.var_reference + m.var_predicted + m.bias**2)


def calibration_slope(m: Moments) -> Floats:
    """Slope (...) of the least squares line of observed on predicted: below 1 where predictions are too far apart."""
    return ratio(m.covariance, m.var_predicted)


def pearson_interval(correlation: float, n: float, level: float = LEVEL) -> Interval:
    """Fisher's z; for one case a patient. None below four cases, or at -1 and 1."""
    if not n > 3:
        return NONE
    return _from_z(correlation, 1 / math.sqrt(n - 3), "fisher-z", level)


def ccc_interval(m: Moments, level: float = LEVEL) -> Interval:
    """Lin's variance on Fisher's z scale (Biometrics 1989, corrected 2000), for one case a patient.

    None below three cases, without correlation, or at -1 and 1.
    """
    value, r, n = float(ccc(m)), float(pearson(m)), float(m.n)
    if not n > 2 or not math.isfinite(value * r) or abs(value) >= 1 or r == 0:
        return NONE
    shift = float(m.bias) ** 2 / math.sqrt(float(m.var_reference * m.var_predicted))
    own = 1 - value**2
    spread = (1 - r**2) * value**2 / (own * r**2)
    spread += 2 * value**3 * (1 - value) * shift / (r * own**2) - value**4 * shift**2 / (2 * r**2 * own**2)
    return _from_z(value, math.sqrt(max(spread, 0.0) / (n - 2)), "lin-fisher-z", level)


def _from_z(value: float, sd: float, how: str, level: float) -> Interval:
    if not abs(value) < 1 - _ROUNDING or sd == 0:
        return NONE
    z, half = math.atanh(value), z_of(level) * sd
    return Interval(math.tanh(z - half), math.tanh(z + half), how)


def mae_of(sums: Floats) -> Floats:
    """Mean absolute error (...) from `weights @ error_columns`."""
    return ratio(sums[..., 1], sums[..., 0])


def rmse_of(sums: Floats) -> Floats:
    """Root of the mean squared error (...)."""
    return np.sqrt(ratio(sums[..., 2], sums[..., 0]))


def r2_of(sums: Floats) -> Floats:
    """1 - squared error / squared distance from the mean (...); negative if worse than the mean.

    NaN where the reference is constant.
    """
    spread = sums[..., 4] - ratio(sums[..., 3] ** 2, sums[..., 0])
    varies = spread > _ROUNDING * sums[..., 4]
    return 1 - ratio(sums[..., 2], np.where(varies, spread, 0.0))


def spearman_of(reference: Ranking, predicted: Ranking, weights: Floats) -> Floats:
    """Pearson's correlation (...) of the weighted midranks; NaN where either is constant."""
    total = weights.sum(axis=-1, keepdims=True)
    x, y = (midranks(ranking, weights) - (total + 1) / 2 for ranking in (reference, predicted))
    covariance, var_x, var_y = (np.einsum("...i,...i,...i->...", weights, a, b) for a, b in ((x, y), (x, x), (y, y)))
    varies = (var_x > _ROUNDING * total[..., 0] ** 3) & (var_y > _ROUNDING * total[..., 0] ** 3)
    return np.clip(ratio(covariance, np.where(varies, np.sqrt(np.abs(var_x * var_y)), 0.0)), -1.0, 1.0)


def median_error_of(errors: Ranking, weights: Floats) -> Floats:
    """Weighted median (...) from `Ranking.of(-abs(error))`; of an even number the mean of the middle two."""
    _, mass = errors.tally(weights)
    below = np.cumsum(mass, axis=-1)
    half = below[..., -1:] / 2
    middle = [-errors.thresholds[np.argmax(reached, axis=-1)] for reached in (below >= half, below > half)]
    return np.where(half[..., 0] > 0, (middle[0] + middle[1]) / 2, np.nan)


def percentage_errors(reference: Floats, predicted: Floats) -> Floats:
    """(n,) |error| / |reference|, NaN where the reference is 0."""
    same_shape(reference, predicted)
    return ratio(np.abs(np.subtract(predicted, reference)), np.abs(reference))


def mae(reference: Floats, predicted: Floats, weights: Floats | None = None) -> Floats:
    """Mean absolute error (...) in the unit of the reference, from (n,) and weights (..., n)."""
    return mae_of(weighted(weights, len(reference)) @ error_columns(reference, predicted))


def rmse(reference: Floats, predicted: Floats, weights: Floats | None = None) -> Floats:
    """Root of the mean squared error (...) in the unit of the reference, from (n,) and weights (..., n)."""
    return rmse_of(weighted(weights, len(reference)) @ error_columns(reference, predicted))


def r2(reference: Floats, predicted: Floats, weights: Floats | None = None) -> Floats:
    """1 - squared errors / squared deviations from the mean (...); negative where the mean is closer, at most 1."""
    return r2_of(weighted(weights, len(reference)) @ error_columns(reference, predicted))


def spearman(reference: Floats, predicted: Floats, weights: Floats | None = None) -> Floats:
    """Pearson's correlation of the midranks (...), -1 to 1; NaN where either is constant."""
    same_shape(reference, predicted)
    w = weighted(weights, len(reference))
    if not len(reference) or np.isnan(np.subtract(predicted, reference)).any():
        return np.full(w.shape[:-1], np.nan)
    return spearman_of(Ranking.of(reference), Ranking.of(predicted), w)


def median_absolute_error(reference: Floats, predicted: Floats, weights: Floats | None = None) -> Floats:
    """Weighted median of the absolute errors (...) in the unit of the reference."""
    same_shape(reference, predicted)
    w, errors = weighted(weights, len(reference)), np.abs(np.subtract(predicted, reference))
    if not errors.size or np.isnan(errors).any():
        return np.full(w.shape[:-1], np.nan)
    return median_error_of(Ranking.of(-errors), w)


def mape(reference: Floats, predicted: Floats, weights: Floats | None = None) -> Floats:
    """Mean absolute error as a share of the reference (1 is 100 %); NaN where any reference is 0."""
    w = weighted(weights, len(reference))
    return ratio(w @ percentage_errors(reference, predicted), w.sum(axis=-1))
