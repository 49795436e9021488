"""Predicted against measured numbers: MAE, RMSE, R2, Spearman's rank correlation."""

from __future__ import annotations

import numpy as np

from isocenter.metrics import Floats, ratio, weighted
from isocenter.metrics.ranking import Ranking, midranks

_ROUNDING = 1e-12


def error_columns(reference: Floats, predicted: Floats) -> Floats:
    """(n, 5) per case: 1, |error|, error squared, reference, reference squared: all that the sums need.

    The reference is taken from its mean, so that its variance does not drown in rounding.
    """
    error, centred = predicted - reference, reference - reference.mean()
    return np.column_stack([np.ones(len(error)), np.abs(error), error**2, centred, centred**2])


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


def mae(reference: Floats, predicted: Floats, weights: Floats | None = None) -> Floats:
    return mae_of(weighted(weights, len(reference)) @ error_columns(reference, predicted))


def rmse(reference: Floats, predicted: Floats, weights: Floats | None = None) -> Floats:
    return rmse_of(weighted(weights, len(reference)) @ error_columns(reference, predicted))


def r2(reference: Floats, predicted: Floats, weights: Floats | None = None) -> Floats:
    return r2_of(weighted(weights, len(reference)) @ error_columns(reference, predicted))


def spearman(reference: Floats, predicted: Floats, weights: Floats | None = None) -> Floats:
    return spearman_of(Ranking.of(reference), Ranking.of(predicted), weighted(weights, len(reference)))
