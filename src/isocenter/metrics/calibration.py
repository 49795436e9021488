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

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints, logistic, ratio, weighted
from isocenter.metrics.intervals import NONE, Interval
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
    found = logistic.fit(design, logistic.is_event(events), weights)
    return found[..., 1], found[..., 0] - found[..., 1] * centre


def in_the_large(events: Events, proba: Floats, weights: Floats | None = None) -> Floats:
    """Intercept (...) of the logistic recalibration model with slope 1; NaN with one class."""
    offset = logit(checked(proba))
    return logistic.fit(np.ones((len(offset), 1)), logistic.is_event(events), weights, offset)[..., 0]


def estimates(events: Events, proba: Floats, patients: Ints | None = None) -> dict[str, Valued]:
    """Slope and both intercepts, each with its 95 % interval.

    Wald intervals from the observed information; where patients (n,), codes, repeat, from the
    cluster-robust covariance with Student's t ("wald-patients").
    """
    outcome, own = logistic.is_event(events), patients if logistic.repeated(patients, len(events)) else None
    x = logit(checked(proba))
    design, centre = _design(proba)
    both = logistic.fit(design, outcome)
    spread = logistic.covariance(design, outcome, both, patients=own)
    back = np.array([1.0, -centre])  # the intercept where the logit is 0, not at its mean
    large = logistic.fit(ones := np.ones((len(x), 1)), outcome, offset=x)
    large_spread = logistic.covariance(ones, outcome, large, x, own)
    return {
        "calibration_slope": _wald(both[1], spread[1, 1], own),
        "calibration_intercept": _wald(back @ both, back @ spread @ back, own),
        "calibration_in_the_large": _wald(large[0], large_spread[0, 0], own),
    }


def _design(proba: Floats) -> tuple[Floats, float]:
    """(n, 2) ones and centred logits, and the centre."""
    x = logit(checked(proba))
    centre = float(x.mean()) if x.size else 0.0
    return np.column_stack([np.ones(len(x)), x - centre]), centre


def _wald(value: float, variance: float, patients: Ints | None) -> Valued:
    value, variance = float(value), float(variance)
    if not (math.isfinite(value) and variance > 0):
        return value, NONE
    half = logistic.quantile_of(patients) * math.sqrt(variance)
    return value, Interval(value - half, value + half, "wald" if patients is None else "wald-patients")


def line(reference: Floats, predicted: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Slope and intercept (...) of the straight line of observed on predicted measurements (n,).

    NaN where the predictions are constant.
    """
    w, total, x, y = _centred(reference, predicted, weights)
    spread, above = np.einsum("...n,...n->...", w, x**2), np.einsum("...n,...n,...n->...", w, x, y)
    scale = total * np.square(predicted).max(initial=0.0)
    slope = ratio(above, np.where(spread > _ROUNDING * scale, spread, 0.0))
    return slope, ratio(w @ reference, total) - slope * ratio(w @ predicted, total)


def _centred(reference: Floats, predicted: Floats, weights: Floats | None) -> tuple[Floats, Floats, Floats, Floats]:
    w = weighted(weights, len(reference))
    total = w.sum(axis=-1)
    means = [ratio(w @ values, total)[..., None] for values in (predicted, reference)]
    return w, total, predicted - means[0], reference - means[1]


def line_estimates(reference: Floats, predicted: Floats, patients: Ints | None = None) -> dict[str, Valued]:
    """Slope and intercept of observed on predicted with 95 % intervals.

    Least squares with Student's t (n - 2); where patients repeat, the cluster-robust covariance.
    """
    own = patients if logistic.repeated(patients, len(reference)) else None
    slope, intercept = (float(value) for value in line(reference, predicted))
    design = np.column_stack([np.ones(len(predicted)), predicted - _mean(predicted)])
    error = reference - intercept - slope * predicted
    bread = logistic.inverted(design.T @ design)
    if own is not None:
        spread = logistic.sandwich(bread, design * error[:, None], own)
    else:
        spread = bread * (error @ error / (len(error) - 2) if len(error) > 2 else math.nan)
    back = np.array([1.0, -_mean(predicted)])
    free = np.arange(len(error) - 1) if own is None else own  # t with n - 2 degrees of freedom
    named = {"calibration_slope": (slope, spread[1, 1]), "calibration_intercept": (intercept, back @ spread @ back)}
    return {name: _named(_wald(*found, free), own) for name, found in named.items()}


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else 0.0


def _named(found: Valued, patients: Ints | None) -> Valued:
    value, interval = found
    return (value, interval if interval is NONE or patients is not None else interval._replace(how="least-squares"))
