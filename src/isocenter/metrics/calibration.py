"""Is a predicted 20 % an observed 20 %? Calibration slope and intercepts, with intervals.

Two intercepts go by similar names:

- `calibration_intercept`: that of the logistic recalibration model logit P(event) = a + b logit(p),
  fitted together with the slope b (Cox, Biometrika 1958). It means little by itself unless b is 1.
- `calibration_in_the_large`: the intercept with the slope held at 1: above 0 where risk is
  underestimated on the whole, below 0 where it is overestimated.

Perfect is slope 1 and both intercepts 0; a slope below 1 says that predictions are too extreme. All
are fitted without penalty: shrinkage would move the slope, which is the very thing measured. Binary;
several classes or labels each stand against the rest. Measurements: a straight line of observed on
predicted. Curves are in `reliability`, Brier's parts and the calibration error in `scoring`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints, logistic, ratio, weighted
from isocenter.metrics.intervals import NONE, Interval, z_of
from isocenter.metrics.probabilities import checked, logit

Events = NDArray[np.bool_]
Valued = tuple[float, Interval]
_ROUNDING = 1e-12


def slope_and_intercept(events: Events, proba: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Slope and intercept (...) of the logistic recalibration model; events, proba: (n,).

    NaN with one class, constant scores, or scores that separate the classes. BadValues for
    scores that are no probabilities.
    """
    design, centre = _design(proba)
    found = logistic.fit(design, events, weights)
    return found[..., 1], found[..., 0] - found[..., 1] * centre


def in_the_large(events: Events, proba: Floats, weights: Floats | None = None) -> Floats:
    """Intercept (...) of the logistic recalibration model with slope 1; NaN with one class."""
    offset = logit(checked(proba))
    return logistic.fit(np.ones((len(offset), 1)), events, weights, offset=offset)[..., 0]


def estimates(events: Events, proba: Floats, patients: Ints | None = None) -> dict[str, Valued]:
    """Slope and both intercepts, each with its 95 % interval.

    Wald intervals from the observed information; where patients (n,), codes, repeat, from the
    cluster-robust covariance with Student's t ("wald-patients").
    """
    own = patients if logistic.repeated(patients, len(events)) else None
    x = logit(checked(proba))
    design, centre = _design(proba)
    both = logistic.fit(design, events)
    spread = logistic.covariance(design, events, both, patients=own)
    back = np.array([1.0, -centre])  # the intercept where the logit is 0, not at its mean
    large = logistic.fit(ones := np.ones((len(x), 1)), events, offset=x)
    large_spread = logistic.covariance(ones, events, large, x, own)
    how, reach = ("wald", z_of()) if own is None else ("wald-patients", logistic.t_of(_n_patients(own) - 1))
    return {
        "calibration_slope": _around(both[1], spread[1, 1], reach, how),
        "calibration_intercept": _around(back @ both, back @ spread @ back, reach, how),
        "calibration_in_the_large": _around(large[0], large_spread[0, 0], reach, how),
    }


def _design(proba: Floats) -> tuple[Floats, float]:
    """(n, 2) ones and centred logits, and the centre."""
    x = logit(checked(proba))
    centre = _mean(x)
    return np.column_stack([np.ones(len(x)), x - centre]), centre


def _around(value: Any, variance: Any, reach: float, how: str) -> Valued:
    """Value and the interval of `reach` standard errors around it; none where there is no variance."""
    if not (math.isfinite(value) and variance > 0):
        return float(value), NONE
    half = reach * math.sqrt(variance)
    return float(value), Interval(float(value) - half, float(value) + half, how)


def line(reference: Floats, predicted: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Slope and intercept (...) of the straight line of observed on predicted measurements (n,).

    NaN where the predictions are constant.
    """
    centre = _mean(predicted), _mean(reference)
    x, y = predicted - centre[0], reference - centre[1]
    sums = weighted(weights, len(x)) @ np.column_stack([np.ones(len(x)), x, y, x * x, x * y])
    total, sum_x, sum_y, sum_xx, sum_xy = np.moveaxis(sums, -1, 0)
    spread = sum_xx - ratio(sum_x**2, total)
    # Constant but for rounding: in this draw, or in all cases
    varies = (spread > _ROUNDING * sum_xx) & (spread > total * (_ROUNDING * np.abs(predicted).max(initial=0.0)) ** 2)
    slope = ratio(sum_xy - ratio(sum_x * sum_y, total), np.where(varies, spread, 0.0))
    return slope, ratio(sum_y, total) + centre[1] - slope * (ratio(sum_x, total) + centre[0])


def line_estimates(reference: Floats, predicted: Floats, patients: Ints | None = None) -> dict[str, Valued]:
    """Slope and intercept of observed on predicted with 95 % intervals.

    Least squares with Student's t (n - 2); where patients repeat, the cluster-robust covariance.
    """
    own = patients if logistic.repeated(patients, len(reference)) else None
    slope, intercept = line(reference, predicted)
    centre = _mean(predicted)
    design = np.column_stack([np.ones(len(predicted)), predicted - centre])
    error, bread = reference - intercept - slope * predicted, logistic.inverted(design.T @ design)
    if own is None:
        free = len(error) - 2
        spread, how = bread * (error @ error / free if free > 0 else math.nan), "least-squares"
    else:
        free = _n_patients(own) - 1
        spread, how = logistic.sandwich(bread, design * error[:, None], own), "least-squares-patients"
    back, reach = np.array([1.0, -centre]), logistic.t_of(free)
    return {
        "calibration_slope": _around(slope, spread[1, 1], reach, how),
        "calibration_intercept": _around(intercept, back @ spread @ back, reach, how),
    }


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else 0.0


def _n_patients(patients: Ints) -> int:
    return len(np.unique(patients))
